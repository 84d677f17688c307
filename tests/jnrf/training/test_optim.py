"""The optimizer's groups, the course of the learning rate, and clipping."""

import pytest
import torch
from tiny_encoders import configuration, plain
from torch import nn

from jnrf.training.config import OptimConfig
from jnrf.training.optim import build_optimizer, clip_gradients, schedule, set_learning_rate
from jnrf_ext import JNRF, JNRFConfig, Schema


class Model(nn.Module):
    """A matrix, vectors, a distance polynomial, and a frozen matrix."""

    def __init__(self):
        super().__init__()
        self.frozen = nn.Embedding(3, 4)
        self.frozen.weight.requires_grad_(False)
        self.linear = nn.Linear(4, 2)
        self.norm = nn.LayerNorm(2)
        self.alpha = nn.Parameter(torch.ones(2))


def group_of(optimizer, parameter):
    return next(g for g in optimizer.param_groups if any(p is parameter for p in g["params"]))


def test_matrices_decay_and_vectors_do_not():
    model = Model()
    optimizer = build_optimizer(model, OptimConfig(weight_decay=0.3))
    assert group_of(optimizer, model.linear.weight)["weight_decay"] == 0.3
    for parameter in (model.linear.bias, model.norm.weight, model.alpha):
        assert group_of(optimizer, parameter)["weight_decay"] == 0


def test_frozen_weights_are_left_to_themselves():
    model = Model()
    optimizer = build_optimizer(model, OptimConfig())
    counted = sum(p.numel() for g in optimizer.param_groups for p in g["params"])
    assert counted == sum(p.numel() for p in model.parameters() if p.requires_grad)


def test_polynomials_may_have_a_learning_rate_of_their_own():
    model = Model()
    optimizer = build_optimizer(model, OptimConfig(lr=1e-3, lr_polynomial=1e-1))
    set_learning_rate(optimizer, 0.5)
    assert group_of(optimizer, model.alpha)["lr"] == 0.05
    assert group_of(optimizer, model.linear.weight)["lr"] == 0.0005


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_the_optimizer_is_the_one_asked_for(name, kind):
    assert type(build_optimizer(Model(), OptimConfig(optimizer=name))) is kind


def test_the_learning_rate_rises_in_a_line_while_it_warms_up():
    config = OptimConfig(warmup=0.2)
    assert [schedule(config, p) for p in (0.0, 0.05, 0.1)] == [0.0, 0.25, 0.5]
    assert schedule(config, 0.2) == 1.0


@pytest.mark.parametrize(
    ("name", "middle", "end"), [("cosine", 0.5, 0.0), ("linear", 0.5, 0.0), ("constant", 1.0, 1.0)]
)
def test_after_the_warm_up_it_follows_its_schedule(name, middle, end):
    config = OptimConfig(schedule=name, warmup=0.2)
    assert schedule(config, 0.6) == pytest.approx(middle)
    assert schedule(config, 1.0) == pytest.approx(end)


def test_a_run_may_be_all_warm_up():
    assert schedule(OptimConfig(warmup=1.0), 0.75) == 0.75


def gradients_after_clipping(config):
    model = Model()
    optimizer = build_optimizer(model, config)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.full_like(parameter, 2.0)
    norm = clip_gradients(optimizer, config)
    return norm, torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_clipping_by_norm_shortens_the_gradient_and_tells_its_length():
    norm, gradient = gradients_after_clipping(OptimConfig(clip_norm=1.0))
    assert norm == pytest.approx(2 * len(gradient) ** 0.5)
    assert gradient.norm() == pytest.approx(1.0, rel=1e-5)


def test_clipping_by_value_bounds_each_entry():
    norm, gradient = gradients_after_clipping(OptimConfig(clip_norm=0, clip_value=0.5))
    assert gradient.max() == 0.5
    assert norm == pytest.approx(0.5 * len(gradient) ** 0.5)


def test_without_limits_the_gradient_stays():
    _, gradient = gradients_after_clipping(OptimConfig(clip_norm=0, clip_value=0))
    assert (gradient == 2.0).all()


