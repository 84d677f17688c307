"""The page's script at work, in a real browser where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from jnrf.report.page import write_page
from jnrf_ext.documents.document import Document, Mention, Relation

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no chromium on the PATH to run the page's script"),
]

EVIL = "<img src=x onerror=\"document.title='owned'\">"
TEXT = f"😀 Started lisinopril 10 mg; then a dry cough.\n\n{EVIL}\n"


@pytest.fixture
def drawn(tmp_path):
    """The page's elements after its script has run, as HTML."""

    def draw(gold, predicted):
        page = tmp_path / "report.html"
        write_page(page, "run", {}, [], {}, [(gold, predicted)], {})
        command = [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=3000",
            "--dump-dom",
            page.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if "</html>" not in done.stdout:
            pytest.skip(f"the browser does not run here: {done.stderr.strip()[-200:]}")
        return done.stdout

    return draw


def at(word, type, id):
    start = TEXT.index(word)
    return Mention(id, type, ((start, start + len(word)),))


def test_spans_lines_arcs_and_lists_are_drawn(drawn):
    gold = Document(
        "note",
        TEXT,
        [at("lisinopril", "Drug", "T1"), at("cough", "ADE", "T2"), at(EVIL, EVIL, "T3")],
        [Relation("R1", "ADE-Drug", "T2", "T1")],
    )
    predicted = Document(
        "note", TEXT, [at("lisinopril", "Drug", "T1"), at("dry cough", "ADE", "T2")]
    )
    page = drawn(gold, predicted)
    assert "<title>run</title>" in page
    text = re.search(r'<div id="text".*?<svg id="marks"', page, re.S)[0]
    stretches = dict(re.findall(r'<span title="([^"]*)"[^>]*>([^<]*)</span>', text))
    assert stretches["correct: gold Drug T1, predicted Drug T1"] == "lisinopril"
    assert stretches["wrong span: gold ADE T2, predicted ADE T2"] == "cough"
    marks = re.search(r'<svg id="marks".*?</svg>', page, re.S)[0]
    # Two lines for each mention on both sides, one for the missed one.
    assert marks.count('class="bar-line"') == 5
    assert "↔ ADE" in marks
    assert "✗ &lt;img" in marks
    assert 'class="arc v-missed"' in marks
    rows = re.search(r'<table id="relations".*?</table>', page, re.S)[0]
    assert "✗ missed" in rows
    assert "cough (ADE)" in rows
    assert "correct: 1 mentions, 0 relations" in page
