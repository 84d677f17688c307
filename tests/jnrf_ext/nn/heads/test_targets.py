"""The head that tags what belongs to a target mention."""

from __future__ import annotations

import pytest
import torch
from toy_relations import ADE, DRUG, NO_PAIRS, REASON, SCHEMA, bounds, by_rows, one_by_one, toy

from jnrf_ext.nn.heads import targets as target_head
from jnrf_ext.nn.heads.targets import TargetHead
from jnrf_ext.packing.mention_rows import MentionRows, row_kinds
from jnrf_ext.schema import Schema

WIDTH = 8


def small_head(context: int = 50, width: int = WIDTH, schema: Schema = SCHEMA) -> TargetHead:
    torch.manual_seed(0)
    return TargetHead(schema, width, context)


def mentions_of(*mentions: tuple[int, int, int], rows: int) -> MentionRows:
    return MentionRows.of_documents([list(mentions)], bounds(rows))


def gold_tags(head: TargetHead, mentions: MentionRows, pairs: list[list[int]]) -> list[list[str]]:
    """The tags of each sequence, by name."""
    targets = head._targets(mentions)
    tags, _ = head._gold_tags(mentions, torch.tensor(pairs), targets)
    names = [head.tags[tag] for tag in tags.tolist()]
    return [names[a:b] for a, b in zip(targets.cu[:-1], targets.cu[1:], strict=True)]


def emit(head: TargetHead, tags: list[str], monkeypatch) -> None:
    """Have the head be sure of these tags, whatever its input."""
    scores = torch.zeros(len(tags), len(head.tags))
    for row, tag in enumerate(tags):
        scores[row, head.tags.index(tag)] = 20.0
    monkeypatch.setattr(head, "_emissions", lambda *_: scores)


def test_it_learns_relations_that_its_rows_decide():
    head = small_head(width=32)
    x, mentions, pairs = toy([6, 0, 1, 9, 7], width=32, second=False)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(250):
        optimizer.zero_grad()
        head.loss(x, mentions, pairs).backward()
        optimizer.step()
    found = head.eval().decode(x, mentions)
    assert len(pairs) > 5
    assert head.out_of_reach(mentions, pairs) == 0
    assert by_rows(found, mentions) == sorted(pairs.tolist())
    assert found == sorted(found)
    assert all(probability > 0.5 for *_, probability in found)


def test_packed_documents_equal_single_ones():
    head = small_head(context=7).double()
    x, mentions, pairs = toy([6, 0, 1, 9], dtype=torch.float64)
    found, total, count = [], 0.0, 0
    for rows, alone, own, start in one_by_one(x, mentions, pairs):
        found += [(h + start, t + start, c, p) for h, t, c, p in head.decode(rows, alone)]
        targets = len(head._targets(alone).mention)
        total += head.loss(rows, alone, own) * targets
        count += targets
    together = head.decode(x, mentions)
    assert found
    assert [key[:3] for key in together] == [key[:3] for key in found]
    assert [key[3] for key in together] == pytest.approx([key[3] for key in found])
    torch.testing.assert_close(head.loss(x, mentions, pairs), total / count)


@pytest.mark.parametrize("rows", [1, 20, 45])
def test_portions_of_sequences_change_nothing(rows, monkeypatch):
    head = small_head(context=7).double()
    x, mentions, pairs = toy([9, 7], dtype=torch.float64)

    def results():
        loss = head.loss(x, mentions, pairs)
        return loss, torch.autograd.grad(loss, head.parameters()), head.decode(x, mentions)

    loss, gradients, found = results()
    monkeypatch.setattr(target_head, "ROWS_AT_ONCE", rows)
    loss_of_portions, gradients_of_portions, found_in_portions = results()
    assert found
    torch.testing.assert_close(loss, loss_of_portions)
    torch.testing.assert_close(gradients, gradients_of_portions)
    torch.testing.assert_close(torch.tensor(found), torch.tensor(found_in_portions))


def test_gold_heads_of_a_target_are_tagged_within_its_context():
    head = small_head(context=3)
    mentions = mentions_of((0, 0, REASON), (1, 2, ADE), (4, 4, DRUG), (7, 7, DRUG), rows=9)
    tags = gold_tags(head, mentions, [[1, 4, 1], [0, 4, 3], [1, 7, 1]])
    # Rows 1 to 7 around the first drug; nothing that could be a head is near the second.
    assert tags == [["B-ADE-Drug", "I-ADE-Drug", "O", "O", "O", "O", "O"]]


def test_contexts_end_with_the_document():
    head = small_head(context=100)
    mentions = MentionRows.of_documents(
        [[(0, 0, ADE), (1, 1, DRUG)], [(0, 0, DRUG), (2, 3, ADE)]], bounds(2, 4)
    )
    targets = head._targets(mentions)
    assert targets.mention.tolist() == [1, 2]
    assert targets.start.tolist() == [0, 2]
    assert targets.cu.tolist() == [0, 2, 6]


