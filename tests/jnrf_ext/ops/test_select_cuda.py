"""select_tokens and token_positions on CUDA, or its stand-in, against the CPU operators."""

from __future__ import annotations

import pytest
import torch
from cuda_backends import BACKENDS

from jnrf_ext import ops, reference

#: Labels 0 neither, 1 head, 2 tail, 3 both; 4 again a head.
ROLES = torch.tensor([0, 1, 2, 3, 1], dtype=torch.int32)
LENGTHS = [[], [0, 0], [1], [5, 0, 1, 249, 3], [255], [256], [257], [600, 0, 411, 13], [1] * 900]


def packed(lengths: list[int]) -> torch.Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).int()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def selected(backend, labels, bounds, capacity):
    """What a backend selects, its results on the CPU; bounds on the host and on the device."""
    labels, roles = backend.move([labels, ROLES])
    work = lambda: [  # noqa: E731
        [t.cpu() for t in backend.op("select_tokens")(labels, roles, cu, capacity)]
        for cu in (bounds, backend.move(bounds))
    ]
    from_host, from_device = backend.every_order(work)
    assert all(torch.equal(a, b) for a, b in zip(from_host, from_device, strict=True))
    return from_host


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.int32, torch.int64], ids=str)
@pytest.mark.parametrize("lengths", LENGTHS, ids=lambda x: f"{len(x)} documents")
def test_labels_select_what_they_do_on_the_cpu(backend, lengths, dtype):
    tokens = sum(lengths)
    labels = torch.randint(5, (tokens,), generator=generator(), dtype=dtype)
    for capacity in (0, 1, tokens // 3, tokens, tokens + 300):
        got = selected(backend, labels, packed(lengths), capacity)
        wanted = ops.select_tokens(labels, ROLES, packed(lengths), capacity)
        assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))
        assert [t.dtype for t in got] == [t.dtype for t in wanted]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("num_labels", [1, 5, 16, 17, 40])
def test_logits_select_by_their_largest(backend, num_labels, dtype):
    logits = torch.randn(300, num_labels, generator=generator()).to(dtype)
    # Equal ones, infinities and what is no number, first, last and in between.
    logits[::7] = logits[::7].round()
    logits[3], logits[4, 0], logits[5, -1] = float("-inf"), float("nan"), float("nan")
    logits[6, num_labels // 2], logits[8] = float("inf"), float("nan")
    roles = ROLES.repeat(8)[:num_labels]
    bounds = packed([77, 0, 223])
    given = backend.move([logits, roles])
    got = backend.every_order(lambda: backend.op("select_tokens")(*given, bounds, 120))
    wanted = reference.select_tokens(logits, roles, bounds, 120)
    assert all(torch.equal(a.cpu(), b) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_thousands_of_documents(backend):
    """Bounds beyond what one launch uploads; token counts of which each block sums many."""
    lengths = torch.randint(0, 41, (3000,), generator=generator(1)).tolist()
    labels = torch.randint(5, (sum(lengths),), generator=generator())
    assert len(labels) > 59_000
    labels, roles = backend.move([labels, ROLES])
    got = backend.op("select_tokens")(labels, roles, packed(lengths), 20_000)
    wanted = ops.select_tokens(labels.cpu(), ROLES, packed(lengths), 20_000)
    assert all(torch.equal(a.cpu(), b) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_tokens_or_none(backend):
    bounds = packed([300, 300])
    for label, count in ((0, 0), (3, 600)):
        heads, tails, cu_heads, cu_tails = selected(backend, torch.full((600,), label), bounds, 600)
        assert cu_heads.tolist() == cu_tails.tolist() == [0, count // 2, count]
        assert torch.equal(heads, torch.arange(600) if count else torch.full((600,), -1))
        assert torch.equal(heads, tails)


@pytest.mark.parametrize("backend", BACKENDS)
def test_strided_arguments_are_read_where_they_are(backend):
    wide = torch.randint(5, (90, 2), generator=generator())
    every_second = torch.tensor([0, -1, 20, -1, 90], dtype=torch.int32)[::2]
    got = selected(backend, wide[:, 1], every_second, 90)
    wanted = ops.select_tokens(wide[:, 1], ROLES, every_second, 90)
    assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": torch.zeros(3).half()[:, None].expand(3, 5)}, "float64 or bfloat16, not Half"),
        ({"labels": torch.zeros(3)}, "must be int64 or int32, not Float"),
        ({"labels": torch.zeros(3, 4)}, r"as logits, \[T, 5\], not \[3, 4\]"),
        ({"labels": torch.tensor(1)}, r"not \[\]"),
        ({"capacity": -1}, "capacity must not be negative, but is -1"),
        ({"cu_seqlens": packed([2])}, "cu_seqlens must end at the number of tokens, 3, not at 2"),
        ({"cu_seqlens": packed([4, -1])}, "cu_seqlens decreases from 4 to 3 at document 1"),
        ({"cu_seqlens": packed([3])[:0]}, r"\[B \+ 1\], not \[0\]"),
    ],
)
def test_wrong_arguments_are_named_with_what_they_are(backend, change, message):
    given = {"labels": torch.zeros(3).long(), "roles": ROLES, "cu_seqlens": packed([3])}
    given |= {"capacity": 3} | change
    labels, roles = backend.move([given["labels"], given["roles"]])
    with pytest.raises(RuntimeError, match=f"select_tokens: .*{message}"):
        backend.op("select_tokens")(labels, roles, given["cu_seqlens"], given["capacity"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("lengths", [*LENGTHS, [1] * 2500], ids=lambda x: f"{len(x)} documents")
def test_positions_start_anew_in_each_document(backend, lengths):
    bounds = packed(lengths)
    x = torch.zeros(sum(lengths), 2)
    wanted = ops.token_positions(x, bounds, 7)
    for cu in (bounds, backend.move(bounds)):
        got = backend.every_order(
            lambda cu=cu: backend.op("token_positions")(backend.move(x), cu, 7).cpu()
        )
        assert torch.equal(got, wanted)
