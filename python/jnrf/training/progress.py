"""What a person sees of a run: one line an epoch, and on a terminal a bar besides."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn


def duration(seconds: float) -> str:
    """``75`` -> ``1:15``, ``3700`` -> ``1:01:40``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class TrainingProgress:
    """Counts wordpieces against those of the whole run, from which follows the time left."""

    def __init__(self, total_tokens: int, done_tokens: int, epochs: int, quiet: bool = False):
        """``quiet`` shows nothing."""
        self.console = Console(soft_wrap=True, highlight=False, markup=False, quiet=quiet)
        self.epochs = epochs
        self._total, self._done, self._here = total_tokens, done_tokens, 0
        self._start = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[state]}"),
            console=self.console,
            transient=True,
            disable=quiet or not self.console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total_tokens, completed=done_tokens, state="")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, epoch: int, tokens: int, loss: float) -> None:
        """``tokens`` more were trained on, in epoch ``epoch`` (from 1), at this mean ``loss``."""
        self._done += tokens
        self._here += tokens
        state = f"loss {loss:.4f}  {self.rate():,.0f} wordpieces/s  {self.time_left()} left"
        self._bar.update(
            self._task,
            completed=self._done,
            description=f"epoch {epoch}/{self.epochs}",
            state=state,
        )

    def rate(self) -> float:
        """Wordpieces a second since the start, scoring included."""
        return self._here / max(time.monotonic() - self._start, 1e-9)

    def time_left(self) -> str:
        """To the end of the run, at the rate so far; "?" as long as there is none."""
        if not self._here:  # a resumed run may begin at the end of an epoch
            return "?"
        return duration(max(self._total - self._done, 0) / max(self.rate(), 1e-9))

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        self.console.print(line)
