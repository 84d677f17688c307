"""The figures of the systems: the file is sound, and the documents' tables are written from it."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from jnrf import measured
from jnrf.measured import FILE, fill, load, markdown, read
from jnrf.systems import system_names
from jnrf.training import settings
from jnrf_ext.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
DATA = {
    "machines": {"here": "one core", "there": "a GPU"},
    "corpora": {"notes": {"title": "Notes", "documents": {"train": 3}, "scored": "test"}},
    "runs": [
        {
            **{"system": "a", "corpus": "notes", "seeds": 3, "machine": "here", "commit": 1234567},
            **{"epochs": 10, "seconds_per_epoch": 7.5, "peak_mib": 1500},
            "mentions": {"lenient": 0.5, "strict": 0.25, "sd": [0.004, 0.0125]},
            "speed": {"training": 1000, "prediction": 2000},
            "parameters": {"trained": 1.5, "frozen": 11.7},
        },
        {
            **{"system": "b", "corpus": "notes", "seeds": 1, "machine": "here", "commit": "abc"},
            **{"epochs": 2, "parameters": {"trained": 2}},
            "mentions": {"lenient": 0.4, "strict": 0.3},
            "relations": {"lenient": 0.2, "strict": 0.1},
        },
    ],
}


# ------------------------------------------------------------------ what ships


def test_every_figure_is_of_a_system_and_within_its_bounds():
    for run in load().runs:
        assert run.system in system_names()
        assert run.seeds >= 1
        for f1 in filter(None, (run.mentions, run.relations)):
            assert 0 <= f1.strict <= f1.lenient <= 1
        for number in (run.seconds, run.speed.training, run.speed.prediction, run.peak_mib):
            assert number is None or number > 0


def test_a_system_has_one_row_a_corpus_and_machine():
    keys = [(run.system, run.corpus, run.machine) for run in load().runs]
    assert len(keys) == len(set(keys))


def test_each_commit_is_one_of_this_repository():
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    for commit in {run.commit for run in load().runs}:
        found = subprocess.run(
            ["git", "-C", str(ROOT), "cat-file", "-t", commit], capture_output=True, text=True
        )
        if found.returncode and (ROOT / ".git/shallow").exists():
            pytest.skip("a shallow clone lacks old commits")
        assert found.stdout.strip() == "commit", commit


@pytest.mark.parametrize("name", ["README.md", "docs/results.md"])
def test_the_tables_of_a_document_are_those_of_the_file(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "<!-- measured: " in text
    remedy = f"write them anew: python -m jnrf.measured {name}"
    assert fill(text, load()) == text, remedy


def test_the_results_have_a_table_of_each_corpus():
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    for corpus in load().corpora:
        assert f"<!-- measured: {corpus} -->" in text


# ------------------------------------------------------------------ reading and writing


def test_the_best_at_relations_comes_first_and_what_finds_none_last():
    figures = read(DATA)
    assert [run.system for run in figures.of("notes")] == ["b", "a"]
    assert figures.of("notes", "there") == []
    ((corpus, machine, runs),) = figures.tables()
    assert (corpus.title, machine, len(runs)) == ("Notes", "one core", 2)


def test_a_table_in_markdown():
    assert markdown(read(DATA), "notes").splitlines() == [
        "| system | mentions lenient | strict | relations lenient | strict | training "
        "| wordpieces/s | in prediction | peak MiB | parameters | seeds |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        "| b | 0.400 | 0.300 | 0.200 | 0.100 |  |  |  |  | 2.0 M | 1 |",
        "| a | 0.500 ± 0.004 | 0.250 ± 0.013 |  |  | 10 x 7.5 s | 1,000 | 2,000 | 1,500 "
        "| 1.5 M + 11.7 M frozen | 3 |",
    ]


def test_rows_of_several_machines_name_theirs():
    data = copy.deepcopy(DATA)
    data["runs"][0]["machine"] = "there"
    assert markdown(read(data), "notes", short=True).splitlines() == [
        "| system | F1 of mentions | of relations | training | wordpieces/s | peak MiB | machine |",
        "|---|---|---|---|---|---|---|",
        "| b | 0.400 | 0.200 |  |  |  | here |",
        "| a | 0.500 ± 0.004 |  | 1:15 | 2,000 | 1,500 | there |",
        "",
        "* here: one core",
        "* there: a GPU",
    ]


def test_the_short_table_in_markdown():
    assert markdown(read(DATA), "notes", short=True).splitlines() == [
        "| system | F1 of mentions | of relations | training | wordpieces/s | peak MiB |",
        "|---|---|---|---|---|---|",
        "| b | 0.400 | 0.200 |  |  |  |",
        "| a | 0.500 ± 0.004 |  | 1:15 | 2,000 | 1,500 |",
    ]


def test_a_document_is_changed_between_its_marks_alone(tmp_path, monkeypatch):
    marks = ("<!-- measured: notes, short -->\n", "<!-- /measured -->")
    path = tmp_path / "x.md"
    path.write_text(f"before\n{marks[0]}old\n{marks[1]}\nbetween\n{marks[0]}{marks[1]}\nafter\n")
    monkeypatch.setattr(measured, "load", lambda: read(DATA))
    measured.main([str(path)])
    table = f"{marks[0]}{markdown(read(DATA), 'notes', short=True)}\n{marks[1]}"
    assert path.read_text() == f"before\n{table}\nbetween\n{table}\nafter\n"


def test_a_system_as_plain_types_has_its_corpus_and_machine_in_words():
    (run,) = read(DATA).plain("a")
    assert run["machine"] == "one core"
    assert run["corpus_title"] == "Notes"
    assert run["commit"] == "1234567"
    assert run["seconds"] == 75
    assert run["relations"] is None
    assert read(DATA).plain("c") == []


def run_folder(folder: Path, seed: int, score: float, **changes) -> Path:
    """What of a run's folder an entry is made of."""
    folder.mkdir()
    run = {"system": "jnrf", "epochs": 10, "seed": seed, **changes}
    (folder / "config.yaml").write_text(json.dumps({"run": run}))
    scores = {f"{t}_{m}": score for t in ("mentions", "relations") for m in ("lenient", "strict")}
    summary = {
        "headlines": {"test": {"official": scores, "corrected": dict.fromkeys(scores, 0.0)}},
        "parameters": {"trainable": 3_451_438, "frozen": 11_720_448},
        "finds_relations": True,
        "tokens_per_second": 1000.4,
        "prediction_tokens_per_second": 3000.6,
        "seconds_per_epoch": 8.44,
        "peak_process_bytes": 2**30,
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_an_entry_has_the_mean_of_runs_and_their_spread(tmp_path):
    runs = [run_folder(tmp_path / str(seed), seed, 0.5 + 0.01 * seed) for seed in (1, 2, 3)]
    machine = next(iter(load().machines))
    data = settings.read_yaml(FILE) | {
        "runs": yaml.safe_load(measured.entry(runs, "phee", machine, "abc1234"))
    }
    (run,) = read(data).runs
    assert (run.system, run.seeds, run.epochs, run.seconds_per_epoch) == ("jnrf", 3, 10, 8.4)
    assert (run.mentions.strict, run.mentions.sd) == (0.52, [0.01, 0.01])
    assert (run.speed.training, run.speed.prediction, run.peak_mib) == (1000, 3001, 1024)
    assert (run.parameters.trained, run.parameters.frozen) == (3.5, 11.7)


def test_an_entry_of_one_run_has_no_spread(tmp_path):
    text = measured.entry([run_folder(tmp_path / "a", 1, 0.5)], "phee", "xeon", "abc1234")
    assert "mentions: {lenient: 0.500, strict: 0.500}" in text


@pytest.mark.parametrize("change", [{"system": "jnrf-2"}, {"epochs": 9}, {}])
def test_runs_of_an_entry_differ_in_their_seeds_alone(tmp_path, change):
    seed = 2 if change else 1
    runs = [run_folder(tmp_path / "a", 1, 0.5), run_folder(tmp_path / "b", seed, 0.5, **change)]
    with pytest.raises(InputError, match="one system"):
        measured.entry(runs, "phee", "xeon", "abc1234")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpus": "others"}, "corpus others"),
        ({"machine": "nowhere"}, "machine nowhere"),
        ({"f1": 3}, "not in the format"),
        ({"mentions": {"lenient": 1}}, "not in the format"),
    ],
)
def test_a_file_that_is_not_in_the_format_is_refused(change, message):
    data = copy.deepcopy(DATA)
    data["runs"][0] |= change
    with pytest.raises(InputError, match=message):
        read(data)


def test_the_file_is_no_system():
    assert FILE.stem not in system_names()
    assert settings.read_yaml(FILE).keys() == {"machines", "corpora", "runs"}
