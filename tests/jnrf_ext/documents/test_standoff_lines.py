"""The lines that C++ writes of mentions and relations are those of the plain Python way."""

from __future__ import annotations

import re
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext.documents.document import Attribute, Document, Event, Mention, Relation
from jnrf_ext.documents.standoff import to_brat
from jnrf_ext.errors import InputError

#: All that lines, names and widths of strings could trip over.
CHARACTERS = "aT1R:; \t\r\n\u00a0\u0085\u2028é中\ud800\U0001d499\0"
TEXTS = st.text(CHARACTERS, max_size=12)
NAMES = st.one_of(st.sampled_from(["Drug", "Ärger", "中", "\U0001d499"]), TEXTS)
OFFSETS = st.one_of(st.integers(-15, 15), st.sampled_from([2**31, 2**63, -(2**70), True]))


def ids(letter: str):
    return st.one_of(st.integers(1, 99).map(lambda n: f"{letter}{n}"), TEXTS)


FRAGMENTS = st.lists(st.tuples(OFFSETS, OFFSETS), min_size=1, max_size=3).map(tuple)
MENTIONS = st.builds(Mention, ids("T"), NAMES, FRAGMENTS, TEXTS)
REFERENCES = st.one_of(st.none(), st.just(""), ids("E"))
RELATIONS = st.builds(
    Relation, ids("R"), NAMES, ids("T"), ids("T"), st.none(), NAMES, NAMES, REFERENCES, REFERENCES
)
DOCUMENTS = st.builds(
    Document,
    st.just("x"),
    TEXTS,
    st.lists(MENTIONS, max_size=3),
    st.lists(RELATIONS, max_size=2),
)


def plain_lines(document: Document) -> str:
    """Mentions and relations, as f-strings write them."""
    breaks = str.maketrans("\r\n", "  ")
    lines = []
    for mention in document.mentions:
        spans = ";".join(f"{start} {end}" for start, end in mention.fragments)
        said = " ".join(document.text[start:end] for start, end in mention.fragments)
        said = (said if document.text else mention.text).translate(breaks)
        lines.append(f"{mention.id}\t{mention.type} {spans}\t{said}\n")
    for relation in document.relations:
        head = f"{relation.head_role}:{relation.head_ref or relation.head}"
        tail = f"{relation.tail_role}:{relation.tail_ref or relation.tail}"
        lines.append(f"{relation.id}\t{relation.type} {head} {tail}\n")
    return "".join(lines)


def can_be_held(document: Document) -> bool:
    """Whether brat can hold the ids and names of mentions and relations."""
    words, ends = [], []
    for letter, items in (("T", document.mentions), ("R", document.relations)):
        if not all(item.id.startswith(letter) for item in items):
            return False
        words += [name for item in items for name in (item.id, item.type)]
    for relation in document.relations:
        words += [relation.head_role, relation.tail_role]
        ends += [relation.head_ref or relation.head, relation.tail_ref or relation.tail]
    every_one = all(re.fullmatch(r"\S+", word) for word in words + ends)
    return every_one and not any(":" in end for end in ends)


@given(DOCUMENTS)
def test_lines_are_those_of_the_plain_way_and_bad_names_are_errors(document):
    if can_be_held(document):
        assert to_brat(document) == plain_lines(document)
    else:
        with pytest.raises(InputError, match="brat cannot hold"):
            to_brat(document)


@given(st.lists(MENTIONS.filter(lambda m: re.fullmatch(r"T\S*", m.id)), max_size=4), TEXTS)
def test_mention_lines_of_any_offsets_are_those_of_the_plain_way(mentions, text):
    for mention in mentions:
        mention.type = "Drug"
    document = Document("x", text, mentions)
    assert to_brat(document) == plain_lines(document)


def test_a_line_break_of_any_kind_inside_a_mention_stays_as_the_format_needs_it():
    text = "a\r\nb\tc\u2028d\U0001d499\n"
    document = Document("x", text, [Mention("T1", "A", ((0, 4), (4, len(text))))])
    assert to_brat(document) == "T1\tA 0 4;4 10\ta  b \tc\u2028d\U0001d499 \n"


def test_values_that_are_no_plain_str_or_int_are_written_as_f_strings_do():
    class Kind(str, Enum):
        DRUG = "Drug"

    class Offset(int):
        def __format__(self, spec):
            return f"<{int(self)}>"

    document = Document("x", "abc", [Mention("T1", Kind.DRUG, [[Offset(0), True]])])
    assert to_brat(document) == plain_lines(document)


def test_names_of_other_kinds_are_checked_where_mentions_are_fine():
    mentions = [Mention("T1", "Drug", ((0, 1),))]
    with pytest.raises(InputError, match="the name 'a b'"):
        to_brat(Document("x", "abc", mentions, attributes=[Attribute("A1", "a b", "T1")]))
    with pytest.raises(InputError, match="the id 'T:1' in an event"):
        to_brat(Document("x", "abc", mentions, events=[Event("E1", "X", "T:1")]))


def test_the_order_of_complaints_is_that_of_all_kinds():
    document = Document(
        "x",
        "abc",
        [Mention("T1", "a b", ((0, 1),))],
        [Relation("x1", "Of", "T1", "T1")],
    )
    with pytest.raises(InputError, match="the id 'x1'; it must start with R"):
        to_brat(document)


@pytest.mark.parametrize(
    ("fragments", "error"),
    [(((0, 1, 2),), ValueError), (((0,),), ValueError), ((0, 1), TypeError), (None, TypeError)],
)
def test_fragments_that_are_no_pairs_are_errors(fragments, error):
    with pytest.raises(error):
        to_brat(Document("x", "abc", [Mention("T1", "A", fragments)]))
