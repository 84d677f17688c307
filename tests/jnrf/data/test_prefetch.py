"""Items made ahead in a thread: the same ones in the same order, and no thread left behind."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.data.prefetch import Prefetcher


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "jnrf ahead"]


@given(st.lists(st.integers()), st.integers(1, 3), st.integers(0, 40))
def test_items_come_in_their_order_however_many_are_taken(items, depth, count):
    with Prefetcher(iter(items), depth) as ahead:
        assert list(itertools.islice(ahead, count)) == items[:count]
    assert not threads()


def test_the_end_stays_the_end():
    with Prefetcher([1]) as ahead:
        assert list(ahead) == [1]
        assert list(ahead) == []


def test_the_next_item_is_made_while_one_is_used():
    made = [threading.Event() for _ in range(3)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    with Prefetcher(items()) as ahead:
        assert next(ahead) == 0
        assert made[1].wait(60)  # without anyone asking for it


def test_no_more_items_are_made_than_fit():
    made = []
    third = threading.Event()

    def items():
        for number in itertools.count():
            made.append(number)
            if number == 3:
                third.set()
            yield number

    with Prefetcher(items(), depth=2) as ahead:
        assert next(ahead) == 0
        assert third.wait(60)
    # One was taken, two wait, and one is in the thread's hands.
    assert made == [0, 1, 2, 3]


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("the second cannot be made")

    with Prefetcher(items()) as ahead:
        assert next(ahead) == 1
        with pytest.raises(ValueError, match="second cannot be made"):
            next(ahead)
        assert list(ahead) == []
    assert not threads()


def test_an_error_of_the_taker_ends_the_thread():
    def take():
        with Prefetcher(itertools.count()) as ahead:
            raise KeyError(next(ahead))

    with pytest.raises(KeyError, match="0"):
        take()
    assert not threads()


def test_nothing_ahead_is_refused():
    with pytest.raises(ValueError, match="depth is 0"):
        Prefetcher([], depth=0)
