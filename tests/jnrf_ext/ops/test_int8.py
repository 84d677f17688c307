"""int8_layers and int8_attention: rounding, exact sums, activations, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from jnrf_ext import ops, reference

ACTIVATIONS = {"none": lambda y: y, "gelu": functional.gelu, "celu": functional.celu}
#: Instruction sets from the plainest on; a machine runs those that it has.
ISAS = ("baseline", "avx2", "avx512", "avxvnni", "avx512vnni", "amx")


def random_layers(sizes: list[int], seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(n, k, generator=generator) * k**-0.5,
            torch.randn(n, generator=generator) * 0.1,
        )
        for k, n in pairwise(sizes)
    ]


def rows(count: int, size: int, seed: int = 1) -> torch.Tensor:
    return 2 * torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) + 0.5


def packed(layers) -> list[ops.Int8Weights]:
    return [ops.int8_weights(*layer) for layer in layers]


def rounded(layers):
    """For the reference, in float64."""
    triples = [(*reference.int8_round(weight), bias) for weight, bias in layers]
    return [(q, scale.double(), bias.double()) for q, scale, bias in triples]


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours.double() - theirs.double()).norm() / theirs.double().norm())


# ---------------------------------------------------------------- layers


@settings(deadline=None, max_examples=80)
@given(
    count=st.integers(1, 70),
    size=st.integers(1, 150),
    outputs=st.integers(1, 70),
    spread=st.floats(0.01, 100),
    seed=st.integers(0, 1000),
)
def test_a_layer_is_as_far_from_float32_as_its_rounding_allows(count, size, outputs, spread, seed):
    [(weight, bias)] = random_layers([size, outputs], seed)
    x = spread * rows(count, size, seed)
    y = ops.int8_layers(x, packed([(weight, bias)])).double()
    exact = functional.linear(x.double(), weight.double(), bias.double())
    # Half a step for each input and for each weight.
    of_input = (x.amax(1) - x.amin(1)).double() / 255 / 2
    of_weight = weight.abs().amax(1).double() / 127 / 2
    allowed = of_input[:, None] * (weight.abs().sum(1) + size * of_weight)[None]
    allowed += x.abs().sum(1).double()[:, None] * of_weight[None]
    assert ((y - exact).abs() <= allowed * (1 + 1e-3) + 1e-5 * (exact.abs() + spread)).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (1, [64, 64]),
        (33, [33, 100]),
        (64, [256, 768, 256]),
        (131, [409, 19]),
        (70, [96, 96, 96, 7]),
    ],
)
@pytest.mark.parametrize("finish", ["plain", "activated", "residual", "norm", "residual and norm"])
def test_layers_give_what_the_reference_does(activation, count, sizes, finish):
    layers, x, last = random_layers(sizes), rows(count, sizes[0]), sizes[-1]
    options = {"activation": activation, "activate_last": finish == "activated"}
    residual = rows(count, last, 2) if "residual" in finish else None
    norm = (rows(1, last, 3)[0], rows(1, last, 4)[0]) if "norm" in finish else None
    ours = ops.int8_layers(x, packed(layers), residual=residual, norm=norm, eps=1e-6, **options)
    wide = None if residual is None else residual.double()
    norm = None if norm is None else tuple(t.double() for t in norm)
    exact = reference.int8_layers(
        x.double(), rounded(layers), residual=wide, norm=norm, eps=1e-6, **options
    )
    # Float32 may round an input the other way where it lies between two codes.
    assert distance(ours, exact) < 1e-3
    assert ours.shape == (count, last)


@pytest.mark.parametrize("activation", ["gelu", "celu"])
def test_activations_are_those_of_torch_within_float32(activation):
    """One input and weights that pass it through leave the activation alone."""
    x = torch.cat([torch.linspace(-12, 12, 4001), torch.tensor([0.0, -90.0, 90.0, 1e4, -1e4])])
    columns = torch.tensor([[1.0], [1.0], [0.0]])
    [layer] = packed([(torch.ones(1, 1), torch.zeros(1))])
    y = ops.int8_layers(
        x[:, None], [layer._replace(columns=columns)], activation, activate_last=True
    )[:, 0]
    exact = ACTIVATIONS[activation](x.double())
    assert (y - exact).abs().max() < 2e-6 + 3e-7 * 1e4
    near = x.abs() < 100
    assert ((y - exact).abs() <= 2e-6 + 4e-7 * x.abs())[near].all()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_depends_on_no_other_row_and_on_no_number_of_threads(threads):
    layers, x = packed(random_layers([96, 160, 64])), rows(150, 96)
    alone = torch.cat([ops.int8_layers(row[None], layers, "gelu") for row in x])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        together = ops.int8_layers(x, layers, "gelu")
    finally:
        torch.set_num_threads(before)
    assert torch.equal(together, alone)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("column", [0, 17, 69])
def test_what_is_not_finite_spoils_its_row_alone(bad, column):
    layers, x = packed(random_layers([70, 40])), rows(9, 70)
    good = ops.int8_layers(x, layers)
    x[4, column] = bad
    y = ops.int8_layers(x, layers)
    assert y[4].isnan().all()
    others = torch.arange(9) != 4
    assert torch.equal(y[others], good[others])


def test_rows_of_one_number_and_weights_of_zeros_are_exact():
    weight, bias = torch.zeros(3, 50), torch.tensor([1.0, -2.0, 3.0])
    weight[1] = 0.25
    y = ops.int8_layers(torch.full((2, 50), 4.0), packed([(weight, bias)]))
    assert torch.allclose(y, torch.tensor([1.0, 48.0, 3.0]).expand(2, 3), atol=1e-4)


def test_no_rows_give_no_rows():
    assert ops.int8_layers(torch.empty(0, 8), packed(random_layers([8, 5]))).shape == (0, 5)


def test_weights_are_rounded_for_each_output_by_its_largest():
    weight = torch.tensor([[1.0, -0.5, 0.004], [100.0, 50.0, 25.0]])
    quantised, scale = reference.int8_round(weight)
    assert quantised.tolist() == [[127, -64, 1], [127, 64, 32]]
    assert torch.allclose(scale, torch.tensor([1 / 127, 100 / 127]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3),), r"weight must be floating point \[N, K\] on the CPU, not .* \[3\]"),
        ((torch.zeros(2, 2).int(),), "weight must be floating point .* not torch.int32"),
        ((torch.zeros(2, 2, device="meta"),), "weight must be .* on meta"),
        ((torch.zeros(2, 0),), "weight must have 1 to 65,536 inputs"),
        ((torch.full((2, 2), float("nan")),), "weight has numbers that are not finite"),
        ((torch.zeros(2, 3), torch.zeros(3)), r"bias must be \[2\] on the CPU, not \[3\]"),
    ],
)
def test_weights_that_cannot_be_rounded_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.int8_weights(*arguments)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"activation": "relu"}, ValueError, "activation must be one of none, gelu, celu"),
        ({"x": torch.zeros(6)}, RuntimeError, r"x must have the shape \[any, any\], not \[6\]"),
        ({"x": torch.zeros(2, 6).double()}, RuntimeError, "x must be Float, not Double"),
        ({"x": torch.zeros(2, 600)}, RuntimeError, "layer 0 from 600 to 5 takes .* int8_pack"),
        ({"layers": []}, RuntimeError, "0 packed weights but columns of 0 layers"),
        ({"residual": torch.zeros(2, 6)}, RuntimeError, r"residual must have the shape \[2, 5\]"),
        (
            {"norm": (torch.zeros(4), torch.zeros(5))},
            RuntimeError,
            r"norm_weight must have the shape \[5\], not \[4\]",
        ),
    ],
)
def test_wrong_arguments_are_named_with_what_they_are(change, error, message):
    given = {"x": torch.zeros(2, 6), "layers": packed(random_layers([6, 5]))}
    with pytest.raises(error, match=message):
        ops.int8_layers(**(given | change))


def test_layers_pass_opcheck():
    [first, second] = packed(random_layers([12, 20, 8]))
    weights = ([first.packed, second.packed], [first.columns, second.columns])
    norm = (torch.ones(8), torch.zeros(8))
    operator = torch.ops.jnrf.int8_layers
    torch.library.opcheck(operator, (rows(9, 12), *weights, 1, False, rows(9, 8), *norm, 1e-5))
    torch.library.opcheck(operator, (rows(9, 12), *weights))


def test_layers_and_attention_compile_into_one_graph():
    layers = packed(random_layers([12, 96]))
    lengths = torch.tensor([5, 3], dtype=torch.int32)

    def attended(x):
        qkv = ops.int8_layers(x + 1, layers).view(2, 5, 3, 2, 16)
        return ops.int8_attention(qkv, lengths, 0.25) * 2

    compiled = torch.compile(attended, backend="aot_eager", fullgraph=True)
    x = rows(10, 12)
    assert torch.equal(compiled(x), attended(x))


# ---------------------------------------------------------------- attention


def windows(count: int, length: int, heads: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    qkv = torch.randn(count, length, 3, heads, size, generator=generator)
    return qkv + torch.randn(heads, size, generator=generator)


def plain_attention(qkv: torch.Tensor, lengths: torch.Tensor, scale: float) -> torch.Tensor:
    """Torch's own in float64, window by window; zeros in rows that are not real."""
    y = torch.zeros_like(qkv[:, :, 0], dtype=torch.float64)
    for window, length in enumerate(lengths.tolist()):
        query, key, value = qkv[window, :length].double().permute(1, 2, 0, 3)
        attended = functional.scaled_dot_product_attention(query, key, value, scale=scale)
        y[window, :length] = attended.transpose(0, 1)
    return y


