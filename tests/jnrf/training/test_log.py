"""metrics.jsonl and TensorBoard's files."""

import builtins
import threading

import pytest

from jnrf.training.log import Curves, MetricsLog, read_rows
from jnrf_ext.errors import InputError


def test_rows_come_back_in_order(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    rows = [{"epoch": 1, "loss": 1 / 3}, {"epoch": 2, "dev": {"f1": 0.5}}]
    for row in rows:
        log.append(row)
        assert read_rows(tmp_path / "metrics.jsonl")[-1] == row  # at once, not when closed
    assert read_rows(tmp_path / "metrics.jsonl") == rows


def test_a_resumed_log_drops_what_came_after_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path)
    log.append({"epoch": 1})
    kept = log.size
    log.append({"epoch": 2})
    log.close()
    with open(path, "a") as file:
        file.write('{"epo')  # killed while it wrote
    MetricsLog(path, kept).append({"epoch": 2, "again": True})
    assert read_rows(path) == [{"epoch": 1}, {"epoch": 2, "again": True}]


def test_no_file_means_no_rows(tmp_path):
    assert read_rows(tmp_path / "metrics.jsonl") == []


def test_a_log_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot write .*no/metrics\.jsonl"):
        MetricsLog(tmp_path / "no" / "metrics.jsonl")


def test_without_tensorboard_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if "tensorboard" in name:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    curves = Curves(tmp_path / "tensorboard", wanted=True, step=0)
    assert "pip install tensorboard" in curves.note
    curves.add({"loss": 1.0}, 1)
    assert not (tmp_path / "tensorboard").exists()


def test_curves_hold_the_numbers_of_the_rows(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = Curves(tmp_path, wanted=True, step=0)
    curves.add({"loss": 0.5, "dev": {"mentions_strict": 0.25}}, 7)
    curves.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(7, 0.5)]
    assert [(e.step, e.value) for e in events.Scalars("dev/mentions_strict")] == [(7, 0.25)]


def test_what_ends_tensorboards_own_thread_is_not_told_twice(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    told = []
    hook = lambda args: told.append(type(args.thread))  # noqa: E731 (to be compared with)
    monkeypatch.setattr(threading, "excepthook", hook)
    curves = Curves(tmp_path, True, 0)

    class Theirs(threading.Thread):
        def run(self):
            raise OSError("no room")

    class Ours(Theirs):
        pass

    Theirs.__module__ = "tensorboard.writer"
    for kind in (Theirs, Ours):
        thread = kind()
        thread.start()
        thread.join()
    assert told == [Ours]
    curves.close()
    assert threading.excepthook is hook
