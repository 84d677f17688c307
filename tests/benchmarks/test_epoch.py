"""The epoch of training that is measured, as far as a CPU can try it."""

from __future__ import annotations

import json

import pytest
import torch
from epoch import main, report

OURS = {
    "notes": 303,
    "tokens": 1_300_000,
    "seconds": 2.0,
    "tokens_per_second": 650_000.0,
    "joules_a_note": 3.5,
    "peak_mib": 9000.0,
}
THEIRS = {"tokens": 4096, "seconds": 0.05, "joules_a_note": None, "peak_mib": 30_000.0}


def test_the_authors_time_is_that_of_as_many_wordpieces():
    text = report(OURS, THEIRS)
    assert "1,300,000 wordpieces, in 2.000 s (target 2): 650,000 wordpieces/s, 3.50 J" in text
    assert "take 15.9 s: ratio 7.93" in text  # 1,300,000 / 4096 x 0.05
    assert "joules not known" in text
    assert len(report(OURS, None).splitlines()) == 1


@pytest.mark.slow
def test_an_epoch_on_a_cpu(tmp_path, capsys):
    command = ["--device=cpu", "--notes=3", "--words=40", "--epochs=1", "--peer-steps=0"]
    assert main([*command, "--batch-tokens=150", f"--out={tmp_path}"]) == 0
    written = json.loads((tmp_path / "epoch.json").read_text())
    assert written["ours"]["notes"] == 3
    assert written["ours"]["tokens"] > 100
    assert written["theirs"] is None
    assert (tmp_path / "epoch.txt").read_text() == capsys.readouterr().out


def test_without_a_gpu_it_says_so(tmp_path, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert main([f"--out={tmp_path}"]) == 2
    assert "needs a GPU" in capsys.readouterr().err
