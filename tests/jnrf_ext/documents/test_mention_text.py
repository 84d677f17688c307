"""The text of a mention by its offsets, in units of any tool."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext.documents.mention_text import (
    DISAGREES,
    UNITS,
    Offsets,
    agrees,
    disagreement,
    fitting_units,
    fragments_text,
)
from jnrf_ext.errors import InputError

TEXT = "\U0001f600 naïve: took aspirin"
ENCODINGS = {"utf-16": ("utf-16-le", 2), "utf-8": ("utf-8", 1)}


def measured(text: str, units: str) -> int:
    """The length of a text in these units, by Python's own encoders."""
    encoding, width = ENCODINGS.get(units, ("utf-32-le", 4))
    return len(text.encode(encoding)) // width


def test_fragments_are_joined_by_spaces_and_line_breaks_are_spaces():
    assert fragments_text("a😀b\r\nc", [(1, 2), (2, 6)]) == "😀 b  c"


def test_white_space_makes_no_disagreement():
    assert agrees("took  aspirin", TEXT, [(9, 21)])
    assert not agrees("aspirin", TEXT, [(9, 21)])


@given(st.text("aé中\U0001f600 ", max_size=12), st.data(), st.sampled_from(UNITS))
def test_offsets_in_any_units_become_code_points(text, data, units):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    given = tuple(measured(text[:at], units) for at in (start, end))
    assert Offsets(text, units).characters([given]) == ((start, end),)


@pytest.mark.parametrize(("units", "at"), [("utf-16", 1), ("utf-8", 3), ("utf-8", 99)])
def test_an_offset_inside_a_character_or_past_the_end_is_none(units, at):
    assert Offsets(TEXT, units).characters([(0, at)]) is None


def test_unknown_units_are_an_error():
    with pytest.raises(InputError, match="offsets are 'bytes'; choose one of characters, utf-16"):
        Offsets("a", "bytes")


@pytest.mark.parametrize("units", ["utf-16", "utf-8"])
def test_units_in_which_all_mentions_agree_are_named(units):
    claims = []
    for said in ("took", "aspirin"):
        start = measured(TEXT[: TEXT.index(said)], units)
        claims.append(([(start, start + len(said))], said))
    assert fitting_units(TEXT, claims) == units
    told = disagreement(TEXT, claims)
    assert told.startswith(DISAGREES[:-1])
    assert f"jnrf convert --offsets {units}" in told
    assert fitting_units(TEXT, [*claims, ([(0, 4)], "took")]) is None


def test_where_no_units_fit_none_are_named():
    claims = [([(0, 4)], "took")]
    assert fitting_units(TEXT, claims) is None
    assert fitting_units("plain", claims) is None
    assert fitting_units(TEXT, []) is None
    assert disagreement(TEXT, claims) == DISAGREES
