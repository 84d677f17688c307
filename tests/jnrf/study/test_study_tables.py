"""Tables against numbers that were worked out by hand."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from jnrf.corpora import open_corpus
from jnrf.scoring import entities, n2c2, relations
from jnrf.study import tables
from jnrf.study.counts import document_counts
from jnrf.study.execute import run_study
from jnrf.study.metrics import parse
from jnrf.study.results import Reader, Statistic
from jnrf.study.significance import micro_f1, randomization_test
from jnrf.study.write import column_name
from jnrf_ext.documents.document import Document, Mention, Relation

COUNTED = [
    "mentions_strict", "mentions_lenient", "relations_strict", "relations_lenient",
    "official.mentions_lenient", "official.relations_strict",
    "entities.micro", "relations_strict.micro", "relations_boundaries.micro",
]  # fmt: skip


def documents():
    """Gold, and a prediction with one right, one shifted, one wrongly typed and one spurious."""
    gold, predicted = [], []
    for number in range(3):
        spans = [("Drug", 0, 4), ("ADE", 5, 9), ("Drug", 10, 14), ("Dosage", 15, 19)]
        mentions = [Mention(f"T{i}", t, ((s, e),)) for i, (t, s, e) in enumerate(spans, 1)]
        links = [Relation("R1", "ADE-Drug", "T2", "T1"), Relation("R2", "Dosage-Drug", "T4", "T3")]
        gold.append(Document(f"d{number}", "x" * 30, mentions, links))
        found = [("Drug", 0, 4), ("ADE", 6, 9), ("ADE", 10, 14), ("Drug", 20 + number, 25)]
        mentions = [Mention(f"T{i}", t, ((s, e),)) for i, (t, s, e) in enumerate(found, 1)]
        predicted.append(Document(f"d{number}", "x" * 30, mentions, links[:1] * (number < 2)))
    return gold, predicted


@pytest.mark.parametrize("name", COUNTED)
def test_counts_by_document_sum_to_the_scorers_own_figure(name):
    gold, predicted = documents()
    metric = parse(name)
    counts = document_counts(metric, gold, predicted)
    assert counts.shape == (3, 3)
    if metric.mode:
        task, level = metric.path[0].split("_")
        expected = getattr(n2c2.score(gold, predicted, metric.mode), task)[level].micro
    elif metric.path[0] == "entities":
        expected = entities.score(gold, predicted).micro
    else:
        types = metric.path[0] == "relations_strict"
        expected = relations.score(gold, predicted, entity_types=types).micro
    assert counts.sum(axis=0).tolist() == [expected.tp, expected.fp, expected.fn]
    assert micro_f1(counts.sum(axis=0)) == pytest.approx(expected.f1)


def test_a_statistic_is_mean_and_sample_deviation():
    one = Statistic.of([0.5, 0.6, 0.7])
    assert (one.mean, one.deviation, one.runs) == (pytest.approx(0.6), pytest.approx(0.1), 3)
    assert Statistic.of([0.5]).deviation is None
    assert tables.score(one) == "0.6000 ± 0.1000"
    assert tables.score(Statistic.of([0.5])) == "0.5000"
    assert tables.score(Statistic.of([0.02]), sign=True) == "+0.0200"
    assert tables.score(None) == "–"


@pytest.fixture
def results(data, read, tmp_path, fake_trainer, monkeypatch):
    """The first system finds all, the second misses the last 3 of 18 mentions of each note."""
    data["metrics"] = ["mentions_strict", "entities.micro.f1", "labels.macro.f1"]
    monkeypatch.setenv("FAKE_PLAN", json.dumps({"theirs": {"drop": 3}}))
    return run_study(read(data), tmp_path / "out", trainer=fake_trainer)


# 15 of 18 mentions of each note: P 1, R 15/18, F1 30/33.
F1 = 30 / 33


def test_scores_are_those_worked_out_by_hand(results):
    table = tables.quality(results, "notes", "test")
    assert [(c.group, c.name) for c in table.columns][:5] == [
        ("", "system"), ("", "runs"), ("mentions, strict", "P"), ("mentions, strict", "R"),
        ("mentions, strict", "F1"),
    ]  # fmt: skip
    assert table.rows[0][:6] == ["ours", "2", *["1.0000 ± 0.0000"] * 4]
    assert table.rows[1][:6] == [
        "theirs", "2", "1.0000 ± 0.0000", "0.8333 ± 0.0000", "0.9091 ± 0.0000", "0.9091 ± 0.0000",
    ]  # fmt: skip
    assert "token by token" in table.note


def test_differences_are_to_the_baseline_with_a_p_value(results):
    reader = Reader(results.study, results.runs)
    found = tables.paired_differences(reader, results, "notes", "test")
    table = tables.differences(results, found, "test")
    [row] = table.rows
    assert row[:2] == ["theirs", "2"]
    assert row[2] == f"{F1 - 1:+.4f} ± 0.0000"
    # Twelve paired documents, all worse by as much.
    counts = np.array([[18, 0, 0]] * 12), np.array([[15, 0, 3]] * 12)
    assert row[3] == f"{randomization_test(counts[1], counts[0]):.4f}"
    assert float(row[3]) < 0.01
    assert [c.name for c in table.columns] == [
        "system less ours", "pairs", "F1", "p", "F1", "p", "F1",
    ]  # fmt: skip


def test_costs_are_means_over_runs(results):
    table = tables.costs(results, "notes")
    named = dict(zip([c.name for c in table.columns], table.rows[1], strict=True))
    assert named == {
        "system": "theirs", "s": "6.0", "epochs": "2", "s an epoch": "3.00", "times ours": "1.00",
        "wordpieces/s": "20", "process": "3", "CUDA": "–", "energy, Wh": "not available",
        "trained": "1,000", "frozen": "20",
    }  # fmt: skip
    assert "On the CPU" in table.note


def test_study_csv_has_a_row_a_run(results, tmp_path):
    rows = list(csv.DictReader((tmp_path / "out/study.csv").open()))
    assert [(r["system"], r["seed"], r["status"]) for r in rows] == [
        ("ours", "1", "done"), ("theirs", "1", "done"),
        ("ours", "2", "done"), ("theirs", "2", "done"),
    ]  # fmt: skip
    assert float(rows[1]["test mentions_strict f1"]) == pytest.approx(F1)
    assert float(rows[1]["test entities.micro.f1"]) == pytest.approx(F1)
    assert (rows[2]["seconds"], rows[2]["peak_cuda_mib"]) == ("8.0", "")


def test_summary_csv_has_a_row_a_figure(results, tmp_path):
    rows = list(csv.DictReader((tmp_path / "out/summary.csv").open()))
    theirs = {(r["documents"], r["figure"]): r for r in rows if r["system"] == "theirs"}
    f1 = theirs["test", "mentions_strict f1"]
    assert float(f1["mean"]) == pytest.approx(F1)
    assert float(f1["difference"]) == pytest.approx(F1 - 1)
    assert (f1["pairs"], f1["partial"]) == ("2", "False")
    assert theirs["test", "mentions_strict recall"]["difference"] == ""
    assert theirs["test", "labels.macro.f1"]["p"] == ""
    assert float(theirs["", "seconds"]["mean"]) == 6.0


def test_markdown_has_every_table_and_says_what_the_numbers_are(results, tmp_path):
    text = (tmp_path / "out/study.md").read_text()
    assert text.startswith("# mine\n")
    assert "| theirs | 2 | 1.0000 ± 0.0000 | 0.8333 ± 0.0000 |" in text
    assert "WARNING: labels are scored token by token" in text
    for title in ("Scores on test", "Differences on test, paired by fold and seed", "Costs"):
        assert f"**{title}**" in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
    assert "PARTIAL" not in text
    assert "REDUCED" not in text


def test_a_reduced_study_says_so_before_all_numbers(data, read, tmp_path, fake_trainer):
    data["reduced"] = {"seeds": [1], "settings": {"run.epochs": 1}}
    run_study(read(data), tmp_path / "out", trainer=fake_trainer)
    for name in ("study.md", "study.html"):
        text = (tmp_path / "out" / name).read_text()
        place = text.index("REDUCED: seeds 1; run.epochs 1.")
        assert place < text.index("Scores on")
    assert "seeds 1; run.epochs 1" in (tmp_path / "out/study.csv").read_text()


def test_a_cross_validation_with_a_held_out_set_shows_both(
    data, read, corpus, tmp_path, fake_trainer
):
    data["corpora"]["notes"] = {"documents": str(corpus), "k_folds": 2, "test": str(corpus)}
    results = run_study(read(data), tmp_path / "out", trainer=fake_trainer)
    assert len(results.done) == 8
    text = (tmp_path / "out/study.md").read_text()
    assert text.index("Scores on test") < text.index("Scores on dev")
    assert "The fold held out of each training" in text


def test_a_run_whose_scores_cannot_be_read_is_told_and_the_others_shown(
    results, data, read, tmp_path, fake_trainer
):
    (tmp_path / "out/runs/ours/notes/seed1/summary.json").write_text("{}")
    again = run_study(read(data), tmp_path / "out", trainer=fake_trainer)
    assert [run.name for run, _ in again.failed] == ["ours/notes/seed1"]
    assert "remove it to resume" in again.failed[0][1]
    assert len(again.done) == 3


def test_a_column_name_has_its_figure_once():
    assert column_name("test", parse("entities.micro.f1"), "f1") == "test entities.micro.f1"
    assert column_name("dev", parse("mentions_strict"), "recall") == "dev mentions_strict recall"


def test_predictions_are_read_with_the_golds_text(results):
    from jnrf.study.counts import read_predictions

    gold = open_corpus(results.runs[0].config["data"]["test"])
    predicted = read_predictions(results.runs[1].folder, "test", gold)
    assert [len(d.mentions) for d in predicted] == [15] * 6
    assert predicted[0].text == gold[0].text
