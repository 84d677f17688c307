"""The rule that follows from times by length, and the script as far as a CPU can try it."""

from __future__ import annotations

import json

import pytest
import torch
from fourier_sweep import Row, best_limit, main, report


def row(length: int, product: float | None, cufft: float, documents: int = 1) -> Row:
    return Row(length, documents, product, cufft, None if product is None else 1e-7, 2e-7)


def test_the_limit_is_where_the_ways_cross():
    rows = [row(64, 1, 4), row(512, 2, 4), row(1024, 5, 4), row(60_000, None, 9)]
    assert best_limit(rows) == (512, 1.0)


def test_rows_that_disagree_are_weighed_by_their_ratios():
    """At 700 the product is a little slower alone and much faster in a batch: it is used."""
    rows = [row(512, 1, 2), row(700, 11, 10), row(700, 10, 30, documents=16), row(1024, 40, 10)]
    limit, loss = best_limit(rows)
    assert limit == 700
    assert loss == pytest.approx((1 + 1.1 + 1 + 1) / 4)


def test_where_the_product_never_wins_it_is_not_used():
    assert best_limit([row(64, 4, 1), row(128, 5, 1)]) == (0, 1.0)


def test_report_says_both_times_and_the_rule():
    lines = report([row(64, 1, 4), row(60_000, None, 9)]).splitlines()
    assert lines[1].split() == ["64", "1", "1.0000", "4.0000", "4.00", "1.0e-07", "2.0e-07"]
    assert lines[2].split() == ["60000", "1", "-", "9.0000", "-", "-", "2.0e-07"]
    assert lines[3].startswith("rule: the product up to 64 tokens; over these rows 0.0%")


def test_on_a_cpu(tmp_path, capsys):
    command = ["--device=cpu", "--lengths", "8", "9000", "--documents", "1", "--repeats=1"]
    assert main([*command, f"--out={tmp_path}"]) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "fourier_sweep.txt").read_text()
    assert "a CPU has one way" in printed
    rows = json.loads((tmp_path / "fourier_sweep.json").read_text())["rows"]
    assert [r["length"] for r in rows] == [8, 9000]
    assert rows[1]["product_ms"] is None  # beyond what the product takes
    assert all(r["cufft_error"] < 5e-7 for r in rows)


def test_without_a_gpu_it_says_so(tmp_path, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert main([f"--out={tmp_path}"]) == 2
    assert "needs a GPU" in capsys.readouterr().err
