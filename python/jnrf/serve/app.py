"""The routes of the service: which address answers what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jnrf.serve import openapi, page
from jnrf.serve.access_log import CLIENT_LEFT, AccessLog
from jnrf.serve.batching import Batcher, Job, ModelFailed, NotServed
from jnrf.serve.bodies import Body, HeldBytes, check_headers, parse_note, parse_notes
from jnrf.serve.guard import Guard, Hosts
from jnrf.serve.http_error import HttpError, busy
from jnrf.serve.limits import Limits
from jnrf.serve.methods import Methods
from jnrf.serve.metrics import Metrics
from jnrf_ext.documents.brat_names import BratNames
from jnrf_ext.documents.dict_writer import document_to_dict
from jnrf_ext.documents.document import Document
from jnrf_ext.documents.standoff import to_brat
from jnrf_ext.errors import InputError

if TYPE_CHECKING:
    from jnrf.prediction.predictor import Predictor

_FAILED = "the model failed on this note"


def create_app(predictor: Predictor, about: dict, limits: Limits, hosts: Hosts) -> FastAPI:
    """The service around a model, as an ASGI application; its thread runs while the app does.

    ``about`` is what ``GET /model`` tells. ``app.state`` has the ``batcher`` and the ``metrics``.
    """
    metrics = Metrics()
    batcher = Batcher(predictor, limits.batch_tokens, limits.queue, limits.wait_ms / 1000, metrics)

    @asynccontextmanager
    async def run_thread(app: FastAPI):
        batcher.start()
        yield
        await asyncio.to_thread(batcher.close)

    # The interactive pages of FastAPI load their scripts from the network; ours is plain.
    app = FastAPI(
        title="jnrf",
        summary="Mentions and relations from clinical notes",
        version=about["version"],
        lifespan=run_thread,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.batcher, app.state.metrics = batcher, metrics
    _add_extraction(app, batcher, limits)
    _add_state(app, batcher, metrics, about)
    _add_pages(app)
    _answer_errors_plainly(app)
    routes = [route for route in app.routes if isinstance(route, Route)]
    methods = {route.path: set(route.methods or ()) for route in routes}
    app.add_middleware(Methods, methods=methods, pages=("/docs",))
    app.add_middleware(Guard, hosts=hosts)
    app.add_middleware(AccessLog, metrics=metrics, paths=methods.keys())
    return app


def _add_extraction(app: FastAPI, batcher: Batcher, limits: Limits) -> None:
    held = HeldBytes(limits.held_bytes)

    async def answer(request: Request, parse: Callable, write: Callable) -> Response:
        end = asyncio.get_running_loop().time() + limits.timeout
        forms = _FORMS.get(request.query_params.get("format", "json"))
        if forms is None:
            raise HttpError(422, "format must be json or brat")
        check_headers(request.headers)
        if batcher.waiting >= limits.queue:
            raise busy("too many notes are waiting; send the request again later")
        with Body(held, limits) as body:
            reading = body.read(request.headers, request.stream())
            try:
                content = await asyncio.wait_for(reading, limits.timeout)
            except ClientDisconnect:
                raise HttpError(CLIENT_LEFT, "the client left") from None
            except asyncio.TimeoutError:
                raise HttpError(
                    408, f"the body did not come within {limits.timeout:g} s; send it faster"
                ) from None
            jobs = batcher.submit(parse(content, limits))
            del content
            found = await _finish(request, batcher, jobs, end, limits.timeout)
            return write(jobs, found, forms)

    @app.post("/extract", **openapi.EXTRACT)
    async def extract(request: Request) -> Response:
        return await answer(request, lambda *body: [parse_note(*body)], _write_one)

    @app.post("/extract/batch", **openapi.EXTRACT_BATCH)
    async def extract_batch(request: Request) -> Response:
        return await answer(request, parse_notes, _write_list)


async def _finish(
    request: Request, batcher: Batcher, jobs: list[Job], end: float, timeout: float
) -> list[Document | BaseException]:
    """What the model made of each note, or why nothing.

    ``end`` is when the loop's clock says that it took too long. Notes that the model has not begun
    are dropped when nobody waits for them any more.
    """
    futures = [asyncio.wrap_future(job.future) for job in jobs]
    done = asyncio.gather(*futures, return_exceptions=True)
    left = asyncio.ensure_future(_client_leaves(request))
    try:
        time = max(0.0, end - asyncio.get_running_loop().time())
        either: set[asyncio.Future] = {done, left}
        await asyncio.wait(either, timeout=time, return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            found = done.result()
            if any(isinstance(x, (NotServed, CancelledError)) for x in found):
                raise busy("the service is stopping; send the request again later")
            return found
        if left.done():
            raise HttpError(CLIENT_LEFT, "the client left")
        raise HttpError(
            504, f"not done within {timeout:g} s; send a shorter note, or try again later"
        )
    finally:
        batcher.drop(jobs)
        left.cancel()
        done.cancel()


async def _client_leaves(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _write_one(jobs: list[Job], found: Sequence[Document | BaseException], forms) -> Response:
    [document] = found
    if isinstance(document, BaseException):
        if not isinstance(document, ModelFailed):
            raise document
        raise HttpError(500, _FAILED)
    content, kind = forms.one(document)
    return Response(content, media_type=kind)


def _write_list(jobs: list[Job], found: Sequence[Document | BaseException], forms) -> Response:
    """A list in the order of the notes; one that the model failed on has an "error" instead."""
    items = []
    for job, document in zip(jobs, found, strict=True):
        if isinstance(document, ModelFailed):
            items.append({"id": job.note.id, "error": _FAILED})
        elif isinstance(document, BaseException):
            raise document
        else:
            items.append(forms.item(document))
    return Response(_json(items), media_type="application/json")


class _Json:
    """A document as the JSON that all of jnrf reads and writes."""

    @staticmethod
    def one(document: Document) -> tuple[bytes, str]:
        return _json(document_to_dict(document)), "application/json"

    item = staticmethod(document_to_dict)


class _Brat:
    """A document as its .ann file; in a list, beside its id."""

    @staticmethod
    def one(document: Document) -> tuple[bytes, str]:
        return _ann(document).encode("utf-8"), "text/plain; charset=utf-8"

    @staticmethod
    def item(document: Document) -> dict:
        return {"id": document.id, "ann": _ann(document)}


_FORMS = {"json": _Json, "brat": _Brat}


def _ann(document: Document) -> str:
    """White space in the model's labels becomes ``_``, as in ``jnrf predict``."""
    try:
        return to_brat(BratNames().fit(document))
    except InputError:  # two of them would become one
        raise HttpError(
            422, "brat cannot hold the names of this model's types; ask for format=json"
        ) from None


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _add_state(app: FastAPI, batcher: Batcher, metrics: Metrics, about: dict) -> None:
    @app.get("/health", **openapi.HEALTH)
    async def health() -> Response:
        status = 200 if batcher.alive else 503
        return JSONResponse({"ready": batcher.alive, "waiting": batcher.waiting}, status)

    @app.get("/health/live", **openapi.LIVE)
    async def live() -> Response:
        return JSONResponse({"live": True})

    @app.get("/metrics", **openapi.METRICS)
    async def read_metrics() -> Response:
        return Response(metrics.text(), headers={"Content-Type": metrics.content_type})

    @app.get("/model", **openapi.MODEL)
    async def read_model() -> Response:
        return JSONResponse(about)


