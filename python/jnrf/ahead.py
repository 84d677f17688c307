"""Work done ahead of its use, in another thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T], most: int = 1) -> Generator[T, None, None]:
    """The same items in the same order, up to ``most`` of them made before they are asked for.

    They are made in a thread of its own. An exception there is raised here, in its place among the
    items. Closing the generator, or leaving its loop, ends the thread after the item under way.
    """
    ready: queue.Queue = queue.Queue(most)
    left = threading.Event()

    def put(entry: tuple) -> None:
        while not left.is_set():
            try:
                return ready.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put((item, None))
                if left.is_set():
                    return
        except BaseException as error:  # an interrupt too belongs to whoever asks
            put((None, error))
        else:
            put((None, StopIteration()))

    thread = threading.Thread(target=work, daemon=True, name="ahead")
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item
    finally:
        left.set()
        thread.join()
