"""The test over documents against enumeration, and on cases whose answer is known."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.study.significance import micro_f1, randomization_test

ROW = st.tuples(*[st.integers(0, 6)] * 3)


def exact_f1(rows):
    tp, fp, fn = (sum(row[i] for row in rows) for i in range(3))
    return Fraction(2 * tp, 2 * tp + fp + fn) if tp else Fraction(0)


def enumerated(first, second):
    """The share of all exchanges whose difference is no smaller, in exact arithmetic."""
    observed = abs(exact_f1(first) - exact_f1(second))
    pairs = list(zip(first, second, strict=True))
    count = 0
    for exchanged in product((0, 1), repeat=len(pairs)):
        a = [pair[e] for pair, e in zip(pairs, exchanged, strict=True)]
        b = [pair[1 - e] for pair, e in zip(pairs, exchanged, strict=True)]
        count += abs(exact_f1(a) - exact_f1(b)) >= observed
    return count / 2 ** len(pairs)


@given(st.lists(st.tuples(ROW, ROW), min_size=1, max_size=7))
def test_the_p_value_is_near_that_of_all_exchanges(pairs):
    first, second = ([*side] for side in zip(*pairs, strict=True))
    expected = enumerated(first, second)
    found = randomization_test(np.array(first), np.array(second), 4000)
    assert abs(found - expected) < 5 * (expected * (1 - expected) / 4000) ** 0.5 + 1 / 4001 + 1e-12


@given(st.lists(ROW, min_size=1, max_size=9))
def test_identical_systems_have_a_p_value_of_one(rows):
    assert randomization_test(np.array(rows), np.array(rows), 100) == 1.0


@given(st.lists(st.tuples(ROW, ROW), min_size=1, max_size=9))
def test_the_order_of_the_systems_does_not_matter(pairs):
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    assert randomization_test(first, second, 200) == pytest.approx(
        randomization_test(second, first, 200), abs=1e-12
    )


def test_clearly_different_systems_have_the_least_p_value_there_is():
    better, worse = np.array([[9, 1, 1]] * 40), np.array([[5, 5, 5]] * 40)
    assert randomization_test(better, worse) == 1 / 10_001


def test_the_same_seed_gives_the_same_p_value():
    generator = np.random.default_rng(1)
    first, second = generator.integers(0, 9, (2, 30, 3))
    assert randomization_test(first, second) == randomization_test(first, second)


def test_many_documents_are_shuffled_in_blocks():
    generator = np.random.default_rng(2)
    first, second = generator.integers(0, 9, (2, 3000, 3))
    found = randomization_test(first, second, 4000)
    assert 0 < found <= 1


def test_f1_of_nothing_is_0():
    assert micro_f1(np.array([[0, 0, 0], [1, 1, 1]])).tolist() == [0.0, 0.5]


def test_counts_that_are_not_paired_are_refused():
    with pytest.raises(ValueError, match="not paired"):
        randomization_test(np.zeros((2, 3), int), np.zeros((3, 3), int))
