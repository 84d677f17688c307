"""Sentences and distances of mentions and relations, counted in words of the text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.scoring.columns import Codes, columns, from_document
from jnrf.scoring.places import ACROSS, DISTANCES, place
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.text.sentences import words_by_sentence


def placed(*documents):
    """Which mentions cross, and the names of the bins of the relations."""
    side = columns([from_document(d, unique_ids=True) for d in documents], Codes())
    [crosses], [bins] = place([d.text for d in documents], [side["mentions"]], [side["relations"]])
    return crosses.tolist(), [DISTANCES[number] for number in bins]


def pair(text, *spans, links=((0, 1),)):
    mentions = [Mention(f"T{n}", "X", (span,)) for n, span in enumerate(spans)]
    relations = [Relation(f"R{n}", "A", f"T{h}", f"T{t}") for n, (h, t) in enumerate(links)]
    return Document("a", text, mentions, relations)


def distance(text, *spans, links=((0, 1),)):
    [name] = placed(pair(text, *spans, links=links))[1]
    return name


@pytest.mark.parametrize(
    ("between", "name"),
    [(0, "0-5"), (5, "0-5"), (6, "6-10"), (10, "6-10"), (11, "11-20"), (20, "11-20"),
     (21, "21-50"), (50, "21-50"), (51, "51-"), (500, "51-")],
)  # fmt: skip
def test_the_words_between_make_the_bin(between, name):
    text = "drug " + "so " * between + "rash"
    spans = (0, 4), (len(text) - 4, len(text))
    assert distance(text, *spans) == distance(text, *spans, links=((1, 0),)) == name


def test_punctuation_marks_are_words_and_parts_of_words_are_none():
    assert distance("drug, , , , , , rash", (0, 4), (16, 20)) == "6-10"
    assert distance("drug-" * 3 + "rash", (0, 4), (15, 19)) == "0-5"
    # The rest of the word in which the first one ends
    assert distance("drugs a b c d e rash", (0, 4), (16, 20)) == "0-5"


def test_overlapping_mentions_have_no_word_between():
    text = "a b c d e f g h i j"
    assert distance(text, (0, 19), (0, 1)) == distance(text, (0, 19), (18, 19)) == "0-5"


def test_the_sentence_in_which_a_mention_starts_counts():
    text = "He left. She stayed. So did I."
    assert distance(text, (3, 7), (9, 12)) == "across sentences"
    assert distance(text, (9, 12), (13, 23)) == "0-5"
    assert placed(pair(text, (3, 7), (3, 8), (3, 12), (7, 9), (8, 9), (13, 23)))[0] == [
        False, False, True, False, False, True,
    ]  # fmt: skip


def test_texts_without_words_and_offsets_outside_are_one_sentence():
    for text in ("", " \n\n "):
        assert placed(pair(text, (0, 1), (90, 99))) == ([False, False], ["0-5"])
    assert placed(pair("One. Two", (90, 99), (5, 8))) == ([False, False], ["0-5"])


def test_documents_keep_their_own_places_and_some_have_none():
    far = pair("He left. She stayed.", (3, 7), (9, 12))
    near = pair("He left", (0, 2), (3, 7))
    got = placed(Document("x", "No. Yes."), far, Document("y", ""), near, far)[1]
    assert got == ["across sentences", "0-5", "across sentences"]


@given(
    st.text(st.sampled_from("aB.\n ,"), max_size=30),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), min_size=2, max_size=2),
)
def test_places_are_those_of_a_loop_over_the_words(text, spans):
    spans = [(start, start + length) for start, length in spans]
    crosses, [name] = placed(pair(text, *spans))
    starts, ends, sentence = words_by_sentence(text)
    if not len(starts):
        return
    words = [*zip(starts.tolist(), ends.tolist(), sentence.tolist(), strict=True)]

    def sentence_of(at):
        return next((s for _, end, s in words if end > at), words[-1][2])

    (first, first_end), (second, _) = sorted(spans, key=lambda span: span[0])
    if sentence_of(first) != sentence_of(second):
        assert name == DISTANCES[ACROSS]
    else:
        between = sum(first_end <= start < second for start, _, _ in words)
        assert name == DISTANCES[int(np.searchsorted([5, 10, 20, 50], between))]
    for crossing, (start, end) in zip(crosses, spans, strict=True):
        before = [s for at, _, s in words if at < end]
        assert crossing == (sentence_of(start) < (before[-1] if before else words[0][2]))
