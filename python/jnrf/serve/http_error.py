"""Why a request is refused, in words that never repeat what it said: notes are private."""

from __future__ import annotations


class HttpError(Exception):
    """A request gets ``status`` and ``message`` instead of an answer.

    ``message`` is one line made of our own words and numbers alone, never of the request's.
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def busy(message: str) -> HttpError:
    """503, with the hint to come back soon."""
    return HttpError(503, message, {"Retry-After": "1"})