def test_pairs_that_tags_cannot_express_are_counted():
    head = small_head(context=3)
    listed = [(0, 1, ADE), (3, 3, REASON), (4, 4, DRUG), (8, 8, DRUG)]
    mentions = mentions_of(*listed, rows=9)

    def lost(*pairs):
        return head.out_of_reach(mentions, torch.tensor(pairs))

    assert lost([3, 4, 3]) == 0
    assert lost([0, 4, 1]) == 1  # begins a row before the context
    assert lost([3, 8, 3]) == 1
    assert lost([3, 4, 3], [3, 4, 2]) == 1  # a second class of one pair
    assert lost([3, 4, 1], [4, 3, 1]) == 2  # not in the schema
    assert lost([2, 4, 1], [3, 5, 3]) == 0  # not between these mentions
    assert head.out_of_reach(mentions, NO_PAIRS) == 0


def test_of_overlapping_heads_that_lose_rows_to_another_each_is_counted():
    head = small_head(context=9)
    mentions = mentions_of((0, 2, ADE), (1, 1, REASON), (4, 4, DRUG), rows=5)
    assert head.out_of_reach(mentions, torch.tensor([[0, 4, 1], [1, 4, 3]])) == 1


def test_rows_are_marked_by_target_and_by_mention_type():
    head = small_head(context=9)
    mentions = mentions_of((0, 1, ADE), (3, 4, DRUG), rows=6)
    targets = head._targets(mentions)
    kinds = row_kinds(mentions, 6)
    rows, kinds, indicator, cu = head._inputs(
        mentions, targets, kinds, slice(0, 1), torch.device("cpu")
    )
    assert rows.tolist() == list(range(6))
    assert kinds.tolist() == [1 + 2 * ADE, 2 + 2 * ADE, 0, 1 + 2 * DRUG, 2 + 2 * DRUG, 0]
    assert indicator.tolist() == [0, 0, 0, 1, 1, 0]
    assert cu.tolist() == [0, 6]


def test_a_head_needs_most_of_its_rows(monkeypatch):
    head = small_head()
    mentions = mentions_of((0, 2, ADE), (4, 4, DRUG), rows=5)
    x = torch.zeros(5, WIDTH)
    emit(head, ["O", "B-ADE-Drug", "I-ADE-Drug", "O", "O"], monkeypatch)
    [(i, j, relation, probability)] = head.decode(x, mentions)
    assert (i, j, SCHEMA.relations[relation]) == (0, 1, "ADE-Drug")
    assert probability == pytest.approx(2 / 3, abs=1e-3)
    emit(head, ["O", "O", "B-ADE-Drug", "O", "O"], monkeypatch)
    assert head.decode(x, mentions) == []


def test_only_classes_that_the_schema_allows_are_found(monkeypatch):
    head = small_head()
    mentions = mentions_of((0, 0, ADE), (2, 2, DRUG), rows=3)
    emit(head, ["B-Reason-Drug", "O", "B-ADE-Drug"], monkeypatch)
    assert head.decode(torch.zeros(3, WIDTH), mentions) == []


def test_classes_count_from_wherever_none_stands_in_the_schema(monkeypatch):
    schema = Schema(["O", "B-A", "I-A"], ["R", "none", "S"], {"S": [("A", "A")]})
    head = small_head(schema=schema)
    mentions = mentions_of((0, 0, 0), (1, 1, 0), rows=2)
    assert gold_tags(head, mentions, [[0, 1, 2]]) == [["O", "O"], ["B-S", "O"]]
    emit(head, ["O", "O", "B-S", "O"], monkeypatch)
    assert [key[:3] for key in head.decode(torch.zeros(2, WIDTH), mentions)] == [(0, 1, 2)]


def test_gradients_reach_rows_and_all_parameters():
    head = small_head()
    x, mentions, pairs = toy([8])
    x.requires_grad_()
    head.loss(x, mentions, pairs).backward()
    assert x.grad.abs().sum(dim=1).all()
    assert all(p.grad.abs().sum() > 0 for p in head.parameters())


def test_the_gradient_is_that_of_the_loss():
    head = small_head().double()
    x, mentions, pairs = toy([3], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: head.loss(x, mentions, pairs), x.requires_grad_())


def test_it_works_under_autocast():
    head = small_head()
    x, mentions, pairs = toy([6])
    with torch.autocast("cpu", torch.bfloat16):
        loss = head.loss(x.bfloat16(), mentions, pairs)
        head.decode(x, mentions)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(head.loss(x, mentions, pairs).item(), rel=0.03)
