"""A training step: what it does, and that it waits for no device."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys

import pytest
import torch
from no_waits import NoWaits
from tiny_corpus import TINY, write_corpus
from torch import nn

from jnrf.data.batches import Batch
from jnrf.training import loop, settings, step
from jnrf.training.checkpoint import RunState
from jnrf.training.config import OptimConfig, TrainConfig
from jnrf.training.optim import build_optimizer, set_learning_rate
from jnrf_ext import JNRF, JNRFConfig, Schema
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError

SCHEMA = Schema.from_types(["Drug", "Dose"], {"Dose-Drug": [("Dose", "Drug")]})
CONFIG = TrainConfig()
INFINITE, NOT_A_NUMBER = float("inf"), float("nan")


def small_model(**changes) -> JNRF:
    torch.manual_seed(0)
    small = {"vocab_size": 50, "embedding_size": 12, "hidden_size": 16, "num_layers": 2}
    small |= {"mixing_windows": [4, 0], "relation_size": 8, "schema": SCHEMA}
    return JNRF(JNRFConfig(**(small | changes)))


class Named:
    """An example as far as an error message needs one."""

    def __init__(self, name: str):
        self.document = Document(name, "")


def batch(lengths=(40, 25, 300), seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    tokens = sum(lengths)
    draw = lambda most, *shape: torch.randint(most, shape, generator=generator)  # noqa: E731
    bounds = torch.tensor([0, *lengths]).cumsum(0).int()
    pairs = torch.stack([draw(40, 9), draw(40, 9), draw(2, 9)], dim=1)
    names = [Named(f"note{seed}")]
    tags = draw(len(SCHEMA.tags), tokens)
    return Batch(draw(50, tokens), draw(24, tokens), bounds, tags, pairs, names)


def on_meta(given: Batch) -> Batch:
    tensors = (given.input_ids, given.surface, given.tags, given.pairs)
    ids, surface, tags, pairs = (tensor.to("meta") for tensor in tensors)
    return Batch(ids, surface, given.cu_seqlens, tags, pairs, given.examples)


# ------------------------------------------------------------------ waiting for nothing


@pytest.mark.parametrize(
    "optim", [{}, {"clip_norm": 0.0, "clip_value": 0.1}, {"optimizer": "adam"}]
)
def test_a_step_off_the_cpu_waits_for_nothing(optim, monkeypatch):
    """On tensors without values: whatever asks for one fails."""
    fits = lambda: ["cpu", "cuda", "meta"]  # noqa: E731
    for name in ("optimizer", "adam"):  # one or the other, by torch's version
        module = sys.modules[f"torch.optim.{name}"]
        monkeypatch.setattr(module, "_get_fused_kernels_supported_devices", fits, raising=False)
    monkeypatch.setattr("torch.autocast", lambda *args, **options: contextlib.nullcontext())
    with torch.device("meta"):
        model = small_model()
    config = TrainConfig(optim=OptimConfig(**optim))
    optimizer = build_optimizer(model, config.optim)
    group = [on_meta(batch(seed=seed)) for seed in (1, 2)]
    model.train()
    for _ in range(2):  # the second with the optimizer's state, and what is kept of skipped steps
        set_learning_rate(optimizer, 0.5)
        with NoWaits() as log:
            taken = step.take_step(model, optimizer, group, config)
    fused = "_fused_adamw_" if config.optim.optimizer == "adamw" else "_fused_adam_"
    assert {fused, "select_tokens", "fourier_mix_norm_backward"} <= set(log.operators)
    assert taken.tokens == 730


class Late(step.StepsUnderWay):
    """Reads outcomes as late as it does on CUDA."""

    def __init__(self, device, book):
        super().__init__(torch.device("cuda"), book)


def run(folder, corpus, **overrides):
    values = TINY | {"run.epochs": 3, "data.train": str(corpus), "run.out": str(folder)}
    loop.train(TrainConfig.from_dict(settings.merge({}, values | overrides)))
    timing = ("seconds", "tokens_per_second")
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rows = [{k: v for k, v in row.items() if k not in timing} for row in rows]
    return rows, (folder / "last/model.safetensors").read_bytes()


@pytest.mark.parametrize("overrides", [{}, {"optim.accumulate": 2, "run.checkpoint_every": 2}])
def test_reading_losses_late_changes_nothing(tmp_path, monkeypatch, overrides):
    corpus = write_corpus(tmp_path / "corpus", documents=5)
    at_once = run(tmp_path / "at_once", corpus, **overrides)
    monkeypatch.setattr(loop, "StepsUnderWay", Late)
    assert run(tmp_path / "late", corpus, **overrides) == at_once


def test_an_interrupted_run_has_booked_the_steps_under_way(tmp_path, monkeypatch):
    corpus = write_corpus(tmp_path / "corpus", documents=5)
    whole = run(tmp_path / "whole", corpus)
    monkeypatch.setattr(loop, "StepsUnderWay", Late)
    steps, take_step = itertools.count(1), loop.take_step

    def interrupted(*args):
        if next(steps) == 7:
            stops[0].requested = True
        return take_step(*args)

    stops = []
    start = loop.StopRequest.__enter__
    with monkeypatch.context() as patch:
        patch.setattr(loop.StopRequest, "__enter__", lambda self: stops.append(self) or start(self))
        patch.setattr(loop, "take_step", interrupted)
        with pytest.raises(loop.Interrupted, match="epoch 2 after step 7"):
            run(tmp_path / "run", corpus)
    values = TINY | {"run.epochs": 3, "data.train": str(corpus), "run.out": str(tmp_path / "run")}
    loop.train(TrainConfig.from_dict(settings.merge({}, values)), resume=True)
    assert (tmp_path / "run/last/model.safetensors").read_bytes() == whole[1]


def test_off_the_cpu_one_step_is_under_way():
    booked = []
    steps = step.StepsUnderWay(torch.device("cuda"), lambda *given: booked.append(given))
    cpu = step.StepsUnderWay(torch.device("cpu"), lambda *given: booked.append(given))
    taken = [made(seed) for seed in range(3)]
    cpu.add(taken[0])
    assert [given[0] for given in booked] == taken[:1]
    booked.clear()
    for one in taken:
        steps.add(one)
    assert (len(steps), steps.tokens) == (1, 730)
    assert [given[0] for given in booked] == taken[:2]
    steps.finish()
    assert [given[0] for given in booked] == taken
    assert (len(steps), steps.tokens) == (0, 0)
    assert all(seconds >= 0 for _, _, seconds in booked)


# ------------------------------------------------------------------ what is not finite


def made(seed: int, loss: float = 1.0, norm: float = 2.0) -> step.Step:
    values = [torch.tensor([loss, 0.5, 0.25]), torch.tensor([3.0, 0.5, 0.25]), torch.tensor([norm])]
    values = [value.double() for value in (*values, torch.tensor([7]))]
    return step.Step([batch(seed=seed)] * 2, 0.0, 1e-3, values)


def test_an_outcome_has_each_batch_the_norm_and_what_was_dropped():
    outcome = made(0).outcome()
    assert outcome.losses == [[1.0, 0.5, 0.25], [3.0, 0.5, 0.25]]
    assert outcome.mean_losses == [2.0, 0.5, 0.25]
    assert (outcome.norm, outcome.dropped) == (2.0, 7)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": INFINITE}, "the loss is inf at step 4 .epoch 3, document note0"),
        ({"loss": NOT_A_NUMBER, "norm": NOT_A_NUMBER}, "the loss is nan at step 4"),
        ({"norm": INFINITE}, "the gradient is inf at step 4"),
    ],
)
def test_what_is_not_finite_is_said_of_the_step_that_it_is_of(values, message):
    taken = made(0, **values)
    assert not step.is_finite(taken.outcome())
    with pytest.raises(InputError, match=message):
        step.check_finite(taken, taken.outcome(), CONFIG, RunState(step=3, epoch=2))


@pytest.mark.parametrize("wrong", [INFINITE, -INFINITE, NOT_A_NUMBER])
def test_a_fused_optimizer_skips_all_steps_from_one_that_is_not_finite(wrong):
    weight = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], lr=0.1, fused=True)

    def update(value):
        weight.grad = torch.full((3,), value)
        step.skip_unless_finite(optimizer, torch.tensor(value).double())
        optimizer.step()
        return weight.detach().clone()

    first = update(1.0)
    assert (first < 1).all()
    assert torch.equal(update(wrong), first)
    assert torch.equal(update(1.0), first)
    assert float(optimizer.state[weight]["step"]) == 1


def test_on_a_cpu_weights_stay_where_the_loss_is_not_finite():
    model = small_model()
    with torch.no_grad():
        model.tag_head.output.bias[0] = INFINITE
    optimizer = build_optimizer(model, CONFIG.optim)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    taken = step.take_step(model, optimizer, [batch()], CONFIG)
    assert not step.is_finite(taken.outcome())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))


def test_tokens_without_room_are_counted_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(JNRF, "_room", lambda self, tokens, device: 2 if self.training else None)
    rows, _ = run(tmp_path / "run", write_corpus(tmp_path / "corpus", documents=3))
    assert all(row["dropped"] > 0 for row in rows)
    printed = capsys.readouterr().out
    assert f"epoch 1: {rows[0]['dropped']:,} selected tokens found no room" in printed


# ------------------------------------------------------------------ on a GPU


def to_cuda(given: Batch) -> Batch:
    return given.to(torch.device("cuda"))


@pytest.mark.cuda
@pytest.mark.parametrize("bf16", ["always", "never"])
def test_a_whole_step_on_cuda_never_waits(bf16):
    """Torch raises at whatever would wait, from the batch on the host to the losses' copy."""
    model = small_model(selection_room=0.5).cuda().train()
    config = TrainConfig.from_dict({"run": {"bf16": bf16}})
    optimizer = build_optimizer(model, config.optim)
    # More tokens too, for which torch counts the gradients of embeddings by another kernel.
    group = [batch(seed=1), batch((3300, 41), seed=2)]
    step.take_step(model, optimizer, group, config).outcome()  # tables and workspaces are made
    before = model.tag_head.output.weight.detach().clone()
    torch.cuda.set_sync_debug_mode("error")
    try:
        taken = step.take_step(model, optimizer, group, config)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert step.is_finite(taken.outcome())
    assert not torch.equal(model.tag_head.output.weight, before)


