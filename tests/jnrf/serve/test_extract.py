"""What is sent comes back as the model has it, packed with others or not."""

from __future__ import annotations

import asyncio
from itertools import chain

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")
pytest.importorskip("httpx")


def same(answer: dict, document) -> bool:
    """Whether an answer is a document; scores depend on a batch by rounding."""
    wanted = document.to_dict()
    assert answer.keys() == wanted.keys()
    for name in ("mentions", "relations"):
        scores = [[item.pop("score") for item in x[name]] for x in (answer, wanted)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    return answer == wanted


def test_a_note_gets_its_document(serve, model, notes):
    async def test(service):
        answer = await service.post("/extract", json={"text": notes[4], "id": "the note 😀"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    document = model.extract([notes[4]], ids=["the note 😀"])[0]
    assert document.relations
    assert same(serve(test), document)


def test_the_id_may_be_left_out_and_the_text_be_empty(serve, model):
    async def test(service):
        return (await service.post("/extract", json={"text": ""})).json()

    assert same(serve(test), model.extract(""))


def test_brat_is_the_ann_file(serve, model, notes):
    async def test(service):
        answer = await service.post("/extract?format=brat", json={"text": notes[2]})
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        return answer.text

    assert serve(test) == model.extract(notes[2]).to_brat() != ""


def test_white_space_in_labels_becomes_an_underscore_in_brat(serve, model, notes, monkeypatch):
    document = model.extract(notes[2])
    assert document.mentions
    for mention in document.mentions:
        mention.type = f"a {mention.type}"
    monkeypatch.setattr(
        "jnrf.prediction.predictor.Predictor.extract", lambda *given, **named: [document]
    )

    async def test(service):
        return await service.post("/extract?format=brat", json={"text": notes[2]})

    answer = serve(test)
    assert answer.status_code == 200
    assert [line.split()[1] for line in answer.text.splitlines() if line[0] == "T"] == [
        f"a_{mention.type[2:]}" for mention in document.mentions
    ]


def test_a_list_gets_a_list_in_its_order(serve, model, notes):
    async def test(service):
        items = [{"text": text} for text in notes]
        found = (await service.post("/extract/batch", json=items)).json()
        ann = (await service.post("/extract/batch?format=brat", json=items)).json()
        assert (await service.post("/extract/batch", json=[])).json() == []
        return found, ann

    found, ann = serve(test)
    documents = model.extract(notes)
    assert all(same(*pair) for pair in zip(found, documents, strict=True))
    assert ann == [{"id": d.id, "ann": d.to_brat()} for d in documents]


@pytest.mark.parametrize("wait_ms", [0, 20])
def test_parallel_requests_share_passes_and_get_their_own_answers(
    serve, gate, model, notes, wait_ms
):
    async def test(service):
        gate.open.clear()
        requests = [
            asyncio.create_task(service.post("/extract", json={"text": text, "id": f"n{n}"}))
            for n, text in enumerate(notes)
        ]
        await gate.until_begun()
        while service.batcher.waiting + len(gate.batches[0]) < len(notes):
            await asyncio.sleep(0.001)
        gate.open.set()
        return [answer.json() for answer in await asyncio.gather(*requests)]

    answers = serve(test, wait_ms=wait_ms)
    documents = model.extract(notes, ids=[f"n{n}" for n in range(len(notes))])
    assert all(same(*pair) for pair in zip(answers, documents, strict=True))
    # What came while the first pass was held goes together in the second.
    assert 1 <= len(gate.batches) <= 2
    assert sorted(chain(*gate.batches)) == sorted(notes)


def test_a_pass_keeps_to_its_wordpieces_and_to_the_order_of_requests(serve, gate, model, notes):
    lengths = [len(model.tokenizer.encode(text)) for text in notes]
    budget = max(lengths) + min(lengths)

    async def test(service):
        gate.open.clear()
        first = asyncio.create_task(service.post("/extract", json={"text": "first"}))
        await gate.until_begun()
        rest = service.post("/extract/batch", json=[{"text": text} for text in notes])
        rest = asyncio.create_task(rest)
        await service.until_waiting(len(notes))
        gate.open.set()
        await asyncio.gather(first, rest)

    serve(test, batch_tokens=budget)
    assert list(chain(*gate.batches)) == ["first", *notes]
    packed = gate.batches[1:]
    sizes = [sum(len(model.tokenizer.encode(text)) for text in batch) for batch in packed]
    assert max(sizes) <= budget
    # Each took all that fitted: the next note would have been too much.
    for size, following in zip(sizes, packed[1:], strict=False):
        assert size + len(model.tokenizer.encode(following[0])) > budget
    assert len(packed) < len(notes)


def test_a_note_above_the_budget_goes_alone(serve, gate, model, notes):
    async def test(service):
        items = [{"text": text} for text in notes[:5]]
        return (await service.post("/extract/batch", json=items)).json()

    answers = serve(test, batch_tokens=1)
    assert [len(batch) for batch in gate.batches] == [1] * 5
    assert all(same(*pair) for pair in zip(answers, model.extract(notes[:5]), strict=True))


def test_the_metrics_count_what_was_done(serve, model, notes):
    async def test(service):
        names = (
            'jnrf_requests_total{path="/extract/batch",status="200"}',
            'jnrf_requests_total{path="/extract",status="422"}',
            'jnrf_documents_total{result="extracted"}',
            "jnrf_wordpieces_total",
            "jnrf_batch_notes_count",
            "jnrf_batch_notes_sum",
            "jnrf_batch_wordpieces_sum",
            'jnrf_request_seconds_count{path="/extract/batch"}',
            "jnrf_queue_notes",
        )
        before = [await service.metric(name) for name in names]
        assert await service.metric("jnrf_model_seconds_total") == 0
        await service.post("/extract/batch", json=[{"text": text} for text in notes])
        await service.post("/extract", json={"text": 1})
        assert await service.metric("jnrf_model_seconds_total") > 0
        return before, [await service.metric(name) for name in names]

    before, after = serve(test)
    wordpieces = sum(len(model.tokenizer.encode(text)) for text in notes)
    batches = after[4]
    assert before == [0] * 9
    assert 1 <= batches <= len(notes)
    assert after == [1, 1, len(notes), wordpieces, batches, len(notes), wordpieces, 1, 0]


def test_the_queue_is_measured(serve, gate):
    async def test(service):
        gate.open.clear()
        first = asyncio.create_task(service.post("/extract", json={"text": "one"}))
        await gate.until_begun()
        second = asyncio.create_task(service.post("/extract", json={"text": "two"}))
        await service.until_waiting(1)
        assert await service.metric("jnrf_queue_notes") == 1
        gate.open.set()
        await asyncio.gather(first, second)
        assert await service.metric("jnrf_queue_notes") == 0

    serve(test)


def test_the_service_tells_of_its_model_and_health(serve, model):
    async def test(service):
        assert (await service.get("/health")).json() == {"ready": True, "waiting": 0}
        about = (await service.get("/model")).json()
        assert about["entity_types"] == ["Drug", "Reason", "Strength"]
        assert about["relations"]["Strength-Drug"] == [["Strength", "Drug"]]
        assert about["name"] == "tiny/best"  # no folders above it
        assert about["parameters"] == sum(p.numel() for p in model.parameters())
        assert about["device"]["type"] == "cpu"
        assert about["limits"]["max_characters"] == 1234
        service.batcher.close()
        stopped = await service.get("/health")
        assert (stopped.status_code, stopped.json()["ready"]) == (503, False)
        assert (await service.get("/health/live")).status_code == 200
        refused = await service.post("/extract", json={"text": "late"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")

    serve(test, max_characters=1234)
