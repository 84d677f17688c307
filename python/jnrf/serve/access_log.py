"""One line of log and a few counters a request; nothing that a request said is in either."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection

from starlette.responses import JSONResponse
from starlette.types import Message

from jnrf.serve.batching import where_raised
from jnrf.serve.methods import plain_path
from jnrf.serve.metrics import Metrics

log = logging.getLogger("jnrf.serve")

#: How a client that left before its answer is counted.
CLIENT_LEFT = 499
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class AccessLog:
    """ASGI middleware: logs method, path, status, sizes and time, and counts.

    Only ``paths`` that exist are logged as they are: someone may have put a note into an address.
    An error that nothing else caught becomes a 500 here, for a server would log its message, which
    may quote a note.
    """

    def __init__(
        self, app: Callable[..., Awaitable[None]], metrics: Metrics, paths: Collection[str]
    ) -> None:
        self.app = app
        self.metrics = metrics
        self.paths = frozenset(paths)

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Pass one request on and watch it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, taken, given = CLIENT_LEFT, 0, 0
        start = time.perf_counter()

        async def receive_counted() -> dict:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return message

        async def send_counted(message: Message) -> None:
            nonlocal status, given
            if message["type"] == "http.response.start":
                status = message["status"]
            given += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive_counted, send_counted)
        except Exception as error:
            log.error("a request failed: %s", where_raised(error))
            if status == CLIENT_LEFT:
                failed = JSONResponse({"error": "the service failed on this request"}, 500)
                await failed(scope, receive, send_counted)
        finally:
            seconds = time.perf_counter() - start
            path = plain_path(scope["path"])
            path = path if path in self.paths else "other"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self.metrics.answered(path, status, seconds)
            log.info(
                "%s %s %d, %d bytes in, %d out, %.1f ms",
                *(method, path, status, taken, given, 1000 * seconds),
            )
