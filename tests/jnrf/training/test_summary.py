"""summary.json is read back as it was written, by this version or an earlier one."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys

import pytest
from rich.console import Console

from jnrf.training.run_folder import RunFolder
from jnrf.training.summary import RunSummary, read_summary
from jnrf_ext.errors import InputError

OLD = {
    "folder": "runs/a", "epochs": 2, "best_epoch": 1, "metric": "mentions_strict",
    "device": "the CPU", "parameters": {"trainable": 5, "frozen": 0}, "tokens_per_epoch": 10,
    "seconds": 3.0, "seconds_per_epoch": 1.5, "tokens_per_second": 6.7,
    "peak_memory_bytes": 2048, "energy_joules": "not available", "headlines": {}, "scores": {},
}  # fmt: skip


def test_a_summary_is_read_back(tmp_path):
    summary = RunSummary(**OLD, metrics={"dev": {}}, prediction_tokens=7, peak_cuda_bytes=None)
    (tmp_path / "summary.json").write_text(json.dumps(dataclasses.asdict(summary)))
    assert read_summary(RunFolder(tmp_path)) == summary


def test_a_summary_of_an_earlier_version_can_still_be_read(tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps(OLD))
    summary = read_summary(RunFolder(tmp_path))
    assert (summary.seconds, summary.metrics, summary.peak_process_bytes) == (3.0, {}, None)
    assert "2 epochs in 0:03" in summary.costs()


def test_a_broken_summary_is_told_with_its_remedy(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(InputError, match="remove it to resume"):
        read_summary(RunFolder(tmp_path))


def test_reading_a_summary_loads_no_torch():
    code = "import sys, jnrf.training.summary; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


F1 = {"mentions_lenient": 0.5, "mentions_strict": 0.25, "relations_lenient": 0.125}
HEADLINES = {"dev": {mode: F1 | {"relations_strict": 0.0625} for mode in ("corrected", "official")}}


def printed(summary) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(summary.table())
    return console.file.getvalue()


def test_the_table_has_both_tasks_and_what_its_words_mean():
    summary = RunSummary(**(OLD | {"headlines": HEADLINES}))
    for words in ("dev, corrected", "dev, official", "0.5000", "0.1250", "0.0625"):
        assert words in printed(summary)
    said = " ".join(summary.explanation())
    for word in ("lenient:", "strict:", "corrected:", "official:"):
        assert word in said
    assert "held out" not in said
    assert "no relations" not in said


def test_scores_of_documents_held_out_are_called_that():
    summary = RunSummary(**(OLD | {"headlines": HEADLINES}), held_out=3)
    assert any(line.startswith("dev: 3 documents held out") for line in summary.explanation())


def test_a_model_without_relations_shows_none_and_says_so():
    summary = RunSummary(
        **(OLD | {"headlines": HEADLINES}), finds_relations=False, relations_ignored=1234
    )
    table = printed(summary)
    assert "mentions lenient" in table
    assert "relations" not in table
    assert "0.1250" not in table
    assert summary.explanation()[-1] == (
        "this model finds mentions only, no relations (1,234 relations of the training documents "
        "were ignored)"
    )


@pytest.mark.parametrize("found", [0.0, 0.5])
def test_a_model_that_finds_nothing_yet_is_told_to_be_trained_longer(found):
    f1 = F1 | {"mentions_lenient": found, "relations_strict": 0.0}
    summary = RunSummary(**(OLD | {"headlines": {"dev": {"corrected": f1, "official": f1}}}))
    advice = [line for line in summary.explanation() if "--run.epochs" in line]
    assert len(advice) == (found == 0)
    assert all(line.startswith("no mention of dev was found") for line in advice)
