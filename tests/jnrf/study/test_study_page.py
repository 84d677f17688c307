"""The page of a study is one safe, well-formed file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from jnrf.report.scatter import log_ticks, scatter_chart
from jnrf.study.execute import run_study
from jnrf.study.metrics import parse
from jnrf.study.page import curve, curve_name

EVIL = "</td><script>alert(1)</script><img src=x onerror=\"alert('2')\">{{style}}|&amp;"
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Nesting(HTMLParser):
    """Fails on an end tag that does not end the innermost element."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(data, read, tmp_path, fake_trainer, monkeypatch):
    data["about"] = {EVIL: EVIL, "paper": "A, B & C <2022>"}
    monkeypatch.setenv("FAKE_PLAN", json.dumps({"theirs": {"drop": 3}}))
    run_study(read(data), tmp_path / "out", trainer=fake_trainer)
    return (tmp_path / "out/study.html").read_text()


def test_the_page_is_well_formed_and_hostile_text_stays_text(page):
    tags = {tag for tag, _ in Nesting(page).elements}
    assert not tags & {"script", "img"}
    assert "A, B &amp; C &lt;2022&gt;" in page
    assert page.count("{{style}}") == 2


def test_nothing_is_loaded_from_outside_and_no_style_is_inline(page):
    for _, attributes in Nesting(page).elements:
        assert not {"src", "srcset", "style"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#").startswith("#")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "url(" not in style
    assert "prefers-color-scheme: dark" in style


def test_the_page_has_the_tables_and_the_plots(page):
    for text in (
        "Scores on test",
        "Differences on test",
        "Costs",
        "0.8333<small> ± 0.0000</small>",
    ):
        assert text in page
    for chart in (
        "Quality against seconds of training",
        "Quality against peak memory of the process, MiB",
        "Dev F1, mentions, strict, over epochs",
        "Dev F1, mentions, strict, over seconds of training",
    ):
        assert f"<figcaption>{chart}</figcaption>" in page
    assert "CUDA, MiB</figcaption>" not in page


def test_curves_are_means_over_runs(data, read, tmp_path, fake_trainer):
    results = run_study(read(data), tmp_path / "out", trainer=fake_trainer)
    runs = results.of("notes", "ours")
    assert curve(runs, "mentions_strict", "epoch") == [(1, 0.25), (2, 0.5)]
    # Seeds 1 and 2 take 2 and 4 seconds an epoch.
    assert curve(runs, "mentions_strict", "seconds") == [(3, 0.25), (6, 0.5)]
    assert curve(runs, "mentions_lenient", "epoch") == []


def test_the_curve_is_of_the_score_nearest_to_the_headline():
    assert curve_name(parse("official.relations_lenient")) == "relations_lenient"
    assert curve_name(parse("relations_strict.micro.f1")) == "relations_strict"
    assert curve_name(parse("labels.macro.f1")) == "mentions_strict"


def test_a_scatter_chart_has_a_named_mark_a_system_within_the_drawing():
    chart = scatter_chart("Q", {"<a>": (1.0, 0.5), "b": (1000.0, 0.9), "c": (0.0, 1.0)}, "s", "F1")
    assert chart.count("<circle") == 2
    assert "<a>" not in chart
    assert "&lt;a&gt;</text>" in chart
    for x, y in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', chart):
        assert 44 <= float(x) <= 408
        assert 12 <= float(y) <= 186


def test_a_system_keeps_its_colour_where_another_has_no_mark():
    chart = scatter_chart("Q", {"a": (float("nan"), 0.5), "b": (2.0, 0.9)}, "s", "F1")
    assert "dot s1" in chart
    assert scatter_chart("Q", {"a": (float("nan"), 0.5)}, "s", "F1") == ""


def test_labels_of_marks_at_one_place_do_not_cover_each_other():
    chart = scatter_chart("Q", {"a": (2.0, 0.5), "b": (2.0, 0.5), "c": (90.0, 0.5)}, "s", "F1")
    heights = re.findall(r'class="name[^"]*" x="[\d.]+" y="([\d.]+)"', chart)
    assert len({h for h in heights[:2]}) == 2


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [1, 2, 5, 10]),
        (0, 4, [1, 10, 100, 1000, 10000]),
        (0.4, 0.6, [3.2]),
        (-1, 0, [0.1, 0.2, 0.5, 1]),
    ],
)
def test_logarithmic_ticks_are_round_numbers_within_the_range(low, high, expected):
    assert log_ticks(low, high) == pytest.approx(expected)
