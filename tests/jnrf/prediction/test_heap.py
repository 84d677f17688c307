"""The collector passes over what was there before, until the run has ended."""

import gc

import pytest

from jnrf.prediction.heap import frozen_heap


def test_objects_are_frozen_while_it_is_entered():
    kept = [[]]
    with frozen_heap():
        assert gc.get_freeze_count() > 0
        assert not any(item is kept for item in gc.get_objects())
    assert gc.get_freeze_count() == 0
    assert any(item is kept for item in gc.get_objects())


def test_an_error_thaws_them():
    with pytest.raises(ValueError, match="stop"), frozen_heap():
        raise ValueError("stop")
    assert gc.get_freeze_count() == 0
