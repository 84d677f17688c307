"""Stands in for ``jnrf train``: the files of a run in a moment, its predictions gold's own.

``FAKE_PLAN`` is JSON by the name of the run's system: ``{"fail": true}`` ends with status 3,
``{"hang": true}`` waits for a signal once there is something to resume, ``{"drop": n}`` leaves out
the last n mentions of each document, and their relations.
"""

import dataclasses
import json
import os
import signal
import sys
import time
from pathlib import Path

from jnrf.corpora import open_corpus
from jnrf.scoring import n2c2
from jnrf.scoring.metrics import all_metrics
from jnrf.training.summary import RunSummary
from jnrf_ext.documents.document import Document
from jnrf_ext.documents.standoff import to_brat


def less(document, drop):
    mentions = document.mentions[: len(document.mentions) - drop]
    ids = {m.id for m in mentions}
    relations = [r for r in document.relations if {r.head, r.tail} <= ids]
    return Document(document.id, document.text, mentions, relations)


def options():
    words = iter(sys.argv[1:])
    given = {}
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        given[name] = value if equals else name if name == "resume" else next(words)
    return given


def main():
    given = options()
    out = Path(given["out"])
    with open(out / "calls.txt", "a") as calls:
        calls.write("resume\n" if "resume" in given else "new\n")
    (out / "pid.txt").write_text(str(os.getpid()))
    system = out.parts[-3]
    plan = json.loads(os.environ.get("FAKE_PLAN", "{}")).get(system, {})
    if plan.get("fail"):
        print("Traceback of some sort")
        print("OutOfMemory: no <room> left")
        sys.exit(3)
    if "resume" in given:
        given = json.loads((out / "config.yaml").read_text()) | {"out": given["out"]}
    else:
        (out / "config.yaml").write_text(json.dumps(given))
    if plan.get("hang"):
        signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
        while True:
            time.sleep(0.05)
    seed = int(given["run.seed"])
    summary = RunSummary(
        folder=str(out), epochs=2, best_epoch=2, metric="relations_lenient", device="the CPU",
        parameters={"trainable": 1000, "frozen": 20}, tokens_per_epoch=50, seconds=4.0 * seed,
        seconds_per_epoch=2.0 * seed, tokens_per_second=25.0, peak_memory_bytes=2**20,
        energy_joules="not available", prediction_tokens=10, prediction_seconds=0.5,
        prediction_tokens_per_second=20.0, peak_process_bytes=3 * 2**20,
    )  # fmt: skip
    for name in ("dev", "test"):
        if name not in given:
            continue
        gold = open_corpus(given[name])
        predicted = [less(document, plan.get("drop", 0)) for document in gold]
        for document in predicted:
            path = out / "predictions" / name / f"{document.id}.ann"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(to_brat(document), encoding="utf-8")
        scores = {mode: n2c2.score(gold, predicted, mode).to_dict() for mode in n2c2.MODES}
        summary.scores[name] = scores
        summary.metrics[name] = all_metrics(gold, predicted)
    rows = [
        {"epoch": epoch, "seconds": 2.0 * seed, "dev": {"mentions_strict": 0.25 * epoch,
         "relations_lenient": 0.125 * epoch}} for epoch in (1, 2)
    ]  # fmt: skip
    (out / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (out / "summary.json").write_text(json.dumps(dataclasses.asdict(summary)))


main()
