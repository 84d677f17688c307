"""How much a service takes on at once."""

from __future__ import annotations

from dataclasses import dataclass

#: Requests of the largest size whose bodies may be held at once.
_LARGEST_HELD = 16


@dataclass(frozen=True)
class Limits:
    """Bounds on requests, and how their notes are packed for the model."""

    max_characters: int = 200_000  #: code points of one note
    max_bytes: int = 4 * 2**20  #: bytes of one request's body
    timeout: float = 30.0  #: seconds from a request's start to its answer
    queue: int = 256  #: notes that may wait for the model
    batch_tokens: int = 4096  #: wordpieces that go through the model at once
    wait_ms: float = 0.0  #: milliseconds to wait for more notes once the first has come

    @property
    def held_bytes(self) -> int:
        """Bytes of all bodies that are held at once, whoever sent them."""
        return _LARGEST_HELD * self.max_bytes
