"""What a CUDA graph of the operators needs, as far as it can be seen without a GPU."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from cuda_backends import BACKENDS, Host, assert_same_bits, load_host_operators

HIDDEN, TAGS, CLASSES, SIZE = 24, 5, 3, 16
CSRC = Path(__file__).resolve().parents[3] / "csrc"
# What runs on a GPU and what launches it; the rest of csrc is for the CPU.
SOURCES = sorted(p for f in ("device", "*/cuda") for p in CSRC.glob(f"{f}/**/*") if p.is_file())
# What may be called while a graph is captured: none allocates, waits, or makes a stream.
ALLOWED = {
    "cudaDeviceGetAttribute",
    "cudaFuncSetAttribute",
    "cudaGetDevice",
    "cudaGetErrorString",
    "cudaLaunchKernelEx",
    "cudaStreamIsCapturing",
}


def test_the_sources_call_nothing_that_a_capture_forbids():
    """Memory comes from torch, streams are torch's, nothing waits but by a copy of torch."""
    assert {path.parent.name for path in SOURCES} >= {"device", "cuda", "methods"}
    called = {}
    for path in SOURCES:
        for name in re.findall(r"\b(cuda[A-Z]\w*)\(", path.read_text()):
            called.setdefault(name, set()).add(path.name)
    assert set(called) <= ALLOWED
    assert set().union(*called.values()) == {"launch.h"}
    assert "<<<" not in "".join(path.read_text() for path in SOURCES)


def bounds(*lengths: int) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


class Batch:
    """The inputs of a training step's operators, for documents of these lengths."""

    def __init__(self, lengths: list[int], heads: list[int], tails: list[int]):
        self.lengths, self.heads, self.tails = lengths, heads, tails
        generator = torch.Generator().manual_seed(0)
        self.normal = lambda *shape: torch.randn(*shape, generator=generator)
        tokens = sum(lengths)
        self.x, self.grad = self.normal(tokens, HIDDEN), self.normal(tokens, HIDDEN)
        self.emissions = self.normal(tokens, TAGS)
        self.tags = torch.randint(TAGS, (tokens,), generator=generator)
        self.u, self.w = (
            self.normal(sum(tails), CLASSES, SIZE),
            self.normal(sum(heads), CLASSES, SIZE),
        )
        self.places = torch.randint(tokens, (max(sum(heads), sum(tails)),), generator=generator)
        rows = [torch.randint(n, (6,), generator=generator) for n in (heads[0], tails[0], CLASSES)]
        self.pairs = torch.stack(rows, dim=1)
        fixed = torch.Generator().manual_seed(1)
        normal = lambda *shape: torch.randn(*shape, generator=fixed)  # noqa: E731
        self.weight, self.bias = normal(HIDDEN), normal(HIDDEN)
        self.matrix, self.ends = normal(TAGS, TAGS), normal(2, TAGS)
        self.polynomial = normal(3, CLASSES) / 1000

    def with_tail(self, length: int, heads: int, tails: int) -> Batch:
        """The same documents and one more, of other numbers, behind them."""
        longer = Batch([*self.lengths, length], [*self.heads, heads], [*self.tails, tails])
        for name in ("x", "grad", "emissions", "tags", "u", "w", "places"):
            ours, theirs = getattr(self, name), getattr(longer, name)
            theirs[: len(ours)] = ours
        longer.pairs = self.pairs
        return longer

    def run(self, backend, move: Callable) -> dict[str, list[torch.Tensor]]:
        """Results of every operator of a step, forward and backward."""
        op, host = backend.op, bounds(*self.lengths)
        x, grad, weight, bias = move([self.x, self.grad, self.weight, self.bias])
        y, *kept = op("fourier_mix_norm")(x, weight, bias, host)
        mixed = op("fourier_mix_norm_backward")(grad, *kept, weight, host)
        emissions, tags, matrix, ends = move([self.emissions, self.tags, self.matrix, self.ends])
        roles = move([torch.tensor([0, 1, 2, 3, 0], dtype=torch.int32)])[0]
        selected = op("select_tokens")(emissions, roles, host, len(emissions))
        chain = op("crf_nll")(emissions, tags, matrix, *ends, host, True)
        u, w, places, pairs, polynomial = move(
            [self.u, self.w, self.places, self.pairs, self.polynomial]
        )
        of_u, of_w = bounds(*self.tails), bounds(*self.heads)
        operands = (u, w, places[: len(u)], places[: len(w)], of_u, of_w, *polynomial)
        loss, *gradients = op("relation_loss")(*operands, pairs, 0, None, True, 0)
        scaled = op("relation_loss_backward")(loss, *gradients, of_u, of_w, u.dtype)
        return {
            "mixed": [y, mixed[0]],
            "norms": list(mixed[1:]),
            "selected": list(selected),
            "chain": list(chain[:3]),
            "relations": [loss, *scaled],
        }


