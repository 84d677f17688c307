"""Mentions of packed documents, their candidate pairs and their gold pairs."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext.packing.mention_rows import (
    MentionRows,
    allowed_classes,
    candidate_pairs,
    related_mentions,
    row_kinds,
)
from jnrf_ext.schema import Schema

SCHEMA = Schema.from_types(
    ["ADE", "Drug", "Reason"],
    {"ADE-Drug": [("ADE", "Drug")], "Reason-Drug": [("Reason", "Drug"), ("ADE", "Drug")]},
)
ADE, DRUG, REASON = range(3)


def bounds(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


def test_rows_are_counted_through_the_batch():
    mentions = MentionRows.of_documents(
        [[(0, 1, ADE), (3, 3, DRUG)], [], [(2, 4, REASON)]], bounds(5, 3, 6)
    )
    assert mentions.first.tolist() == [0, 3, 10]
    assert mentions.last.tolist() == [1, 3, 12]
    assert mentions.type.tolist() == [ADE, DRUG, REASON]
    assert mentions.cu.tolist() == [0, 2, 2, 3]
    assert len(mentions) == 3
    assert mentions.to("meta").first.device.type == "meta"
    assert mentions.to("meta").cu.device.type == "cpu"


def test_classes_join_the_types_of_the_schema_and_none_joins_nothing():
    allowed = allowed_classes(SCHEMA)
    assert allowed.shape == (3, 3, 3)
    assert np.argwhere(allowed).tolist() == [[ADE, DRUG, 1], [ADE, DRUG, 2], [REASON, DRUG, 2]]


DOCUMENTS = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=6), max_size=4
)


@given(DOCUMENTS, st.integers(0, 511), st.sampled_from([None, 0, 3]))
def test_candidates_are_all_allowed_pairs_of_a_document(documents, bits, most):
    allowed = np.array([bool(bits >> i & 1) for i in range(9)]).reshape(3, 3)
    listed = [[(row, row, kind) for row, kind in mentions] for mentions in documents]
    mentions = MentionRows.of_documents(listed, bounds(*(10 for _ in documents)))
    flat = [(d, row, kind) for d, found in enumerate(documents) for row, kind in found]
    expected = [
        (i, j)
        for i, (d, row, kind) in enumerate(flat)
        for j, (other, row_j, kind_j) in enumerate(flat)
        if i != j and d == other and allowed[kind, kind_j]
        if most is None or abs(row - row_j) <= most
    ]
    head, tail = candidate_pairs(mentions, allowed, most)
    assert head.dtype == tail.dtype == np.int64
    assert list(zip(head.tolist(), tail.tolist(), strict=True)) == expected


def test_gold_pairs_are_found_by_first_rows_and_others_ignored():
    mentions = MentionRows.of_documents([[(0, 1, ADE), (3, 3, DRUG)]], bounds(5))
    pairs = torch.tensor([[0, 3, 2], [0, 4, 1], [1, 3, 1], [-1, 3, 1], [3, 0, 1], [0, 0, 1]])
    found = related_mentions(mentions, pairs, allowed_classes(SCHEMA))
    assert found.tolist() == [[0, 1, 2], [1, 0, 1]]


def test_of_mentions_that_begin_in_one_row_those_of_fitting_types_are_meant():
    mentions = MentionRows.of_documents([[(0, 1, DRUG), (0, 0, REASON), (3, 3, DRUG)]], bounds(5))
    pairs = torch.tensor([[0, 3, 2], [0, 3, 1]])
    found = related_mentions(mentions, pairs, allowed_classes(SCHEMA))
    assert found.tolist() == [[1, 2, 2], [0, 2, 1]]


def test_no_mentions_have_no_pairs():
    mentions = MentionRows.of_documents([[], []], bounds(0, 4))
    head, tail = candidate_pairs(mentions, np.ones((3, 3), bool))
    assert len(head) == len(tail) == len(mentions) == 0
    none = torch.zeros(0, 3, dtype=torch.int64)
    assert related_mentions(mentions, none, allowed_classes(SCHEMA)).shape == (0, 3)


def test_rows_are_numbered_by_the_mention_they_are_in():
    mentions = MentionRows.of_documents(
        [[(1, 4, ADE), (2, 3, REASON)], [(0, 0, DRUG)]], bounds(6, 2)
    )
    inside = 2 + 2 * ADE
    assert row_kinds(mentions, 8).tolist() == [
        *(0, 1 + 2 * ADE, inside, inside, inside, 0),
        *(1 + 2 * DRUG, 0),
    ]
