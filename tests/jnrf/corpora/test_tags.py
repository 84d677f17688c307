"""Tags of four schemes spell mentions, as conlleval reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.corpora.tags import is_tag, ranges_of
from jnrf.scoring.entities import spans_of


@pytest.mark.parametrize(
    ("tags", "ranges"),
    [
        ("B-X I-X O", [(0, 2, "X")]),
        ("B-X B-X", [(0, 1, "X"), (1, 2, "X")]),
        ("I-X I-X O I-X", [(0, 2, "X"), (3, 4, "X")]),
        ("I-X B-X I-X", [(0, 1, "X"), (1, 3, "X")]),
        ("B-X I-Y", [(0, 1, "X"), (1, 2, "Y")]),
        ("S-X S-X", [(0, 1, "X"), (1, 2, "X")]),
        ("B-X I-X E-X I-X", [(0, 3, "X"), (3, 4, "X")]),
        ("B-X E-Y", [(0, 1, "X"), (1, 2, "Y")]),
        ("B-X S-Y O", [(0, 1, "X"), (1, 2, "Y")]),
        ("E-X O", [(0, 1, "X")]),
        ("B-co-morbidity I-co-morbidity", [(0, 2, "co-morbidity")]),
        ("", []),
    ],
)
def test_ranges_that_tags_spell(tags, ranges):
    assert ranges_of(tags.split()) == ranges


@given(st.lists(st.sampled_from(("O", "B-X", "I-X", "B-Y", "I-Y")), max_size=9))
def test_bio_is_read_as_conlleval_reads_it(tags):
    assert [(type, *place) for *place, type in ranges_of(tags)] == spans_of(tags)


_LETTERS = {"iobes": "BIES", "bilou": "BILU", "bmes": "BMES"}


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(("", "X", "Y"))), max_size=5),
    st.sampled_from(sorted(_LETTERS)),
)
def test_every_scheme_spells_the_same_mentions(chunks, scheme):
    begin, inside, end, single = _LETTERS[scheme]
    bio, other = [], []
    for more, type in chunks:
        if not type:
            bio.append("O")
            other.append("O")
            continue
        bio += [f"B-{type}"] + [f"I-{type}"] * more
        middle = [f"{inside}-{type}"] * (more - 1)
        other += [f"{begin}-{type}", *middle, f"{end}-{type}"] if more else [f"{single}-{type}"]
    assert ranges_of(other) == ranges_of(bio)


@pytest.mark.parametrize("tag", ["O", "B-Drug", "U-Drug", "I-co-morbidity", "S-a b"])
def test_tags(tag):
    assert is_tag(tag)


@pytest.mark.parametrize("word", ["", "o", "B", "B-", "B- x", "X-Drug", "Drug", "B_Drug"])
def test_other_words_are_none(word):
    assert not is_tag(word)
