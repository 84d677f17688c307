"""Predictions on a text with other white space get the gold's offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.scoring.same_text import with_text_of
from jnrf_ext.documents.document import Document, Mention
from jnrf_ext.errors import InputError

_GAPS = st.sampled_from((" ", "\n", "\r\n", "  ", "\t", "\u2028", ""))


@given(st.lists(st.tuples(st.sampled_from(("ab", "c", "ß\U0001f48a")), _GAPS, _GAPS), min_size=1))
def test_a_mention_covers_the_same_words_in_either_text(parts):
    ours = "".join(word + gap for word, gap, _ in parts)
    theirs = "".join(word + gap for word, _, gap in parts)
    mentions, expected, at, to = [], [], 0, 0
    for word, gap, other in parts:
        mentions.append(Mention(f"T{len(mentions)}", "X", ((at, at + len(word)),)))
        expected.append(((to, to + len(word)),))
        at, to = at + len(word + gap), to + len(word + other)
    moved = with_text_of(Document("d", ours, mentions), theirs)
    assert moved.text == theirs
    assert [m.fragments for m in moved.mentions] == expected


def test_a_document_of_the_same_text_is_left_as_it_is():
    document = Document("d", "a b ", [Mention("T1", "X", ((0, 4),))])
    assert with_text_of(document, "a b ") is document


def test_fragments_move_each_by_itself_and_white_space_is_no_part():
    document = Document("d", "a b c", [Mention("T1", "X", ((0, 2), (3, 5)))])
    moved = with_text_of(document, "a\n\nb\nc")
    assert moved.mentions[0].fragments == ((0, 1), (5, 6))
    assert document.mentions[0].fragments == ((0, 2), (3, 5))


def test_a_mention_of_white_space_becomes_empty():
    document = Document("d", "a b", [Mention("T1", "X", ((1, 2),))])
    assert with_text_of(document, "ab").mentions[0].fragments == ((1, 1),)


@pytest.mark.parametrize(
    ("text", "at"), [("iron tablet", 11), ("iron, tablets", 5), ("", 0), ("iron tablets!", 12)]
)
def test_other_words_are_an_error_that_says_where(text, at):
    document = Document("d", "iron tablets", [Mention("T1", "X", ((0, 4),))])
    with pytest.raises(InputError, match=f"document d: .* from character {at} on"):
        with_text_of(document, text)
