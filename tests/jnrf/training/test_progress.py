"""What a person sees of a run."""

import time

import pytest

from jnrf.training.progress import TrainingProgress, duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3700, "1:01:40")]
)
def test_durations_are_written_as_on_a_clock(seconds, text):
    assert duration(seconds) == text


def test_lines_are_printed_whole_where_there_is_no_terminal(capsys):
    with TrainingProgress(total_tokens=10, done_tokens=0, epochs=1) as progress:
        progress.advance(1, 5, 0.5)
        progress.say("x" * 300 + " [bold]as it is[/bold]")
    assert capsys.readouterr().out == "x" * 300 + " [bold]as it is[/bold]\n"


def test_the_time_left_follows_from_the_rate_since_the_start(monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = TrainingProgress(total_tokens=100, done_tokens=50, epochs=2)  # a resumed run
    now = 10.0
    progress.advance(2, 25, 0.5)
    assert progress.rate() == 2.5
    assert progress.time_left() == "0:10"
    progress.advance(2, 25, 0.5)
    assert progress.time_left() == "0:00"


def test_a_resumed_run_that_has_trained_on_nothing_yet_knows_no_time_left():
    progress = TrainingProgress(total_tokens=100, done_tokens=50, epochs=2)
    assert progress.time_left() == "?"
