"""The whole model over the CUDA operators, on a GPU or their stand-in, against the CPU's."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from cuda_backends import BACKENDS, Host, load_host_operators

from jnrf_ext import JNRF, JNRFConfig, Schema
from jnrf_ext.nn.heads.polynomial import PolynomialHead
from jnrf_ext.ops import relation

SCHEMA = Schema.from_types(
    ["Drug", "Dosage", "Reason"],
    {"Dosage-Drug": [("Dosage", "Drug")], "Reason-Drug": [("Reason", "Drug")]},
)


def model_of(**settings) -> JNRF:
    """Nothing random in training, so that two passes give the same."""
    torch.manual_seed(0)
    shape = {"vocab_size": 50, "embedding_size": 12, "hidden_size": 16, "num_layers": 3}
    shape |= {"mixing_windows": [2, 4, 0], "relation_size": 8, "phase_jitter": 0}
    drops = ("embedding_dropout", "layer_dropout", "head_dropout", "wordpiece_dropout")
    settings = shape | dict.fromkeys(drops, 0.0) | settings
    return JNRF(JNRFConfig(schema=SCHEMA, **settings)).double().train()


def inputs() -> dict[str, torch.Tensor]:
    """Two documents with tokens, one without."""
    generator = torch.Generator().manual_seed(1)
    draw = lambda most, *shape: torch.randint(most, shape, generator=generator)  # noqa: E731
    return {
        "input_ids": draw(50, 97),
        "cu_seqlens": torch.tensor([0, 60, 60, 97], dtype=torch.int32),
        "surface": draw(24, 97),
        "tags": draw(len(SCHEMA.tags), 97),
        "pairs": torch.stack([draw(60, 30), draw(60, 30), draw(3, 30)], dim=1),
    }


def trained(model: JNRF, given: dict[str, torch.Tensor]):
    """Losses, selected tokens, then gradients of one pass, on the CPU."""
    output = model(**given)
    output.loss.backward()
    gradients = [p.grad.cpu() for p in model.parameters() if p.grad is not None]
    losses = [output.loss, output.tag_loss, output.relation_loss]
    bounds = [output.cu_heads, output.cu_tails]
    return [t.detach().cpu() for t in losses], [t.cpu() for t in bounds], gradients


@cache
def differentiate_host_operators() -> None:
    """Give the stand-in's loss the gradient that the operator itself has."""
    load_host_operators()
    torch.library.register_autograd(
        "jnrf_on_host::relation_loss",
        relation._loss_backward,
        setup_context=relation._keep_for_loss,
    )


def use_host_operators(monkeypatch) -> None:
    """Have the model call the stand-in's operators."""
    differentiate_host_operators()
    monkeypatch.setattr(torch.ops, "jnrf", torch.ops.jnrf_on_host)
    monkeypatch.setattr(relation, "_CPU_DTYPES", relation._CUDA_DTYPES)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bounds_on_device", [False, True])
@pytest.mark.parametrize("settings", [{}, {"pooling": "gold"}, {"behaviour": "reference"}])
def test_a_training_pass_gives_what_it_does_on_the_cpu(
    backend, settings, bounds_on_device, monkeypatch
):
    given = inputs()
    wanted = trained(model_of(**settings), given)
    model = model_of(**settings).to(backend.device)
    if isinstance(backend, Host):
        use_host_operators(monkeypatch)
        monkeypatch.setattr(model, "_room", lambda tokens, device: tokens)
    moved = {name: backend.move(tensor) for name, tensor in given.items()}
    if not bounds_on_device:
        moved["cu_seqlens"] = given["cu_seqlens"]
    got = trained(model, moved)
    torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bfloat16_operands_train_as_their_values_do_in_float32(backend, monkeypatch):
    """What autocast gives the relation operators on CUDA, beside float32 coefficients."""
    project, given = PolynomialHead.project, inputs()

    def rounded(wide: bool):
        def call(self, x, selection):
            operands = (t.bfloat16() for t in project(self, x, selection))
            return tuple(t.to(x.dtype) if wide else t for t in operands)

        monkeypatch.setattr(PolynomialHead, "project", call)

    rounded(wide=True)
    losses, _, gradients = trained(model_of().float(), given)
    rounded(wide=False)
    if isinstance(backend, Host):
        use_host_operators(monkeypatch)
    model = model_of().float().to(backend.device)
    monkeypatch.setattr(model, "_room", lambda tokens, device: tokens)
    got = trained(model, {name: backend.move(tensor) for name, tensor in given.items()})
    torch.testing.assert_close(got[0], losses, rtol=1e-5, atol=1e-6)
    for ours, wanted in zip(got[2], gradients, strict=True):
        # The gradients of the operands are rounded to 8 bits, once.
        assert (ours - wanted).norm() <= 2**-7 * wanted.norm()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_finds_no_room_is_left_out_alike(backend, monkeypatch):
    """The room's end falls into the second document, whose later tokens drop out."""
    model, given = model_of(pooling="gold"), inputs()
    monkeypatch.setattr(JNRF, "_room", lambda self, tokens, device: 55)
    wanted = trained(model, given)
    if isinstance(backend, Host):
        use_host_operators(monkeypatch)
    model = model_of(pooling="gold").to(backend.device)
    got = trained(model, {name: backend.move(tensor) for name, tensor in given.items()})
    assert wanted[1][0][-1] < 97
    torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-10)
