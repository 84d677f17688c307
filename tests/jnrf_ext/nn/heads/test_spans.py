"""The head that scores pairs of mentions by both and by what lies between them."""

from __future__ import annotations

import pytest
import torch
from no_waits import NoWaits
from toy_relations import ADE, DRUG, NO_PAIRS, SCHEMA, bounds, by_rows, one_by_one, toy

from jnrf_ext.nn.convolution import ConvolutionLayer
from jnrf_ext.nn.heads import spans as span_head
from jnrf_ext.nn.heads.spans import SpanHead
from jnrf_ext.nn.recurrent import RecurrentLayer
from jnrf_ext.packing.mention_rows import MentionRows
from jnrf_ext.schema import Schema


def small_head(schema: Schema = SCHEMA, **settings) -> SpanHead:
    torch.manual_seed(0)
    return SpanHead(schema, 8, **({"size": 16} | settings))


def convolution(number: int) -> ConvolutionLayer:
    return ConvolutionLayer(8, 2**number, 0.0)


def eager(head: SpanHead) -> SpanHead:
    """One that finds relations without training: "none" is no likelier than the others."""
    with torch.no_grad():
        head.output.bias[head.none] = -9.0
    return head.eval()


def test_it_learns_relations_that_its_rows_decide():
    head = small_head()
    x, mentions, pairs = toy([8, 0, 1, 12, 9], second=False)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(x, mentions, pairs).backward()
        optimizer.step()
    found = head.eval().decode(x, mentions)
    assert len(pairs) > 20
    assert by_rows(found, mentions) == sorted(pairs.tolist())
    assert found == sorted(found)
    assert all(0.5 < probability <= 1 for *_, probability in found)


def test_a_pair_is_scored_from_its_mentions_and_the_rows_between():
    """Pair by pair, by the formula: what is between is the largest of those rows."""
    head = small_head(layers=convolution, num_layers=2).eval().double()
    x, mentions, _ = toy([6, 1, 9], dtype=torch.float64)
    found = head._pairs(mentions)
    rows = head._marked(x, mentions)
    as_head, as_tail = head._mentions(rows, mentions)
    projected = head.between(rows)
    for index, got in enumerate(head._logits(x, mentions, found)):
        low, high = found.low[index], found.high[index]
        between = projected[low:high].amax(0) if high > low else head.nothing_between
        hidden = as_head[found.head[index]] + as_tail[found.tail[index]]
        hidden = hidden + head.of_between(torch.nn.functional.celu(between))
        for embedding, places in (
            (head.distance_embedding, found.distance),
            (head.kinds_embedding, found.kinds),
            (head.nearer_tails_embedding, found.nearer_tails),
            (head.nearer_heads_embedding, found.nearer_heads),
        ):
            hidden = hidden + embedding.weight[places[index]]
        scores = head.output(torch.nn.functional.celu(hidden)) + head.mask[found.kinds[index]]
        torch.testing.assert_close(got, scores)


def test_the_mean_of_a_mention_is_that_of_its_rows():
    head = small_head().double()
    mentions = MentionRows.of_documents([[(1, 3, ADE)]], bounds(5))
    x = torch.randn(5, 8, dtype=torch.float64)
    rows = torch.cat([x[1], x[3], x[1:4].mean(0)])
    as_head, as_tail = head._mentions(x, mentions)
    torch.testing.assert_close(as_head, head.as_head(rows)[None])
    torch.testing.assert_close(as_tail, head.as_tail(rows)[None])


def test_nearer_candidates_of_the_same_type_are_counted():
    kinds = [(0, 0, DRUG), (4, 4, ADE), (6, 6, DRUG), (20, 20, DRUG)]
    mentions = MentionRows.of_documents([kinds], bounds(21))
    found = small_head()._pairs(mentions)
    ranks = {
        (int(h), int(t)): (int(tails), int(heads))
        for h, t, tails, heads in zip(
            found.head, found.tail, found.nearer_tails, found.nearer_heads, strict=True
        )
        if h == 1
    }
    # For the ADE the drug at 6 is the nearest, then that at 0; for each drug it is the only ADE.
    assert ranks == {(1, 0): (1, 0), (1, 2): (0, 0), (1, 3): (2, 0)}


def test_recurrent_layers_do_not_go_beyond_segments():
    head = small_head(layers=lambda _: RecurrentLayer(8, "lstm", 0.0), num_layers=1)
    mentions = MentionRows.of_documents([[(0, 1, ADE), (5, 5, DRUG)]], bounds(8))
    mentions.cu_segments = torch.tensor([0, 3, 8], dtype=torch.int32)
    x = torch.randn(8, 8)
    before = head._marked(x, mentions)
    x[5:] = 0
    after = head._marked(x, mentions)
    assert torch.equal(before[:3], after[:3])
    assert not torch.isclose(before[3:], after[3:]).all(dim=1).any()


