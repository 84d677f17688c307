"""Fields that a reader does not know are counted by name."""

from __future__ import annotations

from collections import Counter

import pytest

from jnrf_ext.documents.unread import count_unread, hold_annotations, told_names


def test_names_are_counted_each_under_its_own_kind():
    warnings = Counter()
    for names in (["meta", "cats"], ["meta"]):
        count_unread(names, warnings)
    count_unread(["score"], warnings, "entities")
    assert warnings == {
        "field not read: meta": 2,
        "field not read: cats": 1,
        "field not read: entities.score": 1,
    }


def test_keys_that_no_program_gives_are_not_shown():
    """A table with words of a note as keys neither shows them nor makes a kind of each."""
    warnings = Counter()
    count_unread(["John Smith", "64 y/o", *(f"word{n}" for n in range(100))], warnings)
    assert warnings.total() == 102
    assert len(warnings) == 7
    assert not any("Smith" in kind or "y/o" in kind for kind in warnings)


def test_names_for_a_message():
    assert told_names(["label", "John Smith", "John Doe"]) == "label, one of another name"
    assert told_names(f"f{n}" for n in range(10)) == "f0, f1, f2, f3, f4, f5, f6, f7 and 2 more"
    assert told_names([]) == "none"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gold", [[0, 1, "X"]]),
        ("gold", [{"start": 0}]),
        ("gold", ["O", "B-X"]),
        ("spans", [["X"]]),
        ("spans", [{"from": 0}]),
        ("annotations", {"a": 1}),
    ],
)
def test_fields_that_look_like_annotations(name, value):
    assert hold_annotations({name: value, "meta": {"source": "x"}}) == [name]


@pytest.mark.parametrize(
    "value",
    [[], {}, "X", 7, None, ["a", "b"], [1, 2], ["O", "O"], {"a": [1]}, [{"code": "I10"}], [["a"]]],
)
def test_what_goes_with_a_note_does_not(value):
    assert hold_annotations({"meta": value}) == []
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        assert hold_annotations({"tags": value, "labels": value}) == []
