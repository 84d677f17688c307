"""Text in, documents out: offsets, merging, relations, batches, and the authors' way."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from jnrf_ext import JNRF, InputError, JNRFConfig, Schema, Tokenizer

TEXT = "Started warfarin 5 mg daily; stopped aspirin 81 mg.\r\nÜber-naïve — 𝒙 warfarin 2 mg\n"
ARGUMENTS = {"Strength-Drug": [("Strength", "Drug")]}
SCHEMA = Schema.from_types(["Drug", "Strength"], ARGUMENTS)
DRUGS = ("warfarin", "aspirin")


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train([TEXT] * 3, 200)


def build(tokenizer, config) -> JNRF:
    torch.manual_seed(0)
    return JNRF(config, tokenizer).eval()


@pytest.fixture
def model(tokenizer):
    """A model whose tags follow the wordpieces: known drugs and numbers, whatever the context."""
    config = JNRFConfig(
        vocab_size=tokenizer.vocab_size, embedding_size=8, hidden_size=16, schema=SCHEMA
    )
    return by_wordpiece(build(tokenizer, config), tokenizer)


def by_wordpiece(model, tokenizer):
    drug, number = set(), set()
    for word in DRUGS:
        drug.update(tokenizer.encode(word).ids.tolist())
    for word in ("5", "81", "2"):
        number.update(tokenizer.encode(word).ids.tolist())
    unit = set(tokenizer.encode("mg").ids.tolist())
    tags = model.config.schema.tags
    table = torch.full((tokenizer.vocab_size, len(tags)), -9.0)
    table[:, tags.index("O")] = 0.0
    for ids, kinds in ((drug, ["B-Drug"]), (number, ["B-Strength"]), (unit, ["I-Strength"])):
        for kind in kinds:
            table[list(ids), tags.index(kind)] = 9.0
            table[list(ids), tags.index(kind.replace("B-", "I-"))] = 8.0

    class Lookup(torch.nn.Module):
        def forward(self, x):
            return self.logits

    lookup = Lookup()
    encode = model.encode

    def remember(input_ids, *rest):
        lookup.logits = table[input_ids]
        return encode(input_ids, *rest)

    model.encode = remember
    model.tag_head.mlp, model.tag_head.output = torch.nn.Identity(), lookup
    return model


def relate_nearest(model):
    """Make every pair related unless it is further apart than a few wordpieces."""
    head = model.relation_head
    with torch.no_grad():
        head.head_projection.weight.zero_()
        head.head_projection.bias.zero_()
        head.alpha.zero_()
        head.beta.zero_()
        head.gamma.zero_()
        related = 1 - model.no_relation
        head.alpha[related] = -1.0
        head.gamma[related] = 20.0 / model.config.distance_unit**2
    return model


def test_offsets_refer_to_the_original_text(model):
    document = model.extract(TEXT)
    assert document.text == TEXT
    assert [(m.type, m.text) for m in document.mentions] == [
        ("Drug", "warfarin"),
        ("Strength", "5 mg"),
        ("Drug", "aspirin"),
        ("Strength", "81 mg"),
        ("Drug", "warfarin"),
        ("Strength", "2 mg"),
    ]
    assert all(TEXT[m.start : m.end] == m.text for m in document.mentions)
    assert all(0 < m.score <= 1 for m in document.mentions)


def test_related_pairs_are_named_by_their_mentions(model):
    document = relate_nearest(model).extract(TEXT)
    text_of = {m.id: m.text for m in document.mentions}
    found = {(text_of[r.head], text_of[r.tail]) for r in document.relations}
    assert ("5 mg", "warfarin") in found
    assert ("81 mg", "aspirin") in found
    assert {r.type for r in document.relations} == {"Strength-Drug"}
    assert all(0.5 <= r.score <= 1 for r in document.relations)


def test_a_list_gives_a_list_in_order_with_ids(model):
    documents = model.extract([TEXT, "", "aspirin"], ids=["a", "b", "c"])
    assert [d.id for d in documents] == ["a", "b", "c"]
    assert [len(d.mentions) for d in documents] == [6, 0, 1]


@pytest.mark.parametrize("batch_tokens", [1, 20, 10_000])
def test_batches_do_not_change_the_result(model, batch_tokens):
    texts = [TEXT, "aspirin 5 mg", TEXT * 3]
    together = relate_nearest(model).extract(texts, batch_tokens=batch_tokens)
    for text, document in zip(texts, together, strict=True):
        alone = model.extract(text)
        assert [m.fragments for m in alone.mentions] == [m.fragments for m in document.mentions]
        assert [(r.head, r.tail) for r in alone.relations] == [
            (r.head, r.tail) for r in document.relations
        ]


def test_the_result_prints_and_converts(model):
    document = relate_nearest(model).extract(TEXT)
    assert "warfarin" in str(document)
    assert "T1\tDrug 8 16\twarfarin" in document.to_brat()
    assert document.to_dict()["mentions"][0]["type"] == "Drug"
    assert json.loads(document.to_json()) == document.to_dict()


def test_a_type_with_both_roles_is_not_related_to_itself(tokenizer):
    schema = Schema.from_types(["Drug", "Strength"], {"SAME": [("Drug", "Drug")]})
    config = JNRFConfig(
        vocab_size=tokenizer.vocab_size, embedding_size=8, hidden_size=16, schema=schema
    )
    model = relate_nearest(by_wordpiece(build(tokenizer, config), tokenizer))
    document = model.extract("aspirin warfarin")
    assert sorted((r.head, r.tail) for r in document.relations) == [("T1", "T2"), ("T2", "T1")]


def test_only_argument_types_of_the_schema_are_related(model):
    document = relate_nearest(model).extract("5 mg 81 mg aspirin")
    type_of = {m.id: m.type for m in document.mentions}
    assert {(type_of[r.head], type_of[r.tail]) for r in document.relations} == {
        ("Strength", "Drug")
    }


def test_training_mode_is_left_as_it_was(model):
    model.train()
    model.extract("aspirin")
    assert model.training


def test_a_model_without_a_tokenizer_says_so(tokenizer):
    config = JNRFConfig(
        vocab_size=tokenizer.vocab_size, embedding_size=8, hidden_size=16, schema=SCHEMA
    )
    with pytest.raises(InputError, match="has no tokenizer"):
        build(None, config).extract("aspirin")


def test_as_many_ids_as_texts_are_asked_for(model):
    with pytest.raises(InputError, match="2 texts but 1 ids"):
        model.extract(["a", "b"], ids=["x"])


@pytest.mark.parametrize(
    "value", [None, b"x", bytearray(b"x"), 7, float("nan"), True, {"text": "x"}]
)
@pytest.mark.parametrize("listed", [False, True])
def test_what_is_no_text_is_told_in_one_line_with_its_place(model, value, listed):
    with pytest.raises(
        InputError, match=r"must not be of type \w+; (give a str|decode it)"
    ) as told:
        model.extract(["fine", value] if listed else value)
    said = str(told.value)
    assert type(value).__name__ in said
    assert ("item 1 of the texts" in said) == listed
    assert ("decode it first" in said) == isinstance(value, bytes | bytearray)


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ("ab", "ids must not be of type str; give a list of str"),
        (7, "ids must not be of type int"),
        ([None], "item 0 of the ids must not be of type NoneType"),
        ([True], "item 0 of the ids must not be of type bool"),
        ([b"a"], "decode it first"),
    ],
)
def test_what_are_no_ids_is_told(model, ids, said):
    with pytest.raises(InputError, match=said):
        model.extract([TEXT], ids=ids)


@pytest.mark.parametrize("size", [-1, 1.5, "9", True])
def test_what_is_no_batch_size_is_told(model, size):
    with pytest.raises(InputError, match="batch_tokens must be a whole number"):
        model.extract(TEXT, batch_tokens=size)


def test_texts_and_ids_may_come_from_anything_that_can_be_gone_through(model):
    expected = model.extract([TEXT, ""], ids=["1", "2"])
    assert model.extract(iter([TEXT, ""])) == expected
    assert model.extract((TEXT, ""), ids=[]) == expected
    assert model.extract(np.array([TEXT, ""], dtype=object), ids=np.array([1, 2])) == expected
    assert model.extract([]) == []
    assert model.extract(TEXT, ids=["a"]).id == "a"


def test_the_authors_way_keeps_one_tail_a_head_and_first_words_only(tokenizer):
    config = JNRFConfig.reference(
        vocab_size=tokenizer.vocab_size,
        embedding_size=8,
        hidden_size=16,
        num_layers=2,
        schema=SCHEMA,
    )
    model = relate_nearest(by_wordpiece(build(tokenizer, config), tokenizer))
    with torch.no_grad():
        model.relation_head.gamma[1 - model.no_relation] = 1e6  # everything is related
    document = model.extract("aspirin x 5 mg warfarin")
    assert [(m.type, m.text) for m in document.mentions] == [
        ("Drug", "aspirin"),
        ("Strength", "5"),
        ("Drug", "warfarin"),
    ]
    (relation,) = document.relations
    # "warfarin" is two words away from "5", as "aspirin" is: the earlier one wins.
    assert (relation.type, relation.head, relation.tail) == ("Strength-Drug", "T2", "T1")
