"""What every relation head over mentions does alike."""

from __future__ import annotations

import pytest
import torch
from toy_relations import ADE, DRUG, NO_PAIRS, SCHEMA, bounds, toy

from jnrf_ext.nn.heads.pairs import PairHead
from jnrf_ext.nn.heads.spans import SpanHead
from jnrf_ext.nn.heads.targets import TargetHead
from jnrf_ext.packing.mention_rows import MentionPairHead, MentionRows

HEADS = {
    "pairs": lambda: PairHead(SCHEMA, 8, size=16, label_embedding=5),
    "spans": lambda: SpanHead(SCHEMA, 8, size=16),
    "targets": lambda: TargetHead(SCHEMA, 8, context=50),
}


def pair_head_that_finds_all(max_distance: int) -> PairHead:
    return PairHead(SCHEMA, 8, size=16, label_embedding=5, max_distance=max_distance, threshold=0.0)


def span_head_that_finds_all(max_distance: int) -> SpanHead:
    head = SpanHead(SCHEMA, 8, size=16, max_distance=max_distance)
    with torch.no_grad():
        head.output.bias[head.none] = -9.0
    return head.eval()


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("counts", [[], [0], [0, 0], [1, 1]])
def test_without_candidates_the_loss_is_0_with_a_gradient(kind, counts):
    torch.manual_seed(0)
    head: MentionPairHead = HEADS[kind]()
    x, mentions, pairs = toy(counts)
    x.requires_grad_()
    loss = head.loss(x, mentions, pairs)
    assert loss == 0
    loss.backward()
    assert not x.grad.any()
    assert head.decode(x, mentions) == []
    assert head.out_of_reach(mentions, pairs) == 0


@pytest.mark.parametrize("make", [pair_head_that_finds_all, span_head_that_finds_all])
def test_pairs_too_far_apart_are_counted_and_ignored(make):
    torch.manual_seed(0)
    head = make(max_distance=5)
    kinds = [(0, 0, ADE), (5, 5, DRUG), (6, 6, DRUG)]
    mentions = MentionRows.of_documents([kinds], bounds(7))
    x = torch.randn(7, 8)
    far = torch.tensor([[0, 6, 1], [5, 0, 1], [0, 5, 3], [4, 5, 1]])
    assert {key[:2] for key in head.decode(x, mentions)} == {(0, 1)}
    assert torch.equal(head.loss(x, mentions, far), head.loss(x, mentions, NO_PAIRS))
    # The last one's head is no mention: that is not a matter of reach.
    assert head.out_of_reach(mentions, far) == 3
    assert head.out_of_reach(mentions, torch.tensor([[0, 5, 1]])) == 0