@pytest.mark.parametrize(
    ("length", "heads", "size", "lengths"),
    [
        (1, 1, 16, [1]),
        (5, 2, 16, [5, 0, 3]),
        (70, 3, 32, [70, 33, 1, 64]),
        (256, 2, 32, [256, 200]),
        (300, 2, 64, [299]),
        (40, 1, 80, [40]),
        (33, 1, 144, [32]),
    ],
)
def test_attention_gives_what_the_reference_does(length, heads, size, lengths):
    qkv, scale = windows(len(lengths), length, heads, size), size**-0.5
    lengths = torch.tensor(lengths, dtype=torch.int32)
    ours = ops.int8_attention(qkv, lengths, scale)
    # An input between two codes may be rounded the other way.
    assert distance(ours, reference.int8_attention(qkv.double(), lengths, scale)) < 1e-3
    assert distance(ours, plain_attention(qkv, lengths, scale)) < 0.03
    for window, real in enumerate(lengths.tolist()):
        assert not ours[window, real:].any()


def test_attention_to_one_key_of_many_gives_its_value():
    """Probabilities far from alike, which 8 bits would not do for."""
    qkv = torch.zeros(1, 200, 3, 1, 16)
    qkv[0, :, 0, 0, 0] = 40.0
    qkv[0, :, 1, 0, 0] = -1.0
    qkv[0, 7, 1, 0, 0] = 1.0
    qkv[0, :, 2, 0] = torch.randn(200, 16, generator=torch.Generator().manual_seed(0))
    y = ops.int8_attention(qkv, torch.tensor([200], dtype=torch.int32), 1.0)
    expected = qkv[0, 7, 2, 0].expand(200, 1, 16)
    largest = qkv[0, :, 2].abs().amax(0)
    assert ((y[0] - expected).abs() <= largest / 127).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_window_depends_on_no_other_window_nor_on_its_padding(threads):
    qkv = windows(3, 40, 2, 32)
    lengths = torch.tensor([40, 9, 25], dtype=torch.int32)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        together = ops.int8_attention(qkv, lengths, 0.2)
    finally:
        torch.set_num_threads(before)
    for window, length in enumerate(lengths.tolist()):
        alone = ops.int8_attention(
            qkv[window : window + 1, :length], lengths[window : window + 1], 0.2
        )
        assert torch.equal(together[window, :length], alone[0])


