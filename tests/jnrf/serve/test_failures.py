"""What goes wrong is said in one line, hurts nobody else, and repeats no note anywhere."""

from __future__ import annotations

import asyncio
import json
import logging
import threading

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")
pytest.importorskip("httpx")

#: Stands in whatever the client sends, and may not come back or be logged.
MARK = "Jane-Doe-1961"
JSON = {"content-type": "application/json"}


def note(value, **more) -> bytes:
    return json.dumps({"text": value, "id": MARK, **more}).encode()


def nested() -> bytes:
    return b'{"text": ' + b"[" * 100_000 + MARK.encode()


BAD = {
    "not JSON": (MARK.encode(), 400, "not JSON at line 1, column 1"),
    "cut short": (f'{{"text": "{MARK}'.encode(), 400, "not JSON"),
    "a bad escape": (f'{{"text": "{MARK}\\x"}}'.encode(), 400, "not JSON"),
    "not UTF-8": (f'{{"text": "{MARK}'.encode() + b'\xff"}', 400, "not UTF-8 at byte 23"),
    "UTF-16": (json.dumps({"text": MARK}).encode("utf-16"), 400, "not UTF-8"),
    "no body": (b"", 400, "not JSON"),
    "nested deeply": (nested(), 400, "not JSON"),
    "a long number": (b'{"text": ' + b"1" * 10_000 + b"}", 400, "not JSON"),
    "a string": (json.dumps(MARK).encode(), 422, "must be an object"),
    "a list": (json.dumps([{"text": MARK}]).encode(), 422, "must be an object"),
    "no text": (json.dumps({"id": MARK, "txt": MARK}).encode(), 422, 'no "text"'),
    "text of null": (note(None), 422, '"text" of the body must be a string'),
    "text of a list": (note([MARK]), 422, '"text" of the body must be a string'),
    "an id of a number": (json.dumps({"text": MARK, "id": 7}).encode(), 422, '"id" of the body'),
    "half a pair": (note(f"{MARK}\ud83d"), 422, "half a surrogate pair at character 13"),
    "half a pair in the id": (note(MARK, id="\udc00"), 422, '"id" of the body has half'),
    "a long note": (note(MARK * 100), 413, "1,300 characters; at most 1,000"),
    "a long id": (note(MARK, id=MARK * 100), 413, "more than 1,000"),
}


@pytest.fixture
def quiet(caplog):
    """Afterwards no log line has the mark, of whatever logger and level."""
    caplog.set_level(logging.WARNING, "httpx")  # the client's own
    caplog.set_level(logging.DEBUG)
    yield caplog
    # caplog.text begins anew when the test has ended.
    told = [caplog.handler.format(record) for record in caplog.get_records("call")]
    assert told
    assert MARK not in "\n".join(told)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_told_what_is_wrong_but_not_what_it_said(serve, quiet, name):
    body, status, message = BAD[name]
    refused(serve, quiet, "/extract", body, status, message)


@pytest.mark.parametrize("name", [name for name in BAD if BAD[name][0].startswith(b'{"text": "')])
def test_so_is_one_with_a_list_whose_second_note_is_bad(serve, quiet, name):
    body, status, message = BAD[name]
    message = message.replace("the body", "note 2 of the list").replace("byte 23", "byte 39")
    message = message.replace("note 2 of the list is not", "the body is not")
    refused(serve, quiet, "/extract/batch", b'[{"text": "x"}, ' + body + b"]", status, message)


def refused(serve, quiet, path, body, status, message):
    async def test(service):
        answer = await service.post(path, content=body, headers=JSON)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert answer.json().keys() == {"error"}
        assert message in answer.json()["error"]
        assert "\n" not in answer.json()["error"]
        assert MARK not in answer.text
        assert await service.metric("jnrf_wordpieces_total") == 0

    serve(test, max_characters=1000)
    assert f"POST {path} {status}, {len(body)} bytes in" in quiet.text


