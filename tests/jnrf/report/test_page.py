"""The page of a run is one safe file that holds all that the run had to say."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from jnrf.report.documents import document_data
from jnrf.report.page import render, write_page
from jnrf.scoring.errors import analyse
from jnrf.scoring.n2c2 import score
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError

TEXT = "Started lisinopril 10 mg; then a dry cough."
EVIL = "</script><script>alert(1)</script><img src=x onerror=\"alert('2')\">{{data}}<!--"


def pair():
    """A gold document with two mentions and a relation, and a prediction that missed one."""
    drug, ade = Mention("T1", "Drug", ((8, 18),)), Mention("T2", "ADE", ((33, 42),), score=0.5)
    gold = Document("note-7", TEXT, [drug, ade], [Relation("R1", "ADE-Drug", "T2", "T1")])
    return gold, Document("note-7", TEXT, [drug])


@pytest.fixture
def run():
    """The arguments of a page with a bit of everything."""
    gold, predicted = pair()
    return {
        "title": "Training run 7",
        "settings": {"model": {"hidden_size": 256}, "seed": 3},
        "history": [
            {"epoch": 1, "loss": 2.0, "tokens_per_second": 900.0, "dev": {"mentions_strict": 0.1}},
            {"epoch": 2, "loss": 1.0, "tokens_per_second": 950.0, "dev": {"mentions_strict": 0.4}},
        ],
        "scores": {"dev, corrected": score([gold], [predicted])},
        "documents": [(gold, predicted)],
        "summary": {
            "epochs": 2,
            "parameters": {"trainable": 1234567},
            "seconds_per_epoch": 1.25,
            "peak_memory_bytes": 3 * 2**20,
            "energy_joules": 7200.0,
            "device": "the CPU",
        },
        "errors": {"dev": analyse([gold], [predicted], examples=3)},
    }


class Outline(HTMLParser):
    """Elements with their attributes, and the text of scripts."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.scripts, self.inside = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data


def data_of(page):
    return json.loads(Outline(page).scripts[0])


def test_the_page_has_settings_summary_curves_scores_and_documents(run):
    page = render(**run)
    assert "<title>Training run 7</title>" in page
    for text in ("hidden_size", "256", "1,234,567", "3 MiB", "2.0 Wh", "the CPU"):
        assert text in page
    assert "1.2 s" in page
    for chart in ("Training loss", "Micro F1 on dev", "Training speed"):
        assert f"<figcaption>{chart}</figcaption>" in page
    assert "dev, corrected" in page
    assert "ADE-Drug" in page
    assert 'id="errors"' in page
    assert "missed with a mention" in page
    assert [d["id"] for d in data_of(page)["documents"]] == ["note-7"]


def test_nothing_is_loaded_from_outside(run):
    page = render(**run)
    assert not [e for e in Outline(page).elements if {"src", "srcset", "data"} & e[1].keys()]
    assert all(a["href"].startswith("#") for t, a in Outline(page).elements if "href" in a)
    assert "@import" not in page
    assert "url(" not in page


def test_the_security_policy_names_exactly_the_style_and_the_script(run):
    page = render(**run)
    policy = next(a["content"] for _, a in Outline(page).elements if "http-equiv" in a)
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    for name, content in (("script-src", Outline(page).scripts[1]), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_hostile_text_types_and_ids_stay_text(run):
    mention = Mention(EVIL, EVIL, ((0, 4),), EVIL)
    document = Document(EVIL, EVIL, [mention], [Relation(EVIL, EVIL, EVIL, EVIL)])
    wrong = Document(EVIL, EVIL, [Mention(EVIL, EVIL, ((0, 9),))], document.relations)
    plain = Outline(render(**run)).elements
    evil = render(
        title=EVIL,
        settings={EVIL: {EVIL: EVIL}, "x": EVIL},
        history=[{"epoch": 1, f"{EVIL}_loss": 1.0, EVIL: {EVIL: 0.5}}],
        scores={EVIL: score([document], [document])},
        documents=[(document, wrong)],
        summary={EVIL: EVIL},
        errors={EVIL: analyse([document], [wrong], examples=3)},
    )
    outline = Outline(evil)
    assert len(outline.scripts) == 2
    assert "img" not in {tag for tag, _ in outline.elements}
    assert {tag for tag, _ in outline.elements} <= {tag for tag, _ in plain}
    assert not [a for _, a in outline.elements if any(name.startswith("on") for name in a)]
    data = data_of(evil)["documents"][0]
    assert (data["id"], data["text"]) == (EVIL, EVIL)
    assert data["mentions"][0]["gold"]["type"] == EVIL
    assert data["relations"][0]["gold"]["id"] == EVIL


def test_the_script_never_makes_html_of_strings(run):
    script = Outline(render(**run)).scripts[1]
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert danger not in script


def test_gold_and_prediction_are_compared_in_the_data():
    data = document_data(*pair())
    assert [m["status"] for m in data["mentions"]] == ["correct", "missed"]
    assert data["mentions"][1]["predicted"] is None
    assert data["mentions"][1]["gold"] == {
        "id": "T2", "type": "ADE", "score": 0.5, "fragments": [[33, 42]],
    }  # fmt: skip
    [relation] = data["relations"]
    assert (relation["status"], relation["head"], relation["tail"]) == ("missed", 1, 0)


def test_offsets_count_utf16_units_as_browsers_do():
    document = Document("d", "😀 é 😀 drug", [Mention("T1", "Drug", ((0, 1), (6, 10)))])
    [mention] = document_data(document, document)["mentions"]
    assert mention["gold"]["fragments"] == [[0, 2], [8, 12]]
    text = document.text.encode("utf-16-le")
    assert text[2 * 8 : 2 * 12].decode("utf-16-le") == "drug"


def test_fragments_outside_of_the_text_are_left_out():
    document = Document("d", "short", [Mention("T1", "Drug", ((0, 5), (7, 90)))])
    assert document_data(document, document)["mentions"][0]["gold"]["fragments"] == [[0, 5]]


def test_a_score_that_is_not_a_number_is_left_out():
    document = Document("d", "drug", [Mention("T1", "Drug", ((0, 4),), score=float("nan"))])
    assert document_data(document, document)["mentions"][0]["gold"]["score"] is None


def test_a_run_without_epochs_scores_or_documents_has_a_page(run):
    page = render("empty", {}, [], {}, [], {})
    assert "No epoch was finished." in page
    assert "Nothing was scored." in page
    assert "No errors were counted" in page
    assert "This run had no documents to show." in page
    assert data_of(page) == {"documents": []}


def test_a_loss_that_is_not_a_number_does_not_spoil_the_page(run):
    run["history"] = [{"epoch": 1, "loss": float("nan")}, {"epoch": 2, "loss": None}]
    assert "No epoch was finished." in render(**run)


def test_the_page_is_written_whole_or_not_at_all(run, tmp_path):
    write_page(tmp_path / "run" / "report.html", **run)
    assert (tmp_path / "run" / "report.html").read_text(encoding="utf-8") == render(**run)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot write"):
        write_page(tmp_path / "file" / "report.html", **run)
