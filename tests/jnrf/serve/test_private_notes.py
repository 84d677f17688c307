"""No part of a request comes back in an error, a header, a log line or a metric."""

from __future__ import annotations

import json
import logging
from urllib.parse import quote

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")
pytest.importorskip("httpx")

#: Stands in the part of a request under test.
WORD = "Zachariassen"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", WORD.upper())
HEADERS = (
    "accept",
    "accept-encoding",
    "authorization",
    "content-encoding",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "referer",
    "x-forwarded-for",
    "x-request-id",
    WORD,
)
#: What a header may have beside the word.
AROUND = ("{}", "{}/json", "application/{}", "application/json; charset={}", "http://{}.example")
NOTE = json.dumps({"text": "He takes aspirin 81 mg."}).encode()
JSON = {"content-type": "application/json"}


@pytest.fixture
def quiet(caplog):
    """Afterwards no log line has the word, of whatever logger and level."""
    for client in ("httpx", "httpcore"):
        caplog.set_level(logging.CRITICAL, client)
    caplog.set_level(logging.DEBUG)
    yield
    # caplog.text begins anew when the test has ended.
    told = "\n".join(caplog.handler.format(record) for record in caplog.get_records("call"))
    assert "/extract" in told
    assert WORD.lower() not in told.lower()


def kept_back(answer) -> None:
    """Fail where an answer has the word anywhere."""
    told = answer.text + "".join(f"{name}: {value}" for name, value in answer.headers.items())
    assert WORD.lower() not in told.lower(), (answer.request.method, str(answer.request.url), told)


async def ask(service, method: str, path: str, headers=JSON, content: bytes = NOTE) -> None:
    """A request, and what it may have left behind."""
    kept_back(await service.client.request(method, path, headers=headers, content=content))


def test_no_part_of_an_address_comes_back(serve, quiet):
    said = quote(f"{WORD} has HIV")

    async def test(service):
        for path in {route.path for route in service.app.routes}:
            for method in METHODS:
                for address in (
                    f"{path.rstrip('/')}/{said}",
                    f"{path}%2F{said}",
                    f"{path}?{said}",
                    f"{path}?text={said}",
                    f"{path}?format={said}",
                    f"{path}?{said}=brat&format=brat",
                ):
                    await ask(service, method, address)
        kept_back(await service.get("/metrics"))

    serve(test)


def test_no_header_comes_back(serve, quiet):
    async def test(service):
        for path in ("/extract", "/extract/batch", "/model", "/nowhere"):
            for header in HEADERS:
                for around in AROUND:
                    for method in ("GET", "POST", "OPTIONS"):
                        headers = JSON | {header: around.format(WORD)}
                        await ask(service, method, path, headers)
        kept_back(await service.get("/metrics"))

    serve(test)


def with_word(note: dict) -> list:
    """Notes with the word in the place of each field, as itself and inside other values."""
    others = (WORD, [WORD], {WORD: WORD}, f"{WORD}\ud83d", None, 7)
    changed = [note | {name: other} for name in (*note, WORD) for other in others]
    return [*changed, [note, WORD], [WORD], WORD, {WORD: note}]


@pytest.mark.parametrize("path", ["/extract", "/extract/batch"])
@pytest.mark.parametrize("form", ["json", "brat", WORD])
def test_no_body_that_is_refused_comes_back(serve, quiet, path, form):
    note = {"text": WORD, "id": WORD}
    bodies = [json.dumps(body).encode() for body in with_word(note)]
    bodies += [json.dumps([body]).encode() for body in with_word(note)]
    bodies += [body[:-2] for body in bodies] + [body + b"\xff" for body in bodies]
    bodies += [json.dumps(note).encode(name) for name in ("utf-16", "utf-32")]

    async def test(service):
        refused = 0
        for body in bodies:
            answer = await service.post(f"{path}?format={form}", content=body, headers=JSON)
            if answer.status_code != 200:  # an answer has the note, as it should
                refused += 1
                kept_back(answer)
        assert refused > len(bodies) / 2
        kept_back(await service.get("/metrics"))

    serve(test)