def test_learning_rates_for_a_graph_are_tensors_that_stay_the_same():
    model = Model()
    config = OptimConfig(lr=1e-3, lr_polynomial=1e-1)
    plain, captured = build_optimizer(model, config), build_optimizer(model, config, True)
    tensors = [group["lr"] for group in captured.param_groups]
    for optimizer in (plain, captured):
        set_learning_rate(optimizer, 0.5)
    for before, group, other in zip(
        tensors, captured.param_groups, plain.param_groups, strict=True
    ):
        assert group["lr"] is before
        assert float(before) == pytest.approx(other["lr"])
        assert group["capturable"]


# ------------------------------------------------------------------ whole models

SCHEMA = Schema.from_types(["Drug", "Dosage"], {"Dosage-Drug": [("Dosage", "Drug")]})
TASKS = [{"tags": SCHEMA.tags, "group": 0}, {"tags": SCHEMA.tags, "group": 1}]


def jnrf(**settings) -> JNRF:
    values = {"vocab_size": 60, "embedding_size": 6, "hidden_size": 8, "num_layers": 1}
    values |= {"mixing_windows": [0], "schema": SCHEMA}
    return JNRF(JNRFConfig(**(values | settings)))


def with_encoder(**settings) -> JNRF:
    encoder = plain(configuration("bert", layers=3))
    return jnrf(encoder=encoder, encoder_window=16, encoder_overlap=4, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"crf": True, "separate_inputs": True, "relation_kind": "pairs", "character_size": 3},
        {"crf": True, "layer_kind": "lstm", "relation_kind": "targets"},
        {"encoder": True, "auxiliary": TASKS, "group_layers": 2, "crf": True},
        {"encoder": True, "separate_inputs": True, "auxiliary": TASKS},
        {"encoder": True, "freeze_encoder": True},
    ],
)
def test_every_trainable_weight_is_in_exactly_one_group(settings):
    settings = dict(settings)
    if encoder := settings.pop("encoder", False):
        pytest.importorskip("transformers")
    model = with_encoder(**settings) if encoder else jnrf(**settings)
    config = OptimConfig(lr_encoder=1e-4, layer_decay=0.9, lr_crf=0.1)
    optimizer = build_optimizer(model, config)
    grouped = [id(p) for group in optimizer.param_groups for p in group["params"]]
    trainable = {id(p) for p in model.parameters() if p.requires_grad}
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == trainable


def test_crfs_may_have_a_learning_rate_of_their_own_and_do_not_decay():
    model = jnrf(crf=True, relation_kind="targets")
    optimizer = build_optimizer(model, OptimConfig(lr=1e-3, lr_crf=0.1, weight_decay=0.3))
    for parameter in (*model.tag_head.crf.weights, model.relation_head.transitions):
        group = group_of(optimizer, parameter)
        assert (group["base_lr"], group["weight_decay"]) == (0.1, 0)
    assert group_of(optimizer, model.tag_head.output.weight)["base_lr"] == 1e-3


def test_an_encoder_may_learn_more_slowly_from_layer_to_layer_downwards():
    pytest.importorskip("transformers")
    model = with_encoder(auxiliary=TASKS, group_layers=2)
    optimizer = build_optimizer(model, OptimConfig(lr=1e-3, lr_encoder=1e-4, layer_decay=0.5))
    encoder = model.inputs.encoder

    def rate(module):
        rates = {group_of(optimizer, p)["base_lr"] for p in module.parameters()}
        assert len(rates) == 1
        return rates.pop()

    rates = [rate(layer) for layer in encoder.layers]
    assert rates == pytest.approx([0.25e-4, 0.5e-4, 1e-4])
    assert rate(encoder.model.embeddings) == pytest.approx(0.125e-4)
    # The layers that a group has of its own learn as those they stand for.
    assert [rate(layer) for layer in model.auxiliary.upper["1"]] == pytest.approx(rates[1:])
    assert rate(model.layers) == 1e-3
    assert rate(model.auxiliary.heads) == 1e-3


def test_without_a_rate_of_its_own_an_encoder_has_that_of_the_others():
    pytest.importorskip("transformers")
    model = with_encoder()
    optimizer = build_optimizer(model, OptimConfig(lr=1e-3, lr_encoder=None))
    for parameter in model.inputs.encoder.parameters():
        assert group_of(optimizer, parameter)["base_lr"] == 1e-3
