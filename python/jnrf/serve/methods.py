"""What every address answers beside its own methods: HEAD, OPTIONS, and a slash at its end.

Load balancers and monitors ask by HEAD or OPTIONS whether a service is there, and clients put
slashes behind addresses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from starlette.responses import JSONResponse, Response


def plain_path(path: str) -> str:
    """A path without slashes at its end."""
    return path.rstrip("/") or "/"


class Methods:
    """ASGI middleware in front of the routes, whose methods it knows by their paths.

    HEAD is answered as GET is, without the body; OPTIONS by the methods there are; others that
    there are not by 405. A slash at the end of a path does not matter. Only ``pages``, which name
    their files by where they are, are redirected, without the name of the service: clients behind a
    proxy may know it by another.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        methods: Mapping[str, set[str]],
        pages: Collection[str] = (),
    ) -> None:
        self.app = app
        self.pages = pages
        self.allowed = {
            path: ", ".join(sorted({*own, "OPTIONS", *(["HEAD"] if "GET" in own else [])}))
            for path, own in methods.items()
        }

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Answer one request, or pass it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path, method = plain_path(scope["path"]), scope["method"]
        allowed = self.allowed.get(path)
        if path == "*":  # of the service as a whole
            allowed = "GET, HEAD, OPTIONS, POST"
        if allowed is None:
            await self.app(scope, receive, send)
        elif method == "OPTIONS":
            await Response(status_code=204, headers={"Allow": allowed})(scope, receive, send)
        elif method not in allowed.split(", ") or path == "*":
            error = {"error": "no such method here; see /docs"}
            await JSONResponse(error, 405, {"Allow": allowed})(scope, receive, send)
        elif path in self.pages and path != scope["path"]:
            place = {"Location": "../" * scope["path"].count("/", 1) + path.rpartition("/")[2]}
            await Response(status_code=308, headers=place)(scope, receive, send)
        elif method == "HEAD":
            await self.app(scope | {"path": path, "method": "GET"}, receive, _without_body(send))
        else:
            await self.app(scope | {"path": path}, receive, send)


def _without_body(send: Callable) -> Callable:
    async def send_head(message: dict) -> None:
        if message["type"] == "http.response.body":
            message = message | {"body": b""}
        await send(message)

    return send_head