def test_what_is_not_finite_in_a_key_or_value_shows_in_the_result():
    lengths = torch.tensor([20, 20, 20, 20], dtype=torch.int32)
    qkv = windows(4, 20, 1, 16)
    good = ops.int8_attention(qkv, lengths, 0.25)
    qkv[0, 3, 0, 0, 5] = float("nan")  # a query
    qkv[1, 3, 1, 0, 5] = float("inf")  # a key
    qkv[2, 3, 2, 0, 5] = float("nan")  # a value
    y = ops.int8_attention(qkv, lengths, 0.25)
    assert y[0, 3].isnan().all()
    others = torch.arange(20) != 3
    assert torch.equal(y[0, others], good[0, others])
    assert y[1].isnan().all()
    assert y[2, :, 0, 5].isnan().all()
    assert torch.equal(y[3], good[3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"qkv": torch.zeros(2, 4, 2, 1, 16)},
            r"qkv must have the shape \[any, any, 3, any, an",
        ),
        ({"qkv": torch.zeros(2, 4, 3, 1, 8)}, "the size of a head must be a multiple of 16, not 8"),
        ({"lengths": torch.tensor([1, 5], dtype=torch.int32)}, "that of window 1 is 5"),
        ({"lengths": torch.tensor([-1, 2], dtype=torch.int32)}, "that of window 0 is -1"),
        ({"lengths": torch.tensor([1, 2])}, "lengths must be Int, not Long"),
    ],
)
def test_wrong_windows_are_named(change, message):
    given = {"qkv": torch.zeros(2, 4, 3, 1, 16), "scale": 1.0}
    given["lengths"] = torch.tensor([1, 4], dtype=torch.int32)
    with pytest.raises(RuntimeError, match=message):
        ops.int8_attention(**(given | change))


