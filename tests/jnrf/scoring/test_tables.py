"""Score tables read well in 80 columns without colour, whatever the types are called."""

from __future__ import annotations

import io
import json

from rich.console import Console

from jnrf.scoring import tables
from jnrf.scoring.n2c2 import score
from jnrf_ext.document import Document, Mention, Relation


def document(id, *spans, relations=()):
    mentions = [Mention(f"T{n}", t, ((s, e),)) for n, (t, s, e) in enumerate(spans, 1)]
    return Document(id, "", mentions, [Relation(f"R{n}", *r) for n, r in enumerate(relations, 1)])


def rendered(scores, width=80):
    out = io.StringIO()
    Console(file=out, width=width).print(tables.render(scores))
    return out.getvalue()


SPANS = (("Drug", 0, 4), ("Nonbiological_location", 6, 9))
GOLD = document("a", *SPANS, relations=[("ADE-Drug", "T2", "T1")])
SCORES = score([GOLD, document("b", *SPANS)], [document("a", ("Drug", 2, 4))])


def test_every_type_has_a_row_with_strict_and_lenient_figures():
    text = rendered(SCORES)
    row = next(line for line in text.splitlines() if "Drug " in line and "ADE" not in line)
    assert row.split() == ["Drug", "2", *["0.0000"] * 3, "1.0000", "0.5000", "0.6667"]
    assert "Nonbiological_location " in text
    assert "ADE-Drug" in text
    assert "mean of documents" in text
    assert "mean of types" in text


def test_eighty_columns_are_enough():
    assert max(map(len, rendered(SCORES).splitlines())) <= 80


def test_missing_documents_and_the_headline_are_named():
    text = rendered(SCORES)
    assert "2 documents, corrected rules" in text
    assert "1 without a prediction, counted as nothing found: b" in text
    assert "Headline: relations, lenient micro F1 0.0000" in text


def test_modes_and_levels_are_explained_below_the_tables():
    for mode, words in (("official", "n2c2 script's figures"), ("corrected", "for one gold item")):
        text = " ".join(rendered(score([GOLD], [GOLD], mode)).split())
        assert f"1 documents, {mode} rules: " in text
        assert words in text
        assert "strict: type and both ends agree; lenient: type, and at least one" in text


def test_the_official_table_has_no_mean_of_types():
    assert "mean of types" not in rendered(score([GOLD], [GOLD], "official"))


def test_type_names_that_look_like_markup_are_shown_as_they_are():
    odd = document("a", ("[bold]x[/bold]", 0, 4))
    assert "[bold]x[/bold]" in rendered(score([odd], [odd]))


def test_a_corpus_without_relations_says_so():
    assert "none annotated" in rendered(score([document("a")], [document("a")]))


def test_json_has_every_figure():
    data = json.loads(SCORES.to_json())
    assert data["mentions"]["lenient"]["micro"] == {
        "precision": 1.0, "recall": 0.25, "f1": 0.4, "tp": 1, "fp": 0, "fn": 3,
    }  # fmt: skip
    assert data["mentions"]["strict"]["macro"]["f1"] == 0.0
    assert data["mentions"]["strict"]["macro_types"]["f1"] == 0.0
    assert data["relations"]["strict"]["by_type"]["ADE-Drug"]["fn"] == 1
    assert data["missing"] == ["b"]
