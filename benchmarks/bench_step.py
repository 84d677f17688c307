"""A whole training step of JNRF at the paper's sizes against the authors' way of computing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from authors_model import AuthorsModel
from comparison import assert_agree
from floors import Least
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from jnrf.data.batches import Batch
from jnrf.device import use_bf16
from jnrf.import_reference import convert_state
from jnrf.training.config import OptimConfig, RunConfig, TrainConfig
from jnrf.training.optim import build_optimizer
from jnrf.training.step import Step, StepsUnderWay, take_step
from jnrf_ext import JNRF, JNRFConfig, Schema

TOKENS, HIDDEN, VOCABULARY = 4096, 768, 28_996
TYPES = ["ADE", "Dosage", "Drug", "Duration", "Form", "Frequency", "Reason", "Route", "Strength"]
TAGS = [f"B-{t}" for t in TYPES] + [f"I-{t}" for t in TYPES] + ["O"]
RELATIONS = [f"{t}-Drug" for t in TYPES if t != "Drug"] + ["Z"]
TAILS = [TAGS.index("B-Drug"), TAGS.index("I-Drug")]
HEADS = [i for i in range(len(TAGS) - 1) if i not in TAILS]
ENTITY_SHARE = 0.2
GOLD_PAIRS = 300


def models(device: torch.device) -> tuple[AuthorsModel, JNRF, Tensor]:
    """Both models with the same weights, and a document of which a fifth is tagged as entities."""
    torch.manual_seed(0)
    theirs = AuthorsModel(
        VOCABULARY, 768, HIDDEN, 6, 3, len(TAGS), len(RELATIONS), TAILS, HEADS
    ).to(device)
    ids = torch.randint(VOCABULARY, (TOKENS,), device=device)
    with torch.no_grad():
        # Untrained weights tag nearly everything alike: spread the logits over the document, even
        # out the labels, and place "O" above all but the wanted share.
        theirs.NER.bias.zero_()
        logits = theirs(ids)[0]
        theirs.NER.weight.div_(logits.std(0, keepdim=True).T)
        theirs.NER.bias.copy_(-(logits / logits.std(0)).mean(0))
        logits = theirs(ids)[0]
        best = logits[:, :-1].amax(-1) - logits[:, -1]
        theirs.NER.bias[-1] += best.quantile(1 - ENTITY_SHARE)
    schema = Schema(TAGS, RELATIONS, {r: [tuple(r.split("-"))] for r in RELATIONS[:-1]}, "Z")
    ours = JNRF(JNRFConfig.reference(schema=schema)).to(device)
    ours.load_state_dict(convert_state(theirs.state_dict(), len(RELATIONS)))
    return theirs, ours, ids


@dataclass
class Gold:
    """Tags of all tokens of the document, and related pairs among the selected ones."""

    tags: Tensor
    pairs: Tensor
    heads: int  # selected tokens
    tails: int

    @classmethod
    def invent(cls, theirs: AuthorsModel, ids: Tensor) -> Gold:
        """Random tags and pairs; one class a pair, so that no listing has to win over another."""
        with torch.no_grad():
            _, _, heads, tails = theirs(ids)
        generator = torch.Generator().manual_seed(1)

        def draw(high: int, count: int) -> Tensor:
            return torch.randint(high, (count,), generator=generator)

        rows = heads.cpu()[draw(len(heads), GOLD_PAIRS)]
        columns = tails.cpu()[draw(len(tails), GOLD_PAIRS)]
        pairs = torch.stack([rows, columns, draw(len(RELATIONS) - 1, GOLD_PAIRS)], dim=1)
        pairs = pairs[torch.unique(pairs[:, :2], dim=0, return_inverse=True)[1].unique()]
        tags = draw(len(TAGS), TOKENS)
        return cls(tags.to(ids.device), pairs.to(ids.device), len(heads), len(tails))


def our_step(model: JNRF, ids: Tensor, gold: Gold, bf16: bool) -> Callable[[], Step]:
    """The trainer's own step, and what the trainer does between two of them: it reads the last one.

    The matrix products are in bfloat16 where that is asked for.
    """
    device = ids.device
    # A learning rate of 0 costs the same and keeps the work the same from step to step.
    settings = OptimConfig(
        optimizer="adam",
        lr=0.0,
        lr_polynomial=0.0,
        weight_decay=0.0,
        clip_norm=0.0,
        clip_value=5e-5,
    )
    run = RunConfig(bf16="always" if bf16 else "never")
    config = TrainConfig(optim=settings, run=run)
    adam = build_optimizer(model, settings)
    columns = (ids, torch.zeros_like(ids), gold.tags, gold.pairs)
    ids, surface, tags, pairs = (column.cpu() for column in columns)
    cu_seqlens = torch.tensor([0, len(ids)], dtype=torch.int32)
    batch = Batch(ids, surface, cu_seqlens, tags, pairs, examples=[])
    under_way = StepsUnderWay(device, lambda step, outcome, seconds: None)
    model.train()

    def step() -> Step:
        taken = take_step(model, adam, [batch], config)
        under_way.add(taken)
        return taken

    return step


def their_step(model: AuthorsModel, ids: Tensor, gold: Gold) -> Callable[[], float]:
    """The authors' loop, dense target included."""
    adam = torch.optim.Adam(model.parameters(), lr=0.0)
    none, pairs = len(RELATIONS) - 1, gold.pairs

    def step() -> float:
        target = torch.full((TOKENS, TOKENS), none, dtype=torch.int32, device=ids.device)
        target[pairs[:, 0], pairs[:, 1]] = pairs[:, 2].int()
        logits, scores, heads, tails = model(ids)
        relation = functional.cross_entropy(
            scores.flatten(0, 1), target[heads][:, tails].flatten().long()
        )
        loss = 0.5 * (functional.cross_entropy(logits, gold.tags) + relation)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(model.parameters(), 5e-5)
        adam.step()
        return loss.item()

    return step


