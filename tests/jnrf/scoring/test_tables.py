"""Score tables read well in 80 columns without colour, whatever the types are called."""

from __future__ import annotations

import io
import json

from rich.console import Console

from jnrf.scoring import tables
from jnrf.scoring.errors import MENTION_CAUSES, RELATION_CAUSES, analyse
from jnrf.scoring.n2c2 import score
from jnrf_ext.documents.document import Document, Mention, Relation


def document(id, *spans, relations=()):
    mentions = [Mention(f"T{n}", t, ((s, e),)) for n, (t, s, e) in enumerate(spans, 1)]
    return Document(id, "", mentions, [Relation(f"R{n}", *r) for n, r in enumerate(relations, 1)])


def printed(shown, width=80):
    out = io.StringIO()
    Console(file=out, width=width).print(shown)
    return out.getvalue()


def rendered(scores, width=80):
    return printed(tables.render(scores), width)


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


def row_of(text, name):
    """What stands behind a name at the start of a line."""
    [line] = [line for line in text.splitlines() if line.startswith(f" {name}  ")]
    return line.removeprefix(f" {name}").split()


def errors_of_a_missing_document():
    gold = [GOLD, document("b", *SPANS)]
    predicted = [document("a", ("Drug", 2, 4), SPANS[1], relations=[("ADE-Drug", "T2", "T1")])]
    return printed(tables.render_errors(analyse(gold, predicted)))


def test_every_cause_has_a_row_and_right_items_and_errors_add_up():
    text = errors_of_a_missing_document()
    mentions, relations, distances = (
        text[text.index(start) : end and text.index(end)]
        for start, end in (
            ("Mention errors by cause, strict", "Relation errors"),
            ("Relation errors by cause, strict", "Relations by the words"),
            ("Relations by the words between head and tail, strict", None),
        )
    )
    for table, causes, size in ((mentions, MENTION_CAUSES, 6), (relations, RELATION_CAUSES, 5)):
        assert all(len(row_of(table, cause.label)) == size for cause in causes.values())
    assert row_of(mentions, "right (F1: as it is)") == ["1", "1", "0.3333", "0.0000"]
    assert row_of(mentions, "boundaries") == ["1", "1", "50.0%", "0", "0.6667", "1.0000"]
    assert row_of(mentions, "missed") == ["2", "0", "50.0%", "0", "0.7500", "0.0000"]
    assert row_of(mentions, "all") == ["4", "2"]
    assert row_of(relations, "boundaries of a mention") == ["1", "1", "100.0%", "0", "1.0000"]
    assert row_of(relations, "all") == ["1", "1"]
    assert row_of(distances, "0-5") == ["1", "0", "1", "1", *["0.0000"] * 3]
    assert "F1 if mended: strict micro F1 if the errors of this cause" in " ".join(text.split())


def test_tables_of_errors_fit_in_eighty_columns():
    assert max(map(len, errors_of_a_missing_document().splitlines())) <= 80
