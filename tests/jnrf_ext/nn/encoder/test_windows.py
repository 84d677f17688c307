"""Windows over packed segments: every wordpiece once, from where it is most central."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext.nn.encoder.windows import cut_windows


def bounds(*lengths: int) -> np.ndarray:
    return np.cumsum([0, *lengths]).astype(np.int32)


@st.composite
def cuts(draw):
    size = draw(st.integers(1, 12))
    overlap = draw(st.integers(0, size - 1))
    lengths = draw(st.lists(st.integers(0, 60), max_size=6))
    return bounds(*lengths), size, overlap


@given(cuts())
def test_every_wordpiece_is_taken_once_from_its_most_central_window(given_cut):
    cu, size, overlap = given_cut
    windows = cut_windows(cu, size, overlap)
    assert len(windows.window_of) == cu[-1]
    first, last = windows.starts, windows.starts + windows.lengths
    for piece, window in enumerate(windows.window_of):
        segment = np.searchsorted(cu, piece, side="right") - 1
        inside = (first <= piece) & (piece < last)
        assert inside[window]
        assert (first[inside] >= cu[segment]).all()
        assert (last[inside] <= cu[segment + 1]).all()
        off_centre = np.abs(piece + 0.5 - (first + last) / 2)
        assert off_centre[window] == off_centre[inside].min()


@given(cuts())
def test_neighbouring_windows_overlap_enough_and_are_equally_long(given_cut):
    cu, size, overlap = given_cut
    windows = cut_windows(cu, size, overlap)
    for start, end in pairwise(cu):
        own = (windows.starts >= start) & (windows.starts < end)
        starts, lengths = windows.starts[own], windows.lengths[own]
        assert (lengths == min(size, end - start)).all()
        assert (starts[:-1] + lengths[:-1] - starts[1:] >= overlap).all()
        if len(starts):
            assert (starts[0], starts[-1] + lengths[-1]) == (start, end)


@given(cuts())
def test_there_are_no_more_windows_than_it_takes(given_cut):
    cu, size, overlap = given_cut
    expected = 0
    for length in np.diff(cu).tolist():
        number = 1
        while length > size + (number - 1) * (size - overlap):
            number += 1
        expected += number if length else 0
    assert len(cut_windows(cu, size, overlap).starts) == expected


@pytest.mark.parametrize(
    ("length", "starts"),
    [(7, [0]), (8, [0]), (9, [0, 1]), (12, [0, 4]), (13, [0, 2, 5]), (16, [0, 4, 8])],
)
def test_lengths_around_the_borders(length, starts):
    assert cut_windows(bounds(length), 8, 4).starts.tolist() == starts


@given(cuts(), st.integers(1, 3000))
def test_groups_partition_the_windows(given_cut, most):
    cu, size, overlap = given_cut
    windows = cut_windows(cu, size, overlap)
    groups = list(windows.groups(most))
    order = [index for group in groups for index in group.tolist()]
    assert sorted(order) == list(range(len(windows.starts)))
    longest_first = windows.lengths[order]
    assert (np.diff(longest_first) <= 0).all()
    for group in groups:
        assert len(group) == 1 or len(group) * windows.lengths[group].max() <= most


def test_a_group_is_filled_or_small():
    windows = cut_windows(bounds(*[100] * 30, *[10] * 500), 100, 0)
    groups = [windows.lengths[group] for group in windows.groups(1 << 62)]
    assert [(len(g), g.max(), g.min()) for g in groups] == [(30, 100, 100), (500, 10, 10)]
    few = cut_windows(bounds(100, *[10] * 5), 100, 0)
    assert [len(group) for group in few.groups(1 << 62)] == [6]


def test_groups_may_be_of_one_length():
    windows = cut_windows(bounds(100, *[10] * 5, 9, 100), 100, 0)
    groups = [windows.lengths[group].tolist() for group in windows.groups(1 << 62, one_length=True)]
    assert groups == [[100, 100], [10] * 5, [9]]
