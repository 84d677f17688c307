"""The self-contained HTML page at the end of a training run.

Everything is in the one file: style, script, charts and documents. Nothing is loaded from outside,
and a content security policy lets no other script run than ours. Text from notes reaches the page
either HTML-escaped or inside a JSON block in which ``<``, ``>`` and ``&`` are escaped, and from
there as text nodes only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path

from jnrf.report import overview, sections
from jnrf.report.documents import document_data
from jnrf.report.errors import errors as error_section
from jnrf.scoring.errors import ErrorAnalysis
from jnrf.scoring.scores import Scores
from jnrf_ext.documents.document import Document
from jnrf_ext.files import write_atomically


def write_page(
    path: str | Path,
    title: str,
    settings: dict,
    history: Sequence[dict],
    scores: dict[str, Scores],
    documents: Sequence[tuple[Document, Document]],
    summary: dict,
    errors: dict[str, ErrorAnalysis] | None = None,
    remarks: Sequence[str] = (),
) -> None:
    """Write the page of a run to ``path``, whole or not at all.

    ``settings`` is the configuration, nested by section; ``history`` the rows of metrics.jsonl (an
    ``epoch``, losses, and a dict of scores by document set, ``dev`` say); ``scores`` the tables to
    show, by name, the first one open; ``documents`` (gold, predicted) pairs; ``summary`` what the
    run cost; ``errors`` those of each document set, whose examples are shown where they are of
    ``documents``; ``remarks`` what was said of the run, a line each. Raises
    :class:`~jnrf_ext.errors.InputError` when the file cannot be written.
    """
    page = render(title, settings, history, scores, documents, summary, errors, remarks)
    write_atomically(path, page)


def render(
    title: str,
    settings: dict,
    history: Sequence[dict],
    scores: dict[str, Scores],
    documents: Sequence[tuple[Document, Document]],
    summary: dict,
    errors: dict[str, ErrorAnalysis] | None = None,
    remarks: Sequence[str] = (),
) -> str:
    """The page of :func:`write_page` as a string."""
    style = asset("page.css")
    script = "\n".join(asset(name) for name in ("layout.js", "page.js"))
    data = [document_data(gold, predicted) for gold, predicted in documents]
    return fill(
        asset("page.html"),
        {
            "title": escape(title),
            "style": style,
            "style_hash": content_hash(style),
            "script": script,
            "script_hash": content_hash(script),
            "headline": overview.headline(scores, summary),
            "costs": overview.costs(summary) if summary else "",
            "remarks": overview.remarks(remarks),
            "curves": sections.curves(history, summary),
            "scores": sections.scores(scores),
            "errors": error_section(errors or {}, documents, summary.get("finds_relations", True)),
            "settings": sections.settings(settings),
            "documents": "" if documents else "<p>This run had no documents to show.</p>",
            "data": json_block({"documents": data}),
        },
    )


def json_block(data: object) -> str:
    """JSON that is safe inside a script element: no character in it can end the element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def asset(name: str) -> str:
    """A file of this package, as text."""
    return (resources.files("jnrf.report") / name).read_text(encoding="utf-8")


def content_hash(content: str) -> str:
    """How a content security policy names an inline element of this content."""
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def fill(template: str, values: dict[str, str]) -> str:
    """A template with each ``{{name}}`` replaced by its value."""
    # One pass: a placeholder's look-alike inside a value stays as it is.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)