def _add_pages(app: FastAPI) -> None:
    def add(path: str, content: str, kind: str, **options: Any) -> None:
        async def read() -> Response:
            return Response(content, media_type=kind)

        app.get(path, **options)(read)

    add("/", page.page(), "text/html", **openapi.PAGE)
    for name, (content, kind) in page.assets().items():
        add(f"/assets/{name}", content, kind, include_in_schema=False)

    # Made when first asked for: the description is complete only when all routes are there.
    @app.get("/openapi.json", **openapi.OPENAPI)
    async def description() -> Response:
        return JSONResponse(openapi.with_head(app.openapi()))

    @app.get("/docs", **openapi.DOCS)
    async def docs() -> Response:
        return Response(page.docs(app.openapi()), media_type="text/html")

    @app.get("/favicon.ico", include_in_schema=False)
    async def no_icon() -> Response:
        return Response(status_code=204)


def _answer_errors_plainly(app: FastAPI) -> None:
    """Errors are ``{"error": "one line"}``; FastAPI's own repeat what the request said."""

    @app.exception_handler(HttpError)
    async def refuse(request: Request, refusal: HttpError) -> Response:
        return JSONResponse({"error": refusal.message}, refusal.status, refusal.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return JSONResponse({"error": "the request is not as /docs says"}, 422)

    @app.exception_handler(HTTPException)
    async def fail(request: Request, error: HTTPException) -> Response:
        messages = {404: "no such address; /docs lists them", 405: "no such method here; see /docs"}
        message = messages.get(error.status_code, "the request cannot be answered")
        return JSONResponse({"error": message}, error.status_code, error.headers)