def test_attention_passes_opcheck():
    lengths = torch.tensor([5, 2], dtype=torch.int32)
    torch.library.opcheck(torch.ops.jnrf.int8_attention, (windows(2, 5, 2, 16), lengths, 0.25))


# ---------------------------------------------------------------- instruction sets

_EVERY_SET = """
import torch
from test_int8 import packed, random_layers, rows, windows
from jnrf_ext import ops
layers = ops.int8_layers(rows(77, 200), packed(random_layers([200, 300, 70])), "gelu")
lengths = torch.tensor([70, 33], dtype=torch.int32)
attended = ops.int8_attention(windows(2, 70, 3, 32), lengths, 0.2)
torch.save([ops.int8_isa(), layers, attended], {path!r})
"""


@pytest.mark.slow
@pytest.mark.parametrize("isa", ISAS[:-1])
def test_every_instruction_set_gives_the_same_within_rounding(isa, tmp_path):
    path = str(tmp_path / "result.pt")
    here = os.path.dirname(__file__)
    subprocess.run(
        [sys.executable, "-c", _EVERY_SET.format(path=path)],
        env={
            **os.environ,
            "JNRF_CPU_ISA": isa,
            "PYTHONPATH": os.pathsep.join([here, *sys.path]),
        },
        check=True,
    )
    ran, layers, attended = torch.load(path)
    if ran != isa:
        pytest.skip(f"this machine cannot run {isa}")
    ours = ops.int8_layers(rows(77, 200), packed(random_layers([200, 300, 70])), "gelu")
    assert distance(layers, ours) < 1e-3
    lengths = torch.tensor([70, 33], dtype=torch.int32)
    assert distance(attended, ops.int8_attention(windows(2, 70, 3, 32), lengths, 0.2)) < 1e-3
