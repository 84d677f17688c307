"""Working ahead: order, errors in their place, a bound on what waits, and a clean end."""

import threading
import time

import pytest

from jnrf.ahead import ahead


def test_items_come_in_their_order():
    assert list(ahead(iter(range(1000)), 3)) == list(range(1000))
    assert list(ahead(())) == []


def test_an_error_is_raised_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise OSError("disk")

    stream = ahead(items())
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(OSError, match="disk"):
        next(stream)


def test_no_more_than_the_bound_is_made_before_it_is_asked_for():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    stream = ahead(items(), 2)
    next(stream)
    time.sleep(0.3)
    assert len(made) <= 4  # one asked for, two waiting, one in hand
    stream.close()


def test_leaving_the_loop_ends_the_thread_and_closes_the_items():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    before = threading.active_count()
    for _ in ahead(items()):
        break
    assert closed.wait(5)
    assert threading.active_count() == before


def test_items_are_made_while_others_are_used():
    used = threading.Event()

    def items():
        yield 1
        # Would wait for ever if it were made only when asked for.
        assert used.wait(5)
        yield 2

    stream = ahead(items())
    assert next(stream) == 1
    used.set()
    assert next(stream) == 2
    with pytest.raises(StopIteration):
        next(stream)