def test_packed_documents_equal_single_ones():
    head = eager(small_head(layers=convolution, num_layers=2)).double()
    x, mentions, pairs = toy([5, 0, 1, 7], dtype=torch.float64)
    found, total, heads = [], 0.0, 0
    for rows, alone, own, start in one_by_one(x, mentions, pairs):
        found += [(h + start, t + start, c, p) for h, t, c, p in head.decode(rows, alone)]
        of_document = len(set(head._pairs(alone).head.tolist()))
        total += head.loss(rows, alone, own) * of_document
        heads += of_document
    together = head.decode(x, mentions)
    assert found
    assert [key[:3] for key in together] == [key[:3] for key in found]
    assert [key[3] for key in together] == pytest.approx([key[3] for key in found])
    torch.testing.assert_close(head.loss(x, mentions, pairs), total / heads)


def test_portions_of_pairs_change_nothing(monkeypatch):
    head = eager(small_head()).double()
    x, mentions, pairs = toy([12, 9], dtype=torch.float64)
    used = [p for name, p in head.named_parameters() if name != "nothing_between"]

    def results():
        loss = head.loss(x, mentions, pairs)
        gradients = torch.autograd.grad(loss, used)
        return loss, gradients, head.decode(x, mentions)

    loss, gradients, found = results()
    monkeypatch.setattr(span_head, "PAIRS_AT_ONCE", 7)
    loss_of_portions, gradients_of_portions, found_in_portions = results()
    torch.testing.assert_close(loss, loss_of_portions)
    torch.testing.assert_close(gradients, gradients_of_portions)
    torch.testing.assert_close(torch.tensor(found), torch.tensor(found_in_portions))


def test_only_classes_that_the_schema_allows_are_found():
    head = eager(small_head())
    x, mentions, _ = toy([9, 4])
    first = SCHEMA.entity_types
    found = head.decode(x, mentions)
    assert found
    for i, j, relation, _ in found:
        arguments = (first[int(mentions.type[i])], first[int(mentions.type[j])])
        assert arguments in SCHEMA.arguments[SCHEMA.relations[relation]]


def test_related_pairs_can_weigh_more():
    x, mentions, pairs = toy([8])
    weighty, plain = small_head(related_weight=3.0).eval(), small_head().eval()
    without = plain.loss(x, mentions, NO_PAIRS)
    assert torch.equal(weighty.loss(x, mentions, NO_PAIRS), without)
    assert weighty.loss(x, mentions, pairs) > plain.loss(x, mentions, pairs)


def test_gradients_reach_rows_and_all_parameters():
    head = small_head()
    kinds = [(0, 1, ADE), (2, 2, DRUG), (5, 5, DRUG)]  # the first two touch
    mentions = MentionRows.of_documents([kinds], bounds(7))
    x = torch.randn(7, 8, requires_grad=True)
    head.loss(x, mentions, torch.tensor([[0, 5, 1]])).backward()
    assert x.grad.any()
    assert all(parameter.grad.any() for parameter in head.parameters())


def test_a_pair_has_one_class_and_further_ones_are_counted():
    head = small_head()
    x, mentions, pairs = toy([9])
    first = {}
    for pair in pairs.tolist():
        first.setdefault(tuple(pair[:2]), pair)
    assert len(first) < len(pairs)
    assert head.out_of_reach(mentions, pairs) == len(pairs) - len(first)
    once = torch.tensor(list(first.values()))
    assert torch.equal(head.loss(x, mentions, pairs), head.loss(x, mentions, once))


def test_mentions_that_overlap_have_nothing_between():
    head = small_head()
    mentions = MentionRows.of_documents([[(0, 4, ADE), (2, 3, DRUG)]], bounds(6))
    found = head._pairs(mentions)
    assert (found.low == found.high).all()
    assert torch.isfinite(head.loss(torch.randn(6, 8), mentions, torch.tensor([[0, 2, 1]])))


def test_training_off_the_cpu_never_waits():
    kinds = [(3 * i, 3 * i + i % 2, ADE if i % 2 else DRUG) for i in range(20)]
    mentions = MentionRows.of_documents([kinds, [], kinds[:5]], bounds(60, 4, 20))
    with torch.device("meta"):
        head = SpanHead(SCHEMA, 8, 16, dropout=0.1, layers=convolution, num_layers=1)
    x = torch.zeros(84, 8, device="meta", requires_grad=True)
    with NoWaits() as log:
        head.loss(x, mentions, torch.tensor([[3, 0, 1]])).backward()
    assert "maximum" in log.operators
    assert x.grad.device.type == "meta"