def least_of(step: Callable, model: JNRF, gold: Gold, precision: str) -> Least:
    """The matrix products that torch counts in a step, and those of the relation loss.

    In bytes no less than the optimizer's: gradient, weight and two moments read, all but the
    gradient written, in float32.
    """
    with FlopCounterMode(display=False) as counter:
        step()
    # Scores and two gradients; at the reference's sizes a projection is as wide as the model.
    products = 3 * 2.0 * gold.heads * gold.tails * len(RELATIONS) * HIDDEN
    weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return Least(7 * 4 * weights, {precision: counter.get_total_flops() + products})


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_step(compare, device, precision):
    """Forward, loss, backward, clipping by value and Adam on one document.

    Ours is the trainer's own step, with the matrix products in float32 or, as it does by default
    where the hardware is made for it, in bfloat16. The peer's is the authors' loop in its own
    float32, dense target included.
    """
    bf16 = precision == "bfloat16"
    if bf16 and not use_bf16("auto", device):
        pytest.skip("this processor has no matrix units for bfloat16")
    theirs, ours, ids = models(device)
    gold = Gold.invent(theirs, ids)
    step = our_step(ours, ids, gold, bf16)
    compare(
        f"training step, paper sizes, {precision}",
        f"N={TOKENS} H={HIDDEN}, {gold.heads} heads, {gold.tails} tails",
        ours=step,
        peer=their_step(theirs, ids, gold),
        peer_name="authors' model",
        # The targets are for float32 on a CPU and bfloat16 on a GPU.
        target={("cpu", "float32"): 1.3, ("cuda", "bfloat16"): 10.0}.get((device.type, precision)),
        # A token near a tie may be selected by one side alone, more of them in bfloat16.
        agree=lambda taken, loss: assert_agree(
            taken.outcome().mean_losses[0], loss, 5e-2 if bf16 else 1e-3
        ),
        seconds=20.0,
        memory=True,
        memory_target=4.0 if device.type == "cuda" else None,
        least=least_of(step, ours, gold, precision),
        tokens=TOKENS,
    )