def test_addresses_methods_and_forms_that_are_not_are_said_without_repeating_them(serve, quiet):
    async def test(service):
        for method, path, status in (
            ("GET", f"/{MARK}", 404),
            ("GET", f"/extract/{MARK}", 404),
            ("GET", f"/extract?text={MARK}", 405),
            ("POST", f"/model?text={MARK}", 405),
            ("POST", f"/extract?format={MARK}", 422),
            (MARK.upper(), "/extract", 405),
        ):
            answer = await service.client.request(method, path, json={"text": MARK})
            assert answer.status_code == status
            assert answer.json()["error"]
            assert MARK not in answer.text
        answer = await service.post("/extract/batch", json={"text": MARK})
        assert answer.status_code == 422
        assert "must be a list" in answer.json()["error"]
        assert MARK not in (await service.get("/metrics")).text

    serve(test)
    assert "GET other 404" in quiet.text
    assert MARK.upper() not in quiet.text


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/json2"]
)
def test_only_json_is_taken_which_other_sites_pages_cannot_send(serve, kind):
    async def test(service):
        headers = {"content-type": kind} if kind else {}
        answer = await service.post("/extract", content=b'{"text": "x"}', headers=headers)
        assert answer.status_code == 415
        latin = await service.post(
            "/extract",
            content=b'{"text": "x"}',
            headers={"content-type": "application/json; charset=latin-1"},
        )
        assert latin.status_code == 415
        utf8 = {"content-type": 'Application/JSON; charset="UTF-8"'}
        taken = await service.post("/extract", content=b'{"text": "x"}', headers=utf8)
        assert taken.status_code == 200

    serve(test)


async def endless(sent: list[int]):
    """A body that never ends, a kibibyte at a time; ``sent`` counts them."""
    while True:
        sent.append(1024)
        yield b" " * 1024
        await asyncio.sleep(0)


def test_a_body_is_read_no_further_than_it_may_be_long(serve):
    async def test(service):
        sent = []
        answer = await service.post("/extract", content=endless(sent), headers=JSON)
        assert "content-length" not in answer.request.headers
        assert answer.status_code == 413
        assert "10,000 bytes" in answer.json()["error"]
        assert sum(sent) <= 12 * 1024

    serve(test, max_bytes=10_000)


def test_a_body_that_says_that_it_is_too_long_is_not_read_at_all(serve):
    async def test(service):
        sent = []
        headers = JSON | {"content-length": "10001"}
        answer = await service.post("/extract", content=endless(sent), headers=headers)
        assert answer.status_code == 413
        assert not sent
        exact = json.dumps({"text": "x"}).encode().ljust(10_000)
        assert (await service.post("/extract", content=exact, headers=JSON)).status_code == 200

    serve(test, max_bytes=10_000)


def test_large_bodies_are_not_held_without_bound(serve):
    async def test(service):
        go = asyncio.Event()

        async def stalled():
            yield b" " * 900
            await go.wait()
            yield b'{"text": "x"}'

        async def send():
            return await service.post("/extract", content=stalled(), headers=JSON)

        tasks = [asyncio.create_task(send()) for _ in range(20)]
        refused, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        go.set()
        statuses = [(await task).status_code for task in tasks]
        assert all(task.result().headers["retry-after"] == "1" for task in refused)
        # 16 x 1,000 bytes are held at most: 17 requests' 900, and three have no room.
        assert sorted(statuses)[-3:] == [503] * 3
        assert statuses.count(200) >= 16
        again = await service.post("/extract", content=b'{"text": "x"}', headers=JSON)
        assert again.status_code == 200

    serve(test, max_bytes=1000)


def test_a_body_that_does_not_come_is_not_waited_for(serve):
    async def test(service):
        async def never():
            yield b"{"
            await asyncio.Event().wait()

        answer = await service.post("/extract", content=never(), headers=JSON)
        assert answer.status_code == 408
        assert "0.05 s" in answer.json()["error"]

    serve(test, timeout=0.05)


