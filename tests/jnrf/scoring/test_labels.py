"""The label-level report counts tokens, O included, and says that it is no span F1."""

from __future__ import annotations

import pytest

from jnrf.scoring import labels
from jnrf.scoring.labels import label_level_report
from jnrf_ext.errors import InputError

GOLD = [["O", "O", "B-X", "I-X"], ["B-Y"]]
PREDICTED = [["O", "B-X", "B-X", "O"], ["B-Y"]]


def test_each_label_and_o_has_its_own_counts():
    report = label_level_report(GOLD, PREDICTED)
    assert list(report.by_label) == ["O", "B-X", "B-Y", "I-X"]
    assert (report.by_label["O"].tp, report.by_label["O"].fp, report.by_label["O"].fn) == (1, 1, 1)
    assert report.by_label["B-X"].precision == 0.5
    assert report.by_label["I-X"].f1 == 0.0
    assert report.accuracy == pytest.approx(3 / 5)


def test_macro_weighs_labels_alike_and_weighted_by_their_tokens():
    report = label_level_report(GOLD, PREDICTED)
    f1 = {"O": 1 / 2, "B-X": 2 / 3, "I-X": 0.0, "B-Y": 1.0}
    assert report.macro.f1 == pytest.approx(sum(f1.values()) / 4)
    weighted = 2 * f1["O"] + f1["B-X"] + f1["I-X"] + f1["B-Y"]
    assert report.weighted.f1 == pytest.approx(weighted / 5)


def test_merging_b_and_i_makes_one_label_of_both():
    report = label_level_report([["B-X", "I-X", "O"]], [["I-X", "B-X", "O"]], merge_bi=True)
    assert list(report.by_label) == ["O", "X"]
    assert report.macro.f1 == 1.0


def test_given_labels_that_never_occur_count_as_zero():
    report = label_level_report([["O"]], [["O"]], labels=["O", "B-X", "I-X"])
    assert report.macro.f1 == pytest.approx(1 / 3)
    merged = label_level_report([["O"]], [["O"]], labels=["O", "B-X", "I-X"], merge_bi=True)
    assert merged.macro.f1 == pytest.approx(1 / 2)


def test_a_label_outside_the_given_ones_is_an_error():
    with pytest.raises(InputError, match="label B-Z"):
        label_level_report([["B-Z"]], [["O"]], labels=["O"])


def test_sequences_of_other_lengths_are_an_error():
    with pytest.raises(InputError, match="differ in the number or length"):
        label_level_report([["O", "O"], ["O"]], [["O"], ["O", "O"]])


def test_the_report_says_that_it_is_not_span_f1():
    assert "NOT span F1" in labels.__doc__
    assert "not span F1" in label_level_report([["O"]], [["O"]]).to_dict()["metric"]
