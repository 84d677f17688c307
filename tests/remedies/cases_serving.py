"""Remedies for the service."""

from __future__ import annotations

import argparse
import socket

import pytest
from place import Place, remedy

from jnrf.cli import serve


@remedy("not installed; pip install 'jnrf_ext[serve]'")
def the_service_needs_packages(place: Place) -> None:
    for name in ("fastapi", "uvicorn", "prometheus_client"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        place.fails("serve", place.model)
    serve._check(arguments(place))


def arguments(place: Place, *words) -> argparse.Namespace:
    """The parsed arguments of the service."""
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return parser.parse_args([str(place.model), *map(str, words)])


@remedy(
    "--{} must be at least {}",
    "--timeout must be above 0 and at most 86400 seconds",
    "--wait-ms must be at least 0, and not above --timeout",
    "--port must be from 0 to 65535",
)
def limits_of_the_service_are_within_bounds(place: Place) -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    for option, wrong, right in (
        ("--timeout", 0, 86400),
        ("--timeout", 86401, 1),
        ("--wait-ms", -1, 0),
        ("--wait-ms", 30001, 30000),
        ("--port", 65536, 65535),
        ("--port", -1, 0),
        ("--batch-tokens", 0, 1),
        ("--queue", 0, 1),
        ("--max-characters", 0, 1),
        ("--max-bytes", 0, 1),
        ("--threads", -1, 0),
    ):
        place.fails("serve", place.model, f"{option}={wrong}")
        serve._check(arguments(place, f"{option}={right}"))


@remedy("cannot listen on {} port {}: {}; give another --host or --port")
def a_port_that_is_taken_is_changed(place: Place) -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    from jnrf.serve import server

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place.fails("serve", place.model, "--port", taken.getsockname()[1])
        server.listen("127.0.0.1", 0).close()


@remedy("this service does not go by that host name; --allow-host NAME admits it")
def a_name_of_the_service_is_admitted(place: Place) -> None:
    testclient = pytest.importorskip("starlette.testclient", reason="starlette is not installed")
    from starlette.responses import JSONResponse

    from jnrf.serve.guard import Guard, Hosts

    async def answer(scope, receive, send) -> None:
        await JSONResponse({})(scope, receive, send)

    def get(*names: str) -> int:
        args = arguments(place, *(word for name in names for word in ("--allow-host", name)))
        guarded = Guard(answer, Hosts(args.host, args.allow_host))
        client = testclient.TestClient(guarded, base_url="http://notes.example")
        response = client.get("/")
        place.told.append(response.text)
        return response.status_code

    assert get() == 421
    assert get("notes.example") == 200
