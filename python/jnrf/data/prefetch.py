"""Data ready before it is needed: a thread makes the next items while the current one is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Generic, Literal, TypeVar

T = TypeVar("T")
#: What the thread hands over: an item, or what ended it
_Item = tuple[Literal[True], T]
_End = tuple[Literal[False], BaseException | None]
#: Seconds between two looks of the thread whether it is still wanted, while the queue is full
_LOOK = 0.1


class Prefetcher(Generic[T]):
    """Iterates over ``items`` in their order, the next ``depth`` of them made in a thread.

    What making one raises is raised here, after the items before it. The thread starts on entering
    and has ended on leaving, whether or not all items were taken.
    """

    def __init__(self, items: Iterable[T], depth: int = 1):
        if depth < 1:
            raise ValueError(f"depth is {depth}; at least one item must be made ahead")
        self._items = items
        self._ready: queue.Queue[_Item[T] | _End] = queue.Queue(depth)
        self._unwanted = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._make, name="jnrf ahead", daemon=True)

    def __enter__(self) -> Prefetcher[T]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._unwanted.set()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._over:
            raise StopIteration
        entry = self._ready.get()
        if entry[0] is True:
            return entry[1]
        self._over = True
        error = entry[1]
        if error is None:
            raise StopIteration
        raise error

    def _make(self) -> None:
        end: BaseException | None = None
        try:
            for item in self._items:
                if not self._put((True, item)):
                    return
        except BaseException as error:  # whatever it is, it is the taker's
            end = error
        self._put((False, end))

    def _put(self, entry: _Item[T] | _End) -> bool:
        """Wait for a place in the queue; False where nobody wants it any longer."""
        while not self._unwanted.is_set():
            try:
                self._ready.put(entry, timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False
