"""Bulk prediction in one call, and a look at what it left."""

from __future__ import annotations

import json
from pathlib import Path

from jnrf.prediction.folder import claim_folder, knows_hashes
from jnrf.prediction.outputs import make_output
from jnrf.prediction.receipts import Receipts
from jnrf.prediction.run import Outcome, PartWorker, run
from jnrf.prediction.sources import Columns, open_source
from jnrf.prediction.written import Replace


def predict(
    predictor,
    source,
    out: Path,
    to: str | None = None,
    batch_tokens: int | None = None,
    part_bytes: int = 2_097_152,
    columns: Columns | None = None,
    texts: bool = True,
    overwrite: bool = False,
    overwrite_corrected: bool = False,
    **options,
) -> Outcome:
    """What ``jnrf predict`` does on one machine, the command line aside."""
    opened, to = open_source(source, columns, part_bytes, to, out)
    receipts = Receipts(out, Replace(overwrite_corrected, overwrite and knows_hashes(out)))
    claim_folder(out, "m", overwrite, opened, str(source), to)
    output = make_output(out, to, texts, opened.writes_texts)
    worker = PartWorker(predictor, opened, output, batch_tokens, receipts, repr((to, texts)))
    return run(worker, **options)


def visible(out: Path) -> dict[str, bytes]:
    """The files below a folder that are not hidden, by their paths there."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(out).parts)
    }


def write_lines(path: Path, notes: dict[str, str], text: str = "text", id: str = "id") -> Path:
    """Notes as a .jsonl file."""
    rows = [{id: name, text: said} for name, said in notes.items()]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def rows(out: Path) -> list[dict]:
    """The rows of all parts of JSON lines, in order."""
    parts = sorted(out.glob("part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]
