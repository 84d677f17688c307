"""``jnrf serve`` as a program: real connections, its log, and how it stops."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from wire import Wire

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

from jnrf.serve.server import listen
from jnrf_ext.errors import InputError

MARK = "Jane-Doe-1961"
JSON = {"Content-Type": "application/json"}
_PATIENCE = 60


def post(program, path: str, body, headers=JSON):
    """(status, body) of a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=_PATIENCE)
    try:
        connection.request("POST" if body is not None else "GET", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_answers_are_sent_without_delay(host):
    try:
        sock = listen(host, 0)
    except InputError as error:
        pytest.skip(f"no such address here: {error}")
    with sock, socket.create_connection(sock.getsockname()[:2]), sock.accept()[0] as accepted:
        assert accepted.proto == socket.IPPROTO_TCP  # what asyncio goes by


@pytest.mark.slow
def test_parallel_clients_get_their_own_answers_and_the_log_has_none_of_them(program, model, notes):
    served = program()
    texts = [f"{text}{MARK} {n}\n" for n, text in enumerate(notes * 3)]

    def ask(text):
        status, body = post(served, "/extract", json.dumps({"text": text}))
        assert status == 200
        return json.loads(body)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, texts))
    for answer, document in zip(answers, model.extract(texts), strict=True):
        wanted = document.to_dict()
        assert answer["text"] == wanted["text"]
        for kind in ("mentions", "relations"):
            pairs = zip(answer[kind], wanted[kind], strict=True)
            assert all(a | {"score": 0} == b | {"score": 0} for a, b in pairs)
    post(served, f"/extract?text={MARK}", f'{{"text": "{MARK}')
    post(served, f"/{MARK}", None)
    wire = Wire(served)
    wire.send(f"{MARK} is no HTTP\r\n\r\n".encode())
    assert b"400" in wire.until(b"\r\n\r\n")
    wire.close()
    log = served.log.read_text()
    assert log.count("POST /extract 200") == len(texts)
    assert "POST /extract 400" in log
    assert MARK not in log


@pytest.mark.slow
def test_bodies_that_are_too_large_are_refused_while_they_come(program):
    served = program("--max-bytes", "100000")
    head = b"POST /extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    wire = Wire(served)
    wire.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(3):
        wire.send(b"c350\r\n" + b" " * 50_000 + b"\r\n")
    assert b"413" in wire.until(b"larger than 100,000 bytes")  # though the last chunk never came
    wire.close()
    wire = Wire(served)
    wire.send(head + b"Content-Length: 5000000000\r\n\r\n")
    assert b"413" in wire.until(b"larger than 100,000 bytes")
    wire.close()
    # A client that reads only after it has sent all gets to know it too.
    status, body = post(served, "/extract", b" " * 5_000_000)
    assert status == 413
    assert json.loads(body)["error"]
    assert post(served, "/extract", b'{"text": "x"}')[0] == 200


@pytest.mark.slow
def test_a_client_that_hangs_up_has_its_note_dropped(program):
    served = program("--batch-tokens", "1", "--wait-ms", "0", "--log-level", "info")
    body = json.dumps([{"text": "word " * 30_000}] * 20).encode()
    wire = Wire(served)
    wire.send(
        b"POST /extract/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    wire.send(body)
    wire.close()
    end = time.monotonic() + _PATIENCE
    while "POST /extract/batch 499" not in served.log.read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    _, metrics = post(served, "/metrics", None)
    assert 'jnrf_requests_total{path="/extract/batch",status="499"} 1.0' in metrics.decode()
    [waiting] = [x for x in metrics.decode().splitlines() if x.startswith("jnrf_queue_notes ")]
    assert waiting == "jnrf_queue_notes 0.0"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_told_to_stop_it_answers_what_it_has_begun_and_takes_no_more(program, number, status):
    served = program()
    body = json.dumps({"text": "He takes aspirin 81 mg for fever."}).encode()
    wire = Wire(served)
    wire.send(
        b"POST /extract HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    wire.until(b"100 Continue")  # the request has begun
    served.process.send_signal(number)
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", served.port), timeout=_PATIENCE).close()
        except OSError:
            break  # nobody listens any more
        assert time.monotonic() < end
        time.sleep(0.02)
    assert served.process.poll() is None
    wire.send(body)
    answer = wire.until(b'"warnings": {}}')
    assert b"200 OK" in answer
    assert served.process.wait(_PATIENCE) == status
    assert "Traceback" not in served.log.read_text()


@pytest.mark.slow
def test_on_all_addresses_it_warns_and_answers_to_addresses_but_not_to_names(program):
    served = program("--host", "0.0.0.0", "--allow-host", "notes.example")
    assert served.host == "0.0.0.0"
    [warning] = served.log.read_text().splitlines()
    assert "there is no authentication" in warning
    for host, status in (("10.1.2.3", 200), ("notes.example", 200), ("evil.example", 421)):
        assert post(served, "/health", None, {"Host": host})[0] == status


@pytest.mark.slow
def test_a_port_that_is_taken_is_a_mistake_of_one_line(program, model_folder, capsys):
    from jnrf.cli import main

    served = program()
    assert main(["serve", str(model_folder), "--port", str(served.port)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"cannot listen on 127.0.0.1 port {served.port}" in said
