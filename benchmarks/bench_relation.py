"""Selection, relation scores and loss, forward and backward, against eager torch.

The work goes from what the networks give (tag logits ``[N, 19]`` and the projected vectors of the
selected tokens, 9 classes of 768) and the gold pairs of the document to the mean cross-entropy over
all head x tail pairs and its gradients for the projections and the polynomial.

Ours: `select_tokens`, then `relation_loss` on the sparse pairs. The peers differ in what they do:

* "reference" is what the authors' code does for a document (scr/JNRF.py, scr/loss.py,
  scr/dataloader_helper.py of ds4dh/JNRF): argmax, a comparison for each label of a role and
  ``torch.where``; projections whose class index runs fastest, permuted for a batched ``@``; the
  polynomial; an ``N x N`` int32 target made from the pairs with numpy, indexed by heads, then by
  tails; ``cross_entropy``.
* "eager, our layout" is kinder than that code: the projections have the class outermost, as ours.
* "eager, our layout, target given" also gets the ``heads x tails`` target of the selected tokens
  for nothing, as if it cost no time to make. Its time is the four products, softmax and backward.

Decoding compares with scores, softmax, argmax and ``torch.where`` in the same layout.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

import numpy as np
import pytest
import torch
from comparison import assert_agree
from floors import Least
from torch.nn import functional

from jnrf_ext import ops

TOKENS, LABELS, CLASSES, SIZE = 4096, 19, 9, 768
TAIL_LABELS = (1, 2)  # B-Drug, I-Drug
HEAD_LABELS = tuple(range(3, LABELS))
NONE = 0


class Document:
    """Logits, projections, coefficients and gold pairs of one invented document."""

    def __init__(self, heads: int, tails: int, device: torch.device):
        generator = torch.Generator().manual_seed(0)
        chosen = torch.randperm(TOKENS, generator=generator)
        self.heads = chosen[:heads].sort().values
        self.tails = chosen[heads : heads + tails].sort().values
        labels = torch.zeros(TOKENS, dtype=torch.int64)
        labels[self.heads] = torch.randint(3, LABELS, (heads,), generator=generator)
        labels[self.tails] = torch.randint(1, 3, (tails,), generator=generator)
        self.logits = functional.one_hot(labels, LABELS).float().to(device)
        roles = [0, *(2 for _ in TAIL_LABELS), *(1 for _ in HEAD_LABELS)]
        self.roles = torch.tensor(roles, dtype=torch.int32, device=device)
        self.cu_seqlens = torch.tensor([0, TOKENS], dtype=torch.int32)

        def normal(*shape):
            return torch.randn(*shape, generator=generator)

        self.u = (normal(tails, CLASSES, SIZE) / SIZE**0.5).to(device).requires_grad_()
        self.w = normal(heads, CLASSES, SIZE).to(device).requires_grad_()
        scale = torch.tensor([[1 / TOKENS**2], [1 / TOKENS], [1.0]])
        self.polynomial = (scale * normal(3, CLASSES)).to(device).requires_grad_()
        # The authors' order of the same numbers: [1, tokens, size x classes].
        self.u_minor, self.w_minor = (
            t.detach().transpose(1, 2).reshape(1, len(t), -1).requires_grad_()
            for t in (self.u, self.w)
        )
        rows = torch.randint(0, heads, (200,), generator=generator)
        columns = torch.randint(0, tails, (200,), generator=generator)
        classes = torch.randint(1, CLASSES, (200,), generator=generator)
        self.pairs = torch.stack([rows, columns, classes], dim=1).to(device)
        tokens = torch.stack([self.heads[rows], self.tails[columns], classes], dim=1)
        self.token_pairs = tokens.tolist()
        target = torch.full((heads, tails), NONE)
        target[rows, columns] = classes
        # As a listing that comes twice would have it: the last one counts.
        for i, j, label in self.pairs.tolist():
            target[i, j] = label
        self.target = target.to(device)


def ours(document: Document):
    """Selection, loss and gradients by the compiled operators."""
    heads, tails, cu_heads, cu_tails = ops.select_tokens(
        document.logits, document.roles, document.cu_seqlens, len(document.w)
    )
    losses = ops.relation_loss(
        document.u,
        document.w,
        tails[: len(document.u)],
        heads,
        cu_tails,
        cu_heads,
        *document.polynomial,
        document.pairs,
        NONE,
    )
    loss = losses.sum() / (len(document.u) * len(document.w))
    return loss.detach(), *torch.autograd.grad(loss, (document.u, document.w, document.polynomial))


def tokens_of(logits, labels):
    """The authors' selection of the tokens that have one of these labels."""
    predicted = logits.argmax(dim=-1)
    return torch.where(reduce(or_, [predicted == label for label in labels]))[0]


def dense_target(document: Document):
    """The authors' target of a document, tokens x tokens."""
    target = np.ones((TOKENS, TOKENS), dtype=np.int32) * NONE
    for head, tail, label in document.token_pairs:
        target[head, tail] = label
    return torch.from_numpy(target).to(document.logits.device)


def distance_polynomial(document: Document, heads, tails):
    alpha, beta, gamma = document.polynomial[:, :, None, None]
    distance = heads.reshape(-1, 1) - tails
    return (distance**2) * alpha + distance * beta + gamma


