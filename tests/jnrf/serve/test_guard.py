"""Who is let in: requests that name the service, from its own page or from programs."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")
pytest.importorskip("httpx")

from jnrf.serve.guard import HEADERS, Hosts, is_loopback


@pytest.mark.parametrize(
    ("bound", "host", "accepted"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "LocalHost:9000", True),
        ("127.0.0.1", "localhost.:8000", True),
        ("127.0.0.1", "[::1]:8000", True),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "localhost.evil.example:8000", False),
        ("127.0.0.1", "user@localhost", False),
        ("127.0.0.1", "evil.example#localhost", False),
        ("127.0.0.1", "localhost:port", False),
        ("127.0.0.1", "10.0.0.5", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", None, False),
        ("::1", "[::1]", True),
        ("::1", "localhost", True),
        ("10.0.0.5", "10.0.0.5:8000", True),
        ("10.0.0.5", "localhost", False),
        ("10.0.0.5", "10.0.0.6", False),
        ("0.0.0.0", "10.0.0.6:8000", True),
        ("0.0.0.0", "[fe80::1]:8000", True),
        ("0.0.0.0", "localhost", True),
        ("0.0.0.0", "evil.example", False),
        ("0.0.0.0", socket.gethostname(), True),
        ("::", "10.0.0.6", True),
        ("127.0.0.1", "notes.example", True),
        ("127.0.0.1", "Notes.Example:443", True),
    ],
)
def test_only_names_of_the_service_are_accepted(bound, host, accepted):
    assert Hosts(bound, ["notes.example"]).accept(host) is accepted


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [
        (None, True),
        ("http://localhost:8000", True),
        ("https://notes.example", True),
        ("http://localhost:8001", False),
        ("https://evil.example", False),
        ("http://localhost:8000.evil.example", False),
        ("null", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_pages_of_the_service_may_ask(origin, accepted):
    hosts = Hosts("127.0.0.1", ["notes.example"])
    assert hosts.accept_origin(origin, "localhost:8000") is accepted


def test_loopback_is_what_stays_on_this_machine():
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.3.2.1", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.5", "a.example"))


def test_strangers_are_turned_away_from_every_address(serve):
    async def test(service):
        for path in ("/", "/model", "/metrics", "/health", "/docs", "/nowhere"):
            for headers, status in (
                ({"host": "evil.example"}, 421),
                ({"origin": "http://evil.example"}, 403),
            ):
                answer = await service.get(path, headers=headers)
                assert answer.status_code == status
                assert answer.json().keys() == {"error"}
                assert "evil" not in answer.text
        sent = {"json": {"text": "x"}, "headers": {"origin": "http://evil.example"}}
        assert (await service.post("/extract", **sent)).status_code == 403
        assert await service.metric("jnrf_wordpieces_total") == 0
        # What a browser asks first for another site's page is not granted.
        asked = {"access-control-request-method": "POST", "origin": "http://evil.example"}
        granted = await service.client.options("/extract", headers=asked)
        assert granted.status_code == 403
        assert "access-control-allow-origin" not in granted.headers

    serve(test)


def test_every_answer_has_the_security_headers(serve):
    async def test(service):
        for answer in (
            await service.get("/"),
            await service.get("/assets/page.js"),
            await service.get("/nowhere"),
            await service.get("/", headers={"host": "evil.example"}),
            await service.post("/extract", json={"text": "x"}),
            await service.post("/extract", json={}),
        ):
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "unsafe" not in HEADERS["Content-Security-Policy"]

    serve(test)
