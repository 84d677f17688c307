"""Ctrl-C and SIGTERM as a request to stop between two steps, so that a run can be saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """The run was stopped on request; the message says what was saved and how to go on."""


class StopRequest:
    """While entered, a signal only sets :attr:`requested`; a second Ctrl-C stops at once.

    Not so where ``patient``: a launcher may send the signal of one Ctrl-C twice, and ends by itself
    what does not end in time.
    """

    def __init__(self, patient: bool = False) -> None:
        self.requested = False
        self._patient = patient
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> StopRequest:
        # Only a program's main thread may handle signals.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: object) -> None:
        if self.requested and number == signal.SIGINT and not self._patient:
            raise KeyboardInterrupt
        self.requested = True

    def check(self) -> None:
        """Raise :class:`Interrupted` where a stop was requested."""
        if self.requested:
            raise Interrupted
