"""What a person sees of a prediction run: a bar on a terminal, a line a minute in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from jnrf.prediction.folder import ERRORS, KEPT
from jnrf.prediction.notes import Source
from jnrf.prediction.receipts import Receipt
from jnrf.prediction.run import Outcome
from jnrf_ext.errors import InputError
from jnrf_ext.shown import shown

#: Seconds between lines where there is no terminal
_EVERY = 60.0
#: Endings of names that are told at the end, those of files that are no notes
ENDINGS_SHOWN = 8


class Progress:
    """Documents and wordpieces a second, and the time left, while a run is under way."""

    def __init__(self, source: Source, faults_at_once: bool = False) -> None:
        """``faults_at_once``: each note left out is told as it comes, on standard error."""
        self.faults_at_once = faults_at_once
        self.total: int | None = None
        self._source = source
        self._said = time.monotonic()
        console = Console(stderr=True)
        self._terminal = console.is_terminal
        self._bar = Bar(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=True,
            disable=not self._terminal,
        )

    def __enter__(self) -> Progress:
        # How much there is to do is counted meanwhile: millions of files take a while.
        threading.Thread(target=self._measure, daemon=True).start()
        self._bar.start()
        self._task = self._bar.add_task("", total=None, state="")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def _measure(self) -> None:
        try:
            self.total = self._source.measure()
        except (InputError, OSError):
            self.total = None  # whoever reads the input says why

    def told(self, outcome: Outcome, receipt: Receipt) -> None:
        """Another part is done."""
        if self.faults_at_once:
            for fault in receipt.faults:
                print(f"left out: {fault}", file=sys.stderr)
        state = describe(outcome, self.total)
        self._bar.update(self._task, completed=outcome.size, total=self.total, state=state)
        if not self._terminal and time.monotonic() - self._said >= _EVERY:
            self._said = time.monotonic()
            print(state, file=sys.stderr, flush=True)


def describe(outcome: Outcome, total: int | None) -> str:
    """A line on how far a run is and how fast."""
    parts = [f"{outcome.documents + outcome.skipped:,} documents"]
    parts.append(f"{outcome.documents_per_second:,.0f} documents/s")
    parts.append(f"{outcome.wordpieces_per_second:,.0f} wordpieces/s")
    left = outcome.seconds_left(total)
    if left is not None:
        hours, rest = divmod(round(left), 3600)
        parts.append(f"{hours}:{rest // 60:02}:{rest % 60:02} left")
    if outcome.faults:
        parts.append(f"{outcome.faults:,} left out")
    return "  ".join(parts)


def show_end(
    outcome: Outcome, to: str, out: Path | None, passed_over: Mapping[str, int] | None = None
) -> None:
    """What a run has done; on standard error where standard output has the predictions.

    ``passed_over``: files of the input that are no notes, by the endings of their names.
    """
    stream = sys.stdout if out is not None else sys.stderr
    written = f", written to {out}" if out is not None else ""
    print(
        f"{outcome.documents:,} documents in {outcome.seconds:.1f} s "
        f"({outcome.documents_per_second:,.1f} documents/s, "
        f"{outcome.wordpieces_per_second:,.0f} wordpieces/s){written}",
        file=stream,
    )
    if outcome.skipped:
        print(
            f"  {outcome.skipped:,} more were there already (--again does them anew)", file=stream
        )
    for kind, count in sorted(outcome.lost.items()):
        print(f"  {count:,} x {kind} (--to {to} cannot hold it)", file=stream)
    if passed_over:
        print(f"passed over, for they are no notes: {_by_ending(passed_over)}", file=sys.stderr)
    if outcome.kept and out is not None:
        _show_kept(outcome, out)
    if not outcome.faults:
        return
    if out is not None:
        for fault in outcome.first_faults:
            print(f"left out: {fault}", file=sys.stderr)
    listed = f"; {out / ERRORS} has all of them" if out is not None else ""
    notes = "note" if outcome.faults == 1 else "notes"
    print(
        f"{outcome.faults:,} {notes} could not be read or predicted{listed}; mend them and run the "
        "same command again",
        file=sys.stderr,
    )


def _by_ending(counts: Mapping[str, int]) -> str:
    """Counts of files by the endings of their names, the most frequent first."""
    most = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    told = [f"{count:,} x {shown(ending)}" for ending, count in most[:ENDINGS_SHOWN]]
    rest = sum(count for _, count in most[ENDINGS_SHOWN:])
    return ", ".join([*told, *([f"{rest:,} others"] if rest else [])])


def _show_kept(outcome: Outcome, out: Path) -> None:
    one = outcome.kept == 1
    files, them = ("file was", "it") if one else ("files were", "them")
    more = ", ..." if outcome.kept > len(outcome.first_kept) else ""
    names = ", ".join(map(shown, outcome.first_kept))
    print(
        f"{outcome.kept:,} {files} not written over, for someone has changed or made {them}: "
        f"{names}{more}; {out / KEPT} lists all, --overwrite-corrected writes over {them}",
        file=sys.stderr,
    )