def test_a_full_queue_refuses_all_of_a_request_and_keeps_what_it_has(serve, gate, quiet):
    async def test(service):
        gate.open.clear()
        one = {"text": MARK}
        first = asyncio.create_task(service.post("/extract", json=one))
        await gate.until_begun()
        second = asyncio.create_task(service.post("/extract/batch", json=[one] * 2))
        await service.until_waiting(2)
        for path, content in (("/extract/batch", [one] * 2), ("/extract/batch", [one] * 4)):
            answer = await service.post(path, json=content)
            assert answer.status_code == (503 if len(content) == 2 else 413)
            assert ("retry-after" in answer.headers) == (len(content) == 2)
            assert service.batcher.waiting == 2
        third = asyncio.create_task(service.post("/extract", json=one))
        await service.until_waiting(3)
        sent = []
        full = await service.post("/extract", content=endless(sent), headers=JSON)
        assert (full.status_code, full.headers["retry-after"]) == (503, "1")
        assert not sent  # nor was the body read
        gate.open.set()
        answers = await asyncio.gather(first, second, third)
        assert [answer.status_code for answer in answers] == [200] * 3

    serve(test, queue=3)


def test_what_takes_too_long_is_given_up_and_dropped_if_not_begun(serve, gate, quiet):
    async def test(service):
        gate.open.clear()
        first = asyncio.create_task(service.post("/extract", json={"text": "begun"}))
        await gate.until_begun()
        late = await service.post("/extract", json={"text": MARK})
        assert late.status_code == 504
        assert "0.2 s" in late.json()["error"]
        assert (await first).status_code == 504
        assert service.batcher.waiting == 0
        assert await service.metric('jnrf_documents_total{result="dropped"}') == 1
        gate.open.set()
        await asyncio.to_thread(service.batcher.close)

    serve(test, timeout=0.2)
    assert gate.batches == [["begun"]]


def test_the_notes_of_a_client_that_left_are_dropped(serve, gate, quiet):
    async def test(service):
        gate.open.clear()
        first = asyncio.create_task(service.post("/extract", json={"text": "begun"}))
        await gate.until_begun()
        left = asyncio.Event()
        body = [{"type": "http.request", "body": note(MARK), "more_body": False}]
        said = []

        async def receive():
            if body:
                return body.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            said.append(message)

        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/extract", "query_string": b""}
        scope |= {"headers": headers, "http_version": "1.1", "scheme": "http", "root_path": ""}
        gone = asyncio.create_task(service.app(scope, receive, send))
        await service.until_waiting(1)
        left.set()
        await gone
        assert service.batcher.waiting == 0
        assert await service.metric('jnrf_requests_total{path="/extract",status="499"}') == 1
        gate.open.set()
        assert (await first).status_code == 200

    serve(test)
    assert gate.batches == [["begun"]]


def test_a_note_that_the_model_fails_on_fails_alone(serve, model, notes, monkeypatch, quiet):
    from jnrf.prediction.predictor import Predictor

    extract, sizes = Predictor.extract, []

    def fail(model, texts, *rest):
        sizes.append(len(texts))
        if any(MARK in text for text in texts):
            raise RuntimeError(f"cannot do {texts}")
        return extract(model, texts, *rest)

    monkeypatch.setattr(Predictor, "extract", fail)

    async def test(service):
        texts = [*notes[:3], MARK, *notes[3:6]]
        items = [{"text": text, "id": str(n)} for n, text in enumerate(texts)]
        found = await service.post("/extract/batch", json=items)
        assert found.status_code == 200
        assert MARK not in found.text
        assert found.json()[3] == {"id": "3", "error": "the model failed on this note"}
        said = [[m["text"] for m in d["mentions"]] for d in found.json() if "mentions" in d]
        assert said == [[m.text for m in d.mentions] for d in model.extract(notes[:6])]
        # As it is between the requests of several clients.
        answers = await asyncio.gather(*(service.post("/extract", json=item) for item in items))
        assert [a.status_code for a in answers] == [200, 200, 200, 500, 200, 200, 200]
        assert MARK not in answers[3].text
        assert await service.metric('jnrf_documents_total{result="failed"}') == 2
        assert (await service.get("/health")).status_code == 200

    serve(test)
    assert max(sizes) == 7
    assert "RuntimeError at test_failures.py:" in quiet.text