def flat(model) -> torch.Tensor:
    return torch.cat([weight.detach().flatten().double().cpu() for weight in model.parameters()])


@pytest.mark.cuda
def test_a_step_on_cuda_learns_what_one_on_the_cpu_does():
    steady = dict.fromkeys(
        ("embedding_dropout", "layer_dropout", "head_dropout", "wordpiece_dropout"), 0.0
    )
    config = TrainConfig.from_dict({"run": {"bf16": "never"}})
    outcomes, moves = [], []
    for device in ("cpu", "cuda"):
        model = small_model(phase_jitter=0, selection_room=1.0, **steady).to(device).train()
        optimizer = build_optimizer(model, config.optim)
        start = flat(model)
        for seed in range(3):
            taken = step.take_step(model, optimizer, [batch(seed=seed)], config)
            outcomes.append(taken.outcome())
        moves.append(flat(model) - start)
    for cpu, cuda in zip(outcomes[:3], outcomes[3:], strict=True):
        assert cuda.mean_losses == pytest.approx(cpu.mean_losses, rel=1e-4)
        assert cuda.norm == pytest.approx(cpu.norm, rel=1e-3)
        assert cuda.dropped == 0
    cpu, cuda = moves
    assert (cuda - cpu).norm() < 1e-3 * cpu.norm()


