"""The operators where no kernel runs: the references that stand in, against the kernels.

The kernels on the CPU are compared with the references in the other files of this folder; here it
is what a training needs of them: gradients, work on nothing, the dtypes of a GPU, one warning.
"""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest
import torch
from crf_inputs import crf, packed, rounded, without_gold
from relation_inputs import bounds, gold_pairs, operands
from without_kernels import run_references

from jnrf_ext import _loader, ops
from jnrf_ext.ops import crf as crf_ops

pytestmark = pytest.mark.filterwarnings("ignore:jnrf..:UserWarning")


def normal(*shape: int, dtype=torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def trainable(*inputs: torch.Tensor) -> list[torch.Tensor]:
    return [t.detach().clone().requires_grad_() for t in inputs]


BOUNDS = packed(3, 0, 5, 1)
GIVEN = operands([2, 0, 1], [3, 2, 0], 3, 2, span=5)
PAIRS = torch.tensor([[0, 1, 2], [-1, 0, 1], [0, 1, 1]])
CLASS_WEIGHT = torch.tensor([0.1, 1.0, 2.0], dtype=torch.float64)
EMISSIONS, GOLD, *WEIGHTS, _ = crf([3, 0, 5, 1], 3)


def scores_of(u, w, *polynomial):
    return ops.relation_scores(u, w, *GIVEN[2:6], *polynomial)


def loss_of(u, w, *polynomial):
    return ops.relation_loss(u, w, *GIVEN[2:6], *polynomial, PAIRS, 0, CLASS_WEIGHT)


TRAINED = {
    "fourier_mix": (lambda x: ops.fourier_mix(x, BOUNDS, 0.5, True, 2, 1), [normal(9, 4)]),
    "fourier_mix_norm": (
        lambda x, weight, bias: ops.fourier_mix_norm(x, weight, bias, BOUNDS, window=4),
        [normal(9, 4), normal(4), normal(4)],
    ),
    "relation_scores": (scores_of, GIVEN.floats),
    "relation_loss": (loss_of, GIVEN.floats),
    "crf_nll": (lambda x, *weights: ops.crf_nll(x, GOLD, *weights, BOUNDS), [EMISSIONS, *WEIGHTS]),
}


@pytest.mark.parametrize("name", TRAINED)
def test_losses_and_gradients_are_those_of_the_kernels(monkeypatch, name):
    function, inputs = TRAINED[name]

    def run():
        given = trainable(*inputs)
        value = function(*given)
        factors = torch.linspace(0.5, 2, value.numel(), dtype=value.dtype).view_as(value)
        return [value.detach(), *torch.autograd.grad(value, given, factors)]

    wanted = run()
    run_references(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = run()
        assert torch.autograd.gradcheck(function, trainable(*inputs))
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_nothing_to_work_on_has_gradients_too(monkeypatch):
    run_references(monkeypatch)
    u, w, alpha, beta, gamma = given = trainable(*operands([], [], 3, 2).floats)
    none = (torch.empty(0, dtype=torch.int64),) * 2
    rest = (*none, bounds([]), bounds([]), alpha, beta, gamma)
    for value in (
        ops.relation_scores(u, w, *rest),
        ops.relation_loss(u, w, *rest, torch.empty(0, 3, dtype=torch.int64), 0),
    ):
        assert all(not g.any() for g in torch.autograd.grad(value.sum(), given))
    for lengths in ([], [0, 0]):
        emissions, gold, *weights, cu_seqlens = crf(lengths, 3)
        loss = ops.crf_nll(emissions, gold, *weights, cu_seqlens)
        assert loss.tolist() == [0.0] * len(lengths)
        assert all(not g.any() for g in torch.autograd.grad(loss.sum(), [emissions, *weights]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_crfs_are_exact_in_the_dtypes_of_a_gpu(monkeypatch, dtype):
    typed, exactly = rounded(crf([700, 3], 9), dtype)
    wanted = [ops.crf_nll(*exactly), ops.crf_marginals(*without_gold(exactly))]
    tags, scores = ops.crf_decode(*without_gold(exactly))
    run_references(monkeypatch)
    # bfloat16 is for CUDA alone.
    monkeypatch.setattr("jnrf_ext.ops.crf._DTYPES", {})
    found = [ops.crf_nll(*typed), ops.crf_marginals(*without_gold(typed))]
    assert found[0].dtype == torch.float32
    assert found[1].dtype == dtype
    torch.testing.assert_close(found[0].double(), wanted[0], rtol=1e-6, atol=0)
    torch.testing.assert_close(found[1], wanted[1].to(dtype))
    decoded = ops.crf_decode(*without_gold(typed))
    assert decoded[0].tolist() == tags.tolist()
    torch.testing.assert_close(decoded[1].double(), scores, rtol=1e-6, atol=0)


def test_relations_of_bfloat16_are_summed_in_float32(monkeypatch):
    given = operands([3], [4], 2, 64, torch.float32)
    halves = given._replace(u=given.u.bfloat16(), w=given.w.bfloat16())
    widened = given._replace(u=halves.u.float(), w=halves.w.float())
    wanted = ops.relation_scores(*widened)
    pairs = gold_pairs(given, 2)
    loss = ops.relation_loss(*widened, pairs, 0)
    run_references(monkeypatch)
    monkeypatch.setattr("jnrf_ext.ops.relation._CPU_DTYPES", (torch.bfloat16,))
    found = ops.relation_scores(*halves)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(ops.relation_loss(*halves, pairs, 0), loss)


def test_too_many_tags_for_a_gpu_s_shared_memory_are_told(monkeypatch):
    """An A10 has 99 KiB for a block; an H100 227."""
    device = torch.device("cuda", 0)
    monkeypatch.setattr(_loader, "has_kernel", lambda operator, device: True)
    monkeypatch.setattr(_loader, "_warned", set())
    emissions = SimpleNamespace(shape=(5, 128), device=device)
    monkeypatch.setattr(_loader, "shared_memory", lambda device: 227 * 1024)
    assert crf_ops._has_kernel("crf_nll", emissions)
    monkeypatch.setattr(_loader, "shared_memory", lambda device: 99 * 1024)
    with pytest.warns(UserWarning, match="99 KiB of shared memory are too few for 128 tags"):
        assert not crf_ops._has_kernel("crf_nll", emissions)
    emissions.shape = (5, 19)
    assert crf_ops._has_kernel("crf_nll", emissions)