def reference_code(document: Document):
    """The authors' code, with their order of classes in memory."""
    heads = tokens_of(document.logits, HEAD_LABELS)
    tails = tokens_of(document.logits, TAIL_LABELS)
    u, w = (t.reshape(1, t.shape[1], SIZE, CLASSES) for t in (document.u_minor, document.w_minor))
    scores = w.permute(0, 3, 1, 2) @ u.permute(0, 3, 2, 1)
    scores = scores + distance_polynomial(document, heads, tails).unsqueeze(0)
    scores = scores.permute(0, 2, 3, 1).squeeze().flatten(end_dim=-2)
    target = dense_target(document)[heads][:, tails].flatten()
    loss = functional.cross_entropy(scores, target.long())
    leaves = (document.u_minor, document.w_minor, document.polynomial)
    return loss.detach(), *torch.autograd.grad(loss, leaves)


def our_layout(document: Document, make_target: bool):
    """Eager torch with the class outermost in memory; with or without making the target."""
    heads = tokens_of(document.logits, HEAD_LABELS)
    tails = tokens_of(document.logits, TAIL_LABELS)
    scores = document.w.transpose(0, 1) @ document.u.permute(1, 2, 0)
    scores = (scores + distance_polynomial(document, heads, tails)).permute(1, 2, 0)
    target = dense_target(document)[heads][:, tails].long() if make_target else document.target
    loss = functional.cross_entropy(scores.flatten(0, 1), target.flatten())
    return loss.detach(), *torch.autograd.grad(loss, (document.u, document.w, document.polynomial))


def agree_with_reference(found, expected):
    """The authors' gradients of u and w have the class index fastest."""
    loss, *in_minor, polynomial = expected
    in_major = [t.reshape(-1, SIZE, CLASSES).transpose(1, 2) for t in in_minor]
    assert_agree(list(found), [loss, *in_major, polynomial], 1e-5)


def least_products(heads: int, tails: int, passes: int) -> float:
    """Operations of so many products like the scores' own: heads x tails x classes x size."""
    return passes * 2.0 * heads * tails * CLASSES * SIZE


def least_loss(heads: int, tails: int) -> Least:
    """Logits and projections read, gradients of the projections written; scores and two gradients.

    No score is stored: the softmax is done where the scores are made.
    """
    moved = 4 * (TOKENS * LABELS + 2 * (heads + tails) * CLASSES * SIZE)
    return Least(moved, {"float32": least_products(heads, tails, passes=3)})


PEERS = {
    "reference": (reference_code, {"agree": agree_with_reference}),
    "eager, our layout": (lambda d: our_layout(d, make_target=True), {}),
    "eager, our layout, target given": (lambda d: our_layout(d, make_target=False), {}),
}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(("heads", "tails"), [(410, 410), (655, 164)])
def test_select_score_and_loss(compare, device, heads, tails, peer):
    """20% of 4096 tokens are of an entity."""
    document = Document(heads, tails, device)
    function, options = PEERS[peer]
    aimed = peer == "reference"
    on_gpu = device.type == "cuda"
    compare(
        "select + relation loss forward+backward",
        f"N={TOKENS} {heads}x{tails} R={CLASSES} D={SIZE}",
        ours=lambda: ours(document),
        peer=lambda: function(document),
        peer_name=peer,
        target=(8.0 if on_gpu else 2.0) if aimed else None,
        memory=True,
        memory_target=(5.0 if on_gpu else 3.0) if aimed else None,
        least=least_loss(heads, tails),
        **options,
    )


def agree_but_for_ties(found, expected):
    """Rounding decides between classes of the same score: one pair in ten thousand may differ."""
    dense = []
    for rows, columns, labels, chances in (found, expected):
        label, chance = torch.full((410, 410), NONE), torch.zeros(410, 410)
        label[rows.cpu(), columns.cpu()] = labels.cpu()
        chance[rows.cpu(), columns.cpu()] = chances.cpu()
        dense.append((label, chance))
    (label, chance), (expected_label, expected_chance) = dense
    same = label == expected_label
    assert (~same).float().mean() <= 1e-4
    assert_agree(chance[same], expected_chance[same], 1e-5)


def test_decode(compare, device):
    """The best class of every pair, without and with storing the scores."""
    document = Document(410, 410, device)
    heads, tails = document.heads.to(device), document.tails.to(device)
    bounds = torch.tensor([0, 410], dtype=torch.int32)

    def decode():
        with torch.no_grad():
            found = ops.relation_decode(
                document.u, document.w, tails, heads, bounds, bounds, *document.polynomial, NONE
            )
        return list(found)

    def eager():
        with torch.no_grad():
            scores = document.w.transpose(0, 1) @ document.u.permute(1, 2, 0)
            scores = scores + distance_polynomial(document, heads, tails)
            chance, label = scores.softmax(dim=0).max(dim=0)
            rows, columns = torch.where(label != NONE)
            return [rows, columns, label[rows, columns], chance[rows, columns]]

    compare(
        "relation decode",
        f"N={TOKENS} 410x410 R={CLASSES} D={SIZE}",
        ours=decode,
        peer=eager,
        peer_name="eager, our layout",
        agree=agree_but_for_ties,
        memory=True,
        least=Least(
            4 * (410 + 410) * CLASSES * SIZE,
            {"float32": least_products(410, 410, passes=1)},
        ),
    )
