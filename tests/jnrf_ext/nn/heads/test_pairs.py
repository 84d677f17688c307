"""The head that scores pairs of mentions."""

from __future__ import annotations

import pytest
import torch
from toy_relations import ADE, DRUG, NO_PAIRS, SCHEMA, bounds, by_rows, one_by_one, toy

from jnrf_ext.nn.heads import pairs as pair_head
from jnrf_ext.nn.heads.pairs import PairHead
from jnrf_ext.packing.mention_rows import MentionRows
from jnrf_ext.schema import Schema


def small_head(schema: Schema = SCHEMA, **settings) -> PairHead:
    torch.manual_seed(0)
    return PairHead(schema, 8, **({"size": 16, "label_embedding": 5} | settings))


def test_it_learns_relations_that_its_rows_decide():
    head = small_head()
    x, mentions, pairs = toy([8, 0, 1, 12, 9])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(x, mentions, pairs).backward()
        optimizer.step()
    found = head.eval().decode(x, mentions)
    assert len(pairs) > 20
    assert by_rows(found, mentions) == sorted(pairs.tolist())
    assert found == sorted(found)
    assert all(probability >= 0.9 for *_, probability in found)


def test_packed_documents_equal_single_ones():
    head = small_head(threshold=0.04).double()
    x, mentions, pairs = toy([5, 0, 1, 7], dtype=torch.float64)
    found, total, heads = [], 0.0, 0
    for rows, alone, own, start in one_by_one(x, mentions, pairs):
        found += [(h + start, t + start, c, p) for h, t, c, p in head.decode(rows, alone)]
        candidates, _ = head._candidates(alone)
        total += head.loss(rows, alone, own) * len(set(candidates.tolist()))
        heads += len(set(candidates.tolist()))
    together = head.decode(x, mentions)
    assert [key[:3] for key in together] == [key[:3] for key in found]
    assert [key[3] for key in together] == pytest.approx([key[3] for key in found])
    torch.testing.assert_close(head.loss(x, mentions, pairs), total / heads)


def test_portions_of_pairs_change_nothing(monkeypatch):
    head = small_head(threshold=0.0, dropout=0.0).double()
    x, mentions, pairs = toy([12, 9], dtype=torch.float64)

    def results():
        loss = head.loss(x, mentions, pairs)
        return loss, torch.autograd.grad(loss, head.parameters()), head.decode(x, mentions)

    loss, gradients, found = results()
    monkeypatch.setattr(pair_head, "PAIRS_AT_ONCE", 7)
    loss_of_portions, gradients_of_portions, found_in_portions = results()
    torch.testing.assert_close(loss, loss_of_portions)
    torch.testing.assert_close(gradients, gradients_of_portions)
    torch.testing.assert_close(torch.tensor(found), torch.tensor(found_in_portions))


def test_a_pair_counts_alike_beside_many_unrelated_ones():
    """By head: a document of thrice the mentions weighs thrice, not nine times."""
    head = small_head()
    losses = []
    for count in (10, 30):
        kinds = [(3 * i, 3 * i, ADE if i % 2 else DRUG) for i in range(count)]
        mentions = MentionRows.of_documents([kinds], bounds(3 * count))
        pairs = torch.tensor([[3, 0, 1]])
        x = torch.zeros(3 * count, 8)
        with_gold, without = (head.loss(x, mentions, p) for p in (pairs, NO_PAIRS))
        losses.append((with_gold - without).item() * (count // 2))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_features_are_those_of_the_paper():
    head = small_head().double()
    x, mentions, _ = toy([4], dtype=torch.float64)
    i, j = torch.tensor([0, 3]), torch.tensor([2, 1])
    got = head._logits(x, mentions, i.numpy(), j.numpy())
    g = torch.cat([x[mentions.last], head.label_embedding(mentions.type)], 1)
    f = torch.nn.functional.celu(head.mlp(g))
    cosine = torch.nn.functional.cosine_similarity(g[i], g[j])
    bilinear = torch.einsum("pg,rg,pg->pr", g[i], head.bilinear, g[j])
    features = torch.cat([f[i], f[j], cosine[:, None], bilinear], 1)
    layers = (head.as_head, head.as_tail, head.similarity)
    weight = torch.cat([layer.weight for layer in layers], 1)
    hidden = torch.nn.functional.celu(features @ weight.T + head.as_head.bias)
    torch.testing.assert_close(got, head.output(hidden))


def test_only_classes_that_the_schema_allows_are_found():
    head = small_head(threshold=0.0)
    x, mentions, _ = toy([9, 4])
    first = SCHEMA.entity_types
    found = head.decode(x, mentions)
    assert found
    for i, j, relation, _ in found:
        arguments = (first[int(mentions.type[i])], first[int(mentions.type[j])])
        assert arguments in SCHEMA.arguments[SCHEMA.relations[relation]]


def test_classes_count_from_wherever_none_stands_in_the_schema():
    schema = Schema(["O", "B-A", "I-A"], ["R", "none", "S"], {"R": [("A", "A")], "S": [("A", "A")]})
    head = small_head(schema, threshold=0.0)
    mentions = MentionRows.of_documents([[(0, 0, 0), (1, 1, 0)]], bounds(2))
    x = torch.randn(2, 8)
    assert [key[:3] for key in head.decode(x, mentions)] == [
        (0, 1, 0),
        (0, 1, 2),
        (1, 0, 0),
        (1, 0, 2),
    ]
    assert head.loss(x, mentions, torch.tensor([[0, 1, 2]])) > head.loss(x, mentions, NO_PAIRS)


def test_gradients_reach_rows_and_all_parameters():
    head = small_head()
    x, mentions, pairs = toy([8])
    x.requires_grad_()
    head.loss(x, mentions, pairs).backward()
    assert x.grad[mentions.last].abs().sum(dim=1).all()
    assert all(p.grad.abs().sum() > 0 for p in head.parameters())


def test_the_gradient_is_that_of_the_loss():
    head = small_head().double()
    x, mentions, pairs = toy([4], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: head.loss(x, mentions, pairs), x.requires_grad_())


def test_it_works_under_autocast():
    head = small_head(threshold=0.0)
    x, mentions, pairs = toy([6])
    with torch.autocast("cpu", torch.bfloat16):
        loss = head.loss(x.bfloat16(), mentions, pairs)
        narrow = head.decode(x, mentions)
    loss.backward()
    assert loss.dtype == torch.float32
    wide = head.decode(x, mentions)
    assert [key[3] for key in narrow] == pytest.approx([key[3] for key in wide], abs=0.03)
    assert loss.item() == pytest.approx(head.loss(x, mentions, pairs).item(), rel=0.03)