@pytest.mark.cuda
@pytest.mark.parametrize("bf16", [True, False])
def test_a_step_is_one_cuda_graph_for_a_fixed_shape(bf16):
    """Replays on other tokens of the same shape do what steps taken one by one do."""
    steady = dict.fromkeys(
        ("embedding_dropout", "layer_dropout", "head_dropout", "wordpiece_dropout"), 0.0
    )
    steady |= {"phase_jitter": 0, "selection_room": 1.0}
    batches = [to_cuda(batch(seed=seed)) for seed in range(4)]

    def prepare():
        model = small_model(**steady).cuda().train()
        optimizer = build_optimizer(model, CONFIG.optim, capturable=True)
        set_learning_rate(optimizer, 0.5)
        return model, optimizer

    def body(model, optimizer, given):
        with torch.autocast("cuda", torch.bfloat16, enabled=bf16, cache_enabled=False):
            output = model(
                given.input_ids, given.cu_seqlens, given.surface, given.tags, given.pairs
            )
        output.loss.backward()
        step.clip_gradients(optimizer, CONFIG.optim)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return output.loss.detach()

    model, optimizer = prepare()
    wanted = [float(body(model, optimizer, given)) for given in batches]

    model, optimizer = prepare()
    start = {name: value.clone() for name, value in model.state_dict().items()}
    fixed = to_cuda(batch(seed=0))
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            body(model, optimizer, fixed)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = body(model, optimizer, fixed)
    # Back to the start, in place: the graph knows these tensors.
    with torch.no_grad():
        for name, value in model.state_dict().items():
            value.copy_(start[name])
        for state in optimizer.state.values():
            for value in state.values():
                value.zero_()
    got = []
    for given in batches:
        for name in ("input_ids", "surface", "tags", "pairs"):
            getattr(fixed, name).copy_(getattr(given, name))
        graph.replay()
        got.append(float(loss))
    assert got == pytest.approx(wanted, rel=2e-2 if bf16 else 1e-4)
