"""Which requests are let in: those that name this service, from no other site's page.

A service on 127.0.0.1 without passwords can be reached by any page in the user's browser: by a name
that a hostile site points at 127.0.0.1 (DNS rebinding), which the Host header gives away, or
directly, which the Origin header does.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import Message

_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\[\]:/@\s]+)(?::\d{1,5})?")
_LOCAL = ("localhost", "127.0.0.1", "::1")

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
#: On every answer: scripts and styles are our own files, no frames, nothing kept on disk.
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Hosts:
    """The names by which a service may be called.

    These are what it is bound to, ``allowed`` (of a proxy before it, say) and, for a loopback
    address, the names of loopback. Bound to all addresses it answers to any address, for only a
    name can be pointed elsewhere, and to this machine's name.
    """

    def __init__(self, bound: str, allowed: Iterable[str] = ()) -> None:
        self.allowed = {_plain(name) for name in allowed}
        self.any_address = bound in ("", "0.0.0.0", "::")
        self.names = {_plain(bound), *self.allowed}
        if self.any_address or is_loopback(bound):
            self.names.update(_LOCAL)
        if self.any_address:
            self.names.update(_plain(name) for name in (socket.gethostname(), socket.getfqdn()))

    def accept(self, host: str | None) -> bool:
        """Whether a Host header names this service."""
        match = _HOST.fullmatch(host or "")
        if match is None:
            return False
        name = _plain(match[1])
        return name in self.names or (self.any_address and _is_address(name))

    def accept_origin(self, origin: str | None, host: str) -> bool:
        """Whether a request may come from a page of ``origin`` (None: from no page)."""
        if origin is None:
            return True
        try:
            parts = urlsplit(origin)
            name = _plain(parts.hostname or "")
        except ValueError:
            return False
        return parts.netloc.lower() == host.lower() or name in self.allowed


def is_loopback(host: str) -> bool:
    """Whether an address or name can be reached from this machine alone."""
    if host == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    return name.lower().strip("[]").rstrip(".")


class Guard:
    """ASGI middleware that turns the others away, and sets security headers on every answer."""

    def __init__(self, app: Callable[..., Awaitable[None]], hosts: Hosts) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Let one request in, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._refuse(scope) or self.app
        await app(scope, receive, send_safely)

    def _refuse(self, scope: dict) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host")
        # A browser always says where it asks; old clients, such as probes of proxies, need not.
        unnamed = host is None and scope.get("http_version") == "1.0"
        if not unnamed and not self.hosts.accept(host):
            message = "this service does not go by that host name; --allow-host NAME admits it"
            return JSONResponse({"error": message}, 421)
        if not self.hosts.accept_origin(headers.get("origin"), host or ""):
            return JSONResponse({"error": "requests from other sites' pages are refused"}, 403)
        return None
