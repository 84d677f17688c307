"""Checkpoints: complete at any moment, and enough to go on as if nothing had happened."""

import json
import os
import resource

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from jnrf.training.checkpoint import RunState, load_state, recover, replace_folder, save_state
from jnrf_ext.errors import InputError


def trained(steps=3):
    """A linear layer and its optimizer after some steps on random inputs."""
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    for _ in range(steps):
        step(model, optimizer)
    return model, optimizer


def step(model, optimizer):
    optimizer.zero_grad()
    model(torch.randn(5, 3)).square().sum().backward()
    optimizer.step()


def test_an_optimizer_goes_on_to_the_very_same_weights(tmp_path):
    model, optimizer = trained()
    save_state(tmp_path, optimizer, RunState(step=3))
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(1)
    step(model, optimizer)

    again = nn.Linear(3, 2)
    again.load_state_dict(weights)
    optimizer_again = torch.optim.AdamW(again.parameters(), lr=0.5, fused=True)
    state = load_state(tmp_path, optimizer_again, "")
    torch.manual_seed(1)
    step(again, optimizer_again)

    assert state == RunState(step=3)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_checkpoint_of_before_there_were_several_processes_can_be_read(tmp_path):
    """It has the states of random generators too, and does not say what a step takes."""
    _, optimizer = trained()
    save_state(tmp_path, optimizer, RunState(step=7))
    path = tmp_path / "training_state.json"
    data = json.loads(path.read_text())
    del data["run"]["step_batches"]
    data["random"] = {"python": [3, [1, 2], None], "numpy": [1, 0, 0.0]}
    path.write_text(json.dumps(data))
    tensors = load_file(tmp_path / "training_state.safetensors")
    tensors |= {"random.torch": torch.get_rng_state(), "random.cuda.0": torch.zeros(2)}
    save_file(tensors, tmp_path / "training_state.safetensors")
    state = load_state(tmp_path, optimizer, "")
    assert (state.step, state.step_batches) == (7, 0)


def test_the_state_is_read_back_as_it_was(tmp_path):
    _, optimizer = trained()
    state = RunState("f", 3, 4, 99, [0.1, 1 / 3], 2, 1, 512, [1 / 7, 2.0, 3.0], 10, 0.25, 11, 1.5)
    save_state(tmp_path, optimizer, state)
    assert load_state(tmp_path, optimizer, "f") == state


def test_nothing_in_a_checkpoint_is_pickled(tmp_path):
    _, optimizer = trained()
    save_state(tmp_path, optimizer, RunState())
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".safetensors"]


def test_other_training_data_than_the_run_had_are_refused(tmp_path):
    _, optimizer = trained()
    save_state(tmp_path, optimizer, RunState(fingerprint="a"))
    with pytest.raises(InputError, match="training documents are not those"):
        load_state(tmp_path, optimizer, "b")


@pytest.mark.parametrize("name", ["training_state.json", "training_state.safetensors"])
def test_a_damaged_checkpoint_is_an_error_with_its_folder(tmp_path, name):
    _, optimizer = trained()
    save_state(tmp_path, optimizer, RunState())
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(InputError, match=f"{tmp_path} cannot be continued from"):
        load_state(tmp_path, optimizer, "")


def put(text):
    return lambda folder: (folder / "file").write_text(text)


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "last"
    replace_folder(target, put("one"))
    replace_folder(target, put("two"))
    assert (target / "file").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["last"]


#: System calls that change folders: mkdir of the new one, two renames, rmdir of the old one
MOMENTS = range(1, 5)


class Killed(BaseException):
    """Stands for the end of the process: nothing of ours may handle it."""


@pytest.mark.parametrize("at", MOMENTS)
def test_a_kill_at_any_moment_leaves_a_whole_folder(tmp_path, monkeypatch, at):
    """The system calls that change folders, one after another, are the moments that matter."""
    target = tmp_path / "last"
    replace_folder(target, put("old"))
    count = 0

    def counted(call):
        def wrapped(*args, **kwargs):
            nonlocal count
            count += 1
            if count == at:
                raise Killed
            return call(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("rename", "mkdir", "rmdir"):
            patch.setattr(os, name, counted(getattr(os, name)))
        with pytest.raises(Killed):
            replace_folder(target, put("new"))
    assert recover(target)
    assert (target / "file").read_text() in ("old", "new")
    replace_folder(target, put("newer"))
    assert (target / "file").read_text() == "newer"
    assert [p.name for p in tmp_path.iterdir()] == ["last"]


def test_half_of_a_first_checkpoint_is_none(tmp_path):
    (tmp_path / "last.new").mkdir()
    assert not recover(tmp_path / "last")


def test_a_disk_that_fills_keeps_the_earlier_checkpoint(tmp_path):
    target = tmp_path / "last"
    replace_folder(target, put("good"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(InputError, match=r"cannot write .*last.*--resume continues") as error:
            replace_folder(target, put("x" * 10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(error.value)
    assert (target / "file").read_text() == "good"
    assert [p.name for p in tmp_path.iterdir()] == ["last"]


def test_the_best_epoch_is_that_of_one_score_or_of_the_mean_of_all():
    names = ("mentions_strict", "mentions_lenient", "relations_strict", "relations_lenient")
    epochs = [dict(zip(names, scores, strict=True)) for scores in ((2, 2, 2, 4), (4, 4, 4, 3))]
    for metric, best in (("relations_lenient", 1), ("relations_strict", 2), ("mean", 2)):
        state = RunState()
        for scores in epochs:
            state.judge(scores, metric)
            state.close_epoch(0)
        assert state.best_epoch == best