@contextmanager
def captured():
    """Have the stand-in's operators believe that a graph is captured."""
    torch.ops.jnrf_on_host.set_capturing(True)
    try:
        yield
    finally:
        torch.ops.jnrf_on_host.set_capturing(False)


def lengths_of_plans(backend) -> list[int]:
    return sorted(backend.op("fourier_plans")()[:, 1].tolist())


@pytest.mark.parametrize("limit", [0, 512])
def test_a_step_is_captured_after_one_that_made_its_plans(limit):
    """By cuFFT and by the product; the second makes nothing new and gives the same."""
    load_host_operators()
    backend, batch = Host(), Batch([31, 6, 40], [9, 0, 4], [5, 3, 7])
    before = backend.op("fourier_product_limit")(limit)
    backend.op("clear_fourier_plans")()
    try:
        wanted = batch.run(backend, backend.move)
        plans = lengths_of_plans(backend)
        assert plans == ([6, 31, 40] if limit == 0 else [])
        with captured():
            got = batch.run(backend, backend.move)
        assert_same_bits(list(wanted.values()), list(got.values()), "the captured one")
        assert lengths_of_plans(backend) == plans
    finally:
        backend.op("fourier_product_limit")(before)
        backend.op("clear_fourier_plans")()


def test_what_must_wait_says_so_while_a_graph_is_captured():
    load_host_operators()
    backend, batch = Host(), Batch([31], [9], [5])
    operands = (batch.u, batch.w, batch.places[:5], batch.places[:9], bounds(5), bounds(9))
    scores = lambda: backend.op("relation_scores")(*operands, *batch.polynomial)  # noqa: E731
    assert len(scores()) == 45
    with captured(), pytest.raises(RuntimeError, match="cannot be done while a CUDA graph"):
        scores()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("limit", [0, 512])
@pytest.mark.parametrize("tail", [(1, 0, 0), (23, 4, 6)], ids=str)
def test_a_document_behind_the_others_changes_no_bit_of_theirs(backend, tail, limit):
    """So that a batch may be filled up to a size that a graph was captured for.

    But for what is summed over all tokens: the gradients of the norm's weights, the transitions'
    and the polynomial's have a share of the tail unless its own gradients are 0.
    """
    batch = Batch([31, 6, 40], [9, 0, 4], [5, 3, 7])
    longer = batch.with_tail(*tail)
    before = backend.op("fourier_product_limit")(limit)
    try:
        alone, filled = (b.run(backend, backend.move) for b in (batch, longer))
    finally:
        backend.op("fourier_product_limit")(before)
    tokens, documents = len(batch.x), len(batch.lengths)

    def same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
        assert_same_bits(ours, theirs[: len(ours)].clone(), "with a tail")

    for ours, theirs in zip(alone["mixed"], filled["mixed"], strict=True):
        same(ours, theirs)
    for ours, theirs, places in zip(
        alone["selected"][:2], filled["selected"][:2], alone["selected"][2:], strict=True
    ):
        count = int(places[-1])
        same(ours[:count], theirs)
        assert (theirs[count:] < 0).logical_or(theirs[count:] >= tokens).all()
    for ours, theirs in zip(alone["selected"][2:], filled["selected"][2:], strict=True):
        same(ours, theirs)
    loss, of_emissions, of_transitions = alone["chain"]
    same(loss, filled["chain"][0])
    same(of_emissions, filled["chain"][1])
    same(of_transitions, filled["chain"][2])
    for ours, theirs in zip(alone["relations"][:3], filled["relations"][:3], strict=True):
        same(ours, theirs)
    assert len(filled["relations"][0]) == documents + 1