def test_so_does_one_that_the_tokenizer_fails_on(serve, monkeypatch, quiet, notes):
    from jnrf.prediction.predictor import Predictor

    encode = Predictor.encode

    def fail(model, texts):
        if MARK in texts:
            raise ValueError(f"cannot do {texts}")
        return encode(model, texts)

    monkeypatch.setattr(Predictor, "encode", fail)

    async def test(service):
        items = [{"text": text} for text in (notes[0], MARK, notes[1])]
        answers = await asyncio.gather(*(service.post("/extract", json=item) for item in items))
        assert [a.status_code for a in answers] == [200, 500, 200]

    serve(test)


def test_a_thread_that_breaks_is_seen_and_leaves_nobody_waiting(serve, monkeypatch, quiet):
    from jnrf.prediction.predictor import Predictor

    def broken(model, texts, *rest):
        raise SystemExit(MARK)

    monkeypatch.setattr(Predictor, "extract", broken)

    async def test(service):
        answer = await service.post("/extract", json={"text": MARK})
        assert answer.status_code == 503
        assert (await service.get("/health")).status_code == 503
        assert (await service.post("/extract", json={"text": MARK})).status_code == 503

    serve(test)
    assert "the model's thread broke: SystemExit" in quiet.text


def test_whoever_has_an_answer_of_a_broken_thread_finds_the_service_unhealthy(serve, monkeypatch):
    """However long the thread takes to end."""
    from jnrf.prediction.predictor import Predictor
    from jnrf.serve import batching

    asked = threading.Event()

    def broken(model, texts, *rest):
        raise SystemExit

    def told_late(error: BaseException) -> str:
        assert asked.wait(60)
        return type(error).__name__

    monkeypatch.setattr(Predictor, "extract", broken)
    monkeypatch.setattr(batching, "where_raised", told_late)

    async def test(service):
        answer = await service.post("/extract", json={"text": "note"})
        health = await service.get("/health")
        asked.set()
        assert (answer.status_code, health.status_code) == (503, 503)

    serve(test)


def test_an_error_of_our_own_is_a_500_without_its_message(serve, monkeypatch, quiet):
    from jnrf.serve import app

    def broken(document):
        raise KeyError(document.text)

    monkeypatch.setattr(app._Json, "one", staticmethod(broken))

    async def test(service):
        answer = await service.post("/extract", json={"text": MARK})
        assert answer.status_code == 500
        assert answer.json() == {"error": "the service failed on this request"}

    serve(test)
    assert "KeyError at test_failures.py:" in quiet.text


def test_closing_finishes_what_came(serve, gate):
    async def test(service):
        gate.open.clear()
        texts = [f"note {n}" for n in range(5)]
        tasks = [asyncio.create_task(service.post("/extract", json={"text": t})) for t in texts]
        await gate.until_begun()
        while service.batcher.waiting + len(gate.batches[0]) < 5:
            await asyncio.sleep(0.001)
        closing = asyncio.create_task(asyncio.to_thread(service.batcher.close))
        while service.batcher.alive:
            await asyncio.sleep(0.001)
        assert (await service.post("/extract", json={"text": "late"})).status_code == 503
        gate.open.set()
        await closing
        assert [(await task).json()["text"] for task in tasks] == texts

    serve(test)
