"""Dealing, and a team of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.training.distributed.team import ALONE, join, partition

SIZES = st.lists(st.integers(0, 5000), max_size=24)


@given(SIZES, st.integers(1, 5))
def test_every_item_is_dealt_once_and_shares_are_about_equal(sizes, shares):
    dealt = partition(sizes, shares)
    assert sorted(index for share in dealt for index in share) == list(range(len(sizes)))
    assert all(share == sorted(share) for share in dealt)
    loads = [sum(sizes[index] for index in share) for share in dealt]
    # The largest share got its last item while it was the smallest of all.
    assert max(loads) - min(loads) <= max(sizes, default=0)


@given(SIZES, st.integers(1, 5), st.integers(1, 6))
def test_no_share_is_larger_than_it_may_be(sizes, shares, most):
    sizes = sizes[: shares * most]
    dealt = partition(sizes, shares, most)
    assert sorted(index for share in dealt for index in share) == list(range(len(sizes)))
    assert all(len(share) <= most for share in dealt)


@pytest.mark.parametrize(
    ("sizes", "most", "expected"),
    [
        ([5, 9, 4, 1], 2, [[1, 3], [0, 2]]),
        ([100, 10, 10], None, [[0], [1, 2]]),
        ([3, 3], 1, [[0], [1]]),
        ([7], 1, [[0], []]),
        ([0, 0, 0], None, [[0, 2], [1]]),
    ],
)
def test_the_largest_goes_first_to_the_smallest_share(sizes, most, expected):
    assert partition(sizes, 2, most) == expected


def test_more_items_than_there_is_room_for_are_refused():
    with pytest.raises(ValueError, match="3 items are more than 2 shares of 1"):
        partition([1, 1, 1], 2, 1)


def test_alone_nothing_is_asked_of_others(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with join() as team:
        assert team.alone
        assert team.is_main_process
        assert team.gather(3) == [3]
        assert team.of_leader(lambda: 4) == 4
        team.wait()
        team.agree(1, "numbers")
    assert ALONE.alone


def test_alone_errors_are_simply_raised():
    with pytest.raises(KeyError), join():
        raise KeyError
