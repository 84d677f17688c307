"""Line charts hold every finite point, within the drawing."""

from __future__ import annotations

import re

import pytest

from jnrf.report.charts import line_chart, ticks


def test_every_series_has_a_line_and_a_title_a_point():
    chart = line_chart("Loss", {"train": [(1, 2.0), (2, 1.0)], "dev": [(1, 3.0)]})
    assert chart.count("<polyline") == 2
    assert re.findall(r"<title>(.*?)</title>", chart) == [
        "train, epoch 1: 2",
        "train, epoch 2: 1",
        "dev, epoch 1: 3",
    ]


def test_points_that_are_not_finite_are_left_out():
    chart = line_chart("Loss", {"train": [(1, float("nan")), (2, float("inf")), (3, 1.0)]})
    assert "nan" not in chart
    assert "inf" not in chart
    assert chart.count("<circle") == 1


def test_without_points_there_is_no_chart():
    assert line_chart("Loss", {}) == ""
    assert line_chart("Loss", {"train": [(1, float("nan"))]}) == ""


def test_points_lie_within_the_drawing():
    chart = line_chart("Loss", {"a": [(n, (-1) ** n * 10.0**n) for n in range(8)]}, mark=3)
    for x, y in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', chart):
        assert 0 <= float(x) <= 420
        assert 0 <= float(y) <= 220


@pytest.mark.parametrize(("mark", "side"), [(1, "after"), (5, "before"), (9, "before")])
def test_the_word_best_stands_where_no_number_of_the_axis_does(mark, side):
    chart = line_chart("F1", {"a": [(n, n / 9) for n in range(1, 10)]}, mark=mark)
    [(found, at)] = re.findall(r'class="best (\w+)" x="([\d.]+)"', chart)
    [line] = re.findall(r'<line class="best" x1="([\d.]+)"', chart)
    assert found == side
    assert (float(at) > float(line)) == (side == "after")


def test_names_are_escaped():
    chart = line_chart("<b>", {"<script>": [(1, 1.0)]})
    assert "<b>" not in chart
    assert "<script>" not in chart


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 3.1, [0, 1, 2, 3]),
        (1, 30, [10, 20, 30]),
        (5, 5, [5]),
    ],
)
def test_ticks_are_round_numbers_within_the_range(low, high, expected):
    assert ticks(low, high) == expected
