"""What load balancers, proxies and clients of all kinds send is answered as they expect."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest
from wire import Wire

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")
pytest.importorskip("httpx")

NOTE = json.dumps({"text": "He takes aspirin 81 mg for fever."}).encode()
JSON = {"content-type": "application/json"}


def gets(service) -> list[str]:
    return [route.path for route in service.app.routes if "GET" in route.methods]


def test_head_is_answered_as_get_without_the_body(serve, caplog):
    caplog.set_level("INFO", logger="jnrf.serve")

    async def test(service):
        for path in gets(service):
            got, head = await service.get(path), await service.client.head(path)
            assert head.status_code == got.status_code, path
            assert head.content == b""
            same = {"content-type", "content-security-policy", "cache-control"}
            assert {n: head.headers.get(n) for n in same} == {n: got.headers.get(n) for n in same}
            if path != "/metrics":  # which counts, and says so in more digits
                assert head.headers.get("content-length") == got.headers.get("content-length")
        assert (await service.client.head("/extract")).status_code == 405
        assert (await service.client.head("/nowhere")).status_code == 404
        await service.until_waiting(0)
        service.batcher.close()
        assert (await service.client.head("/health")).status_code == 503

    serve(test)
    assert "HEAD /health 200, 0 bytes in, 0 out" in caplog.text


def test_options_and_wrong_methods_say_which_there_are(serve):
    async def test(service):
        for route in service.app.routes:
            allowed = "GET, HEAD, OPTIONS" if "GET" in route.methods else "OPTIONS, POST"
            answer = await service.client.options(route.path)
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["allow"] == allowed
            assert "access-control-allow-origin" not in answer.headers
            wrong = await service.client.put(route.path, content=b"x")
            assert wrong.status_code == 405
            assert wrong.headers["allow"] == allowed
            assert wrong.json() == {"error": "no such method here; see /docs"}
        assert (await service.client.options("/nowhere")).status_code == 404

    serve(test)


def test_a_slash_at_the_end_does_not_matter(serve):
    async def test(service):
        for path in gets(service):
            answer = await service.get(f"{path}/")
            if path == "/docs":  # it would look for its files in the wrong place
                assert (answer.status_code, answer.headers["location"]) == (308, "../docs")
                answer = await service.get(str(answer.url.join("../docs")))
            assert answer.status_code == (204 if path == "/favicon.ico" else 200)
        for path in ("/extract/", "/extract/batch/"):
            body = NOTE if path == "/extract/" else b"[" + NOTE + b"]"
            answer = await service.post(path, content=body, headers=JSON)
            assert answer.status_code == 200
        assert await service.metric('jnrf_requests_total{path="/extract",status="200"}') == 1

    serve(test)


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", bytes),
        ("zstd", bytes),
        ("identity, gzip", gzip.compress),
        ("made-up", bytes),
    ],
)
def test_compressed_bodies_are_refused_by_name_before_they_are_read(serve, coding, pack):
    async def test(service):
        headers = JSON | {"content-encoding": coding}
        answer = await service.post("/extract", content=pack(NOTE), headers=headers)
        assert answer.status_code == 415
        assert answer.headers["accept-encoding"] == "identity"
        assert "only identity is taken" in answer.json()["error"]
        assert "made-up" not in answer.text

    serve(test)


@pytest.mark.parametrize("coding", ["", "identity", " Identity "])
def test_bodies_that_are_not_compressed_may_say_so(serve, coding):
    async def test(service):
        headers = JSON | {"content-encoding": coding}
        assert (await service.post("/extract", content=NOTE, headers=headers)).status_code == 200

    serve(test)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json;", 200),
        ("application/json;charset=utf8", 200),
        ('APPLICATION/JSON ; Charset="UTF-8"', 200),
        ("application/json; charset=us-ascii", 200),
        ("application/json; profile=x; charset=utf-8", 200),
        ("application/json; odata.metadata=minimal", 200),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=iso-8859-1", 415),
        ("application/json; charset=none-such", 415),
        ("text/json", 415),
        ("text/plain; application/json", 415),
        ("text/plain; x=application/json", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_types_with_parameters_are_read_as_they_are_meant(serve, kind, status):
    async def test(service):
        answer = await service.post("/extract", content=NOTE, headers={"content-type": kind})
        assert answer.status_code == status
        if status == 415:
            assert answer.headers["accept-post"] == "application/json"

    serve(test)


def test_a_body_may_begin_with_a_byte_order_mark(serve):
    async def test(service):
        answer = await service.post("/extract", content=b"\xef\xbb\xbf" + NOTE, headers=JSON)
        assert answer.status_code == 200
        assert answer.json()["text"] == json.loads(NOTE)["text"]

    serve(test)


def head_of(length: int, more: str = "") -> bytes:
    return (
        f"POST /extract HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\nExpect: 100-continue\r\n{more}\r\n"
    ).encode()


@pytest.mark.slow
def test_clients_that_wait_to_be_asked_for_the_body_are_asked_or_refused(program):
    served = program("--max-bytes", "1000")
    wire = Wire(served)
    wire.send(head_of(len(NOTE)))
    assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
    wire.send(NOTE)
    wire.until(b'"relations"')
    assert b"HTTP/1.1 200" in wire.read
    wire.close()
    for head, status in (
        (head_of(2000), b"413"),
        (head_of(len(NOTE), "Content-Encoding: gzip\r\n"), b"415"),
    ):
        wire = Wire(served)
        wire.send(head)
        assert wire.until(b'"error"').startswith(b"HTTP/1.1 " + status)
        wire.close()


@pytest.mark.slow
def test_probes_of_proxies_are_answered(program):
    served = program()
    for request, begin in (
        (b"OPTIONS / HTTP/1.0\r\n\r\n", b"HTTP/1.1 204"),
        (b"GET /health HTTP/1.0\r\n\r\n", b"HTTP/1.1 200"),
        (b"HEAD /health HTTP/1.0\r\n\r\n", b"HTTP/1.1 200"),
        (b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"HTTP/1.1 204"),
        (b"HEAD /health/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"HTTP/1.1 200"),
        (b"GET /health HTTP/1.1\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET /health HTTP/1.0\r\nOrigin: http://evil.example\r\n\r\n", b"HTTP/1.1 403"),
        (b"GET /health HTTP/1.0\r\nHost: evil.example\r\n\r\n", b"HTTP/1.1 421"),
    ):
        wire = Wire(served)
        wire.send(request)
        assert wire.until(b"\r\n\r\n").startswith(begin), request
        wire.close()
