"""Memory that the garbage collector need not look through again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen_heap() -> Iterator[None]:
    """While entered, the collector passes over the objects that are there on entering.

    A model and its libraries are hundreds of thousands of them, and stay. The mentions of about a
    hundred notes are so many new ones that the collector goes through all, and for that tenth of a
    second every thread stands still. On leaving nothing is frozen, whoever froze it: how much
    Python itself had frozen at its start depends on its version.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
