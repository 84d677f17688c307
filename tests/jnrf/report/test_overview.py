"""The overview of a run's page: what a clinician asks first, costs after it."""

from __future__ import annotations

import re

from jnrf.report import overview
from jnrf.scoring.n2c2 import score
from jnrf_ext.documents.document import Document, Mention, Relation

TEXT = "warfarin 5 mg daily and aspirin 81 mg"
SUMMARY = {
    "epochs": 8, "seconds": 132.4, "peak_memory_bytes": 3 * 2**20, "energy_joules": "not available",
    "parameters": {"trainable": 1234567, "frozen": 0}, "documents": {"train": 27, "dev": 1},
    "held_out": 1, "finds_relations": True, "peak_cuda_bytes": None,
}  # fmt: skip


def scores():
    """Of four gold mentions and two relations three and one are found; one mention is wrong."""
    drug, dose = Mention("T1", "Drug", ((0, 8),)), Mention("T2", "Strength", ((9, 13),))
    other, last = Mention("T3", "Drug", ((24, 31),)), Mention("T4", "Strength", ((32, 37),))
    wrong = Mention("T5", "Drug", ((14, 19),))
    one = Relation("R1", "Strength-Drug", "T2", "T1")
    two = Relation("R2", "Strength-Drug", "T4", "T3")
    gold = Document("a", TEXT, [drug, dose, other, last], [one, two])
    predicted = Document("a", TEXT, [drug, dose, other, wrong], [one])
    return {"dev, corrected": score([gold], [predicted])}


def tiles(html: str) -> list[tuple[str, str, str]]:
    """(figure, label, meaning) of each tile."""
    pattern = r"<b[^>]*>(.*?)</b><span>(.*?)</span><small>(.*?)</small>"
    return re.findall(pattern, html)


def test_the_first_tiles_are_what_was_found_missed_and_wrong():
    assert tiles(overview.headline(scores(), SUMMARY)) == [
        ("3", "Mentions found", "of 4 in the gold annotation"),
        ("1", "Mentions missed", "25% of the gold"),
        ("1", "Mentions wrong", "25% of all predicted"),
        ("0.750", "F1 of mentions", "1 where nothing is missed or wrong"),
        ("1", "Relations found", "of 2 in the gold annotation"),
        ("1", "Relations missed", "50% of the gold"),
        ("0", "Relations wrong", "0% of all predicted"),
        ("0.667", "F1 of relations", "1 where nothing is missed or wrong"),
        ("1", "Documents", "scored here (dev)"),
        ("27", "Training documents", "learnt from"),
    ]


def test_it_says_how_was_counted_and_that_documents_were_held_out():
    html = overview.headline(scores(), SUMMARY)
    assert "counted leniently" in html
    assert "The dev documents (1) were held out of the training folder" in html
    assert "held out" not in overview.headline(scores(), SUMMARY | {"held_out": 0})


def test_a_model_of_mentions_alone_has_no_tiles_of_relations():
    html = overview.headline(scores(), {"finds_relations": False, "relations_ignored": 1519})
    assert not [label for _, label, _ in tiles(html) if "elations" in label]
    assert "This model finds mentions only, no relations." in html
    assert "The 1,519 relations of the training documents were ignored." in html


def test_a_run_without_scores_says_how_to_get_some():
    assert "--data.holdout" in overview.headline({}, SUMMARY)


def test_costs_have_a_tile_each_that_says_what_it_means_and_are_few():
    found = tiles(overview.costs(SUMMARY))
    assert found == [
        ("132 s", "Training time", "time in training, without scoring"),
        ("3 MiB", "Peak memory", "most memory held in training"),
    ]


def test_every_figure_of_the_run_is_in_the_folded_table():
    html = overview.costs(SUMMARY)
    table = html[html.index("<details>") :]
    rows = dict(re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', table))
    assert rows["Parameters, trainable"] == "1,234,567"
    assert rows["Energy"] == "not available"
    assert rows["Documents, train"] == "27"
    assert rows["Finds relations"] == "yes"
    assert "Peak cuda" not in rows


def test_remarks_are_listed_and_escaped_and_left_out_where_there_are_none():
    html = overview.remarks(["train: 3 documents", "run.metric <b>"])
    assert re.findall(r"<li>(.*?)</li>", html) == ["train: 3 documents", "run.metric &lt;b&gt;"]
    assert overview.remarks([]) == ""
