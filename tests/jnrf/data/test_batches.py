"""Examples to batches: packed, moved, dealt by a budget, and of one corpus each."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, pairwise

import pytest
import torch
from small_documents import SCHEMA, TEXT, document, train_tokenizer

from jnrf.data.batches import batch_seed, batches, epoch_generator, pack
from jnrf.data.examples import encode_document
from jnrf_ext.errors import InputError
from jnrf_ext.text.tokenizer import Tokenizer

ADE_DRUG = SCHEMA.relations.index("ADE-Drug")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer()


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


def test_moving_a_batch_keeps_where_its_random_numbers_start(examples):
    batch = replace(pack(examples), seed=5)
    assert batch.to("meta").seed == 5
    assert pack(examples).to("meta").seed is None


def test_batches_start_their_random_numbers_from_seed_epoch_and_number_alone():
    seeds = [batch_seed(s, e, n) for s in range(3) for e in range(4) for n in range(50)]
    assert len({*seeds}) == 600
    assert seeds == [batch_seed(s, e, n) for s in range(3) for e in range(4) for n in range(50)]
    torch.manual_seed(max(seeds))  # torch takes them all


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
