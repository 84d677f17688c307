"""BIO labels of words: which tokens there are, and whose they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from word_documents import word_documents

from jnrf.corpora import open_corpus
from jnrf.scoring.entities import spans_of
from jnrf.scoring.label_sequences import label_sequences, paired_label_sequences
from jnrf_ext.documents.document import Document, Mention
from jnrf_ext.errors import InputError


def document(text, *mentions, id="d"):
    """Mentions are given as (type, start, end, start, end, ...)."""
    return Document(
        id,
        text,
        [
            Mention(f"T{n}", type, tuple(zip(at[::2], at[1::2], strict=True)))
            for n, (type, *at) in enumerate(mentions, 1)
        ],
    )


def test_words_are_runs_of_letters_and_digits_or_one_other_character():
    one = document("IL-2, 5 mg", ("Gene", 0, 4), ("Dose", 6, 10))
    assert label_sequences([one]) == [["B-Gene", "I-Gene", "I-Gene", "O", "B-Dose", "I-Dose"]]
    assert label_sequences([one], "whitespace") == [["B-Gene", "B-Dose", "I-Dose"]]


def test_a_token_that_a_mention_touches_is_the_mentions():
    assert label_sequences([document("warfarin5 mg", ("Drug", 0, 8))]) == [["B-Drug", "O"]]


def test_a_discontinuous_mention_takes_its_hull():
    labels = label_sequences([document("dark and hard stool", ("ADE", 0, 4, 14, 19))])
    assert labels == [["B-ADE", "I-ADE", "I-ADE", "I-ADE"]]


def test_of_overlapping_mentions_the_longest_stays():
    labels = label_sequences([document("acute renal failure", ("A", 6, 11), ("B", 0, 19))])
    assert labels == [["B-B", "I-B", "I-B"]]


def test_a_mention_without_a_token_and_a_text_without_words_have_no_label():
    assert label_sequences([document("a  b", ("X", 1, 2)), document(" ", id="e")]) == [
        ["O", "O"],
        [],
    ]


def test_another_choice_of_tokens_is_an_error():
    with pytest.raises(InputError, match="tokens is 'pieces'; choose one of words, whitespace"):
        label_sequences([document("a")], "pieces")


@given(word_documents(overlaps=False, relations=False))
def test_labels_spell_the_mentions_of_whole_words(one):
    [labels] = label_sequences([one], "whitespace")
    words = one.text.split(" ") if one.text else []
    assert len(labels) == len(words)
    spelt = [(t, " ".join(words[first:last])) for t, first, last in spans_of(labels)]
    assert spelt == [(m.type, m.text) for m in one.mentions]


def test_tokens_of_columns_keep_the_tags_of_the_file(shared_data):
    path = shared_data / "bioner" / "NCBI-disease" / "devel.tsv"
    blocks = path.read_text(encoding="utf-8").strip("\n").split("\n\n")
    tags = [[line.split("\t")[1] for line in b.strip("\n").split("\n")] for b in blocks]
    assert label_sequences(open_corpus(path), "whitespace") == tags


def test_a_missing_prediction_labels_nothing():
    gold = [document("iron", ("Drug", 0, 4), id=id) for id in "ab"]
    ours, theirs = paired_label_sequences(gold, gold[1:])
    assert ours == [["B-Drug"], ["B-Drug"]]
    assert theirs == [["O"], ["B-Drug"]]


def test_a_prediction_on_another_text_is_an_error():
    with pytest.raises(InputError, match="document d: gold and prediction have different texts"):
        paired_label_sequences([document("iron")], [document("zinc", ("Drug", 0, 4))])
