"""Whatever bytes come as a body: notes, or a refusal that repeats nothing of them."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("prometheus_client")
pytest.importorskip("fastapi")

from jnrf.serve.batching import Note
from jnrf.serve.bodies import parse_note, parse_notes
from jnrf.serve.http_error import HttpError
from jnrf.serve.limits import Limits

LIMITS = Limits(max_characters=50, queue=3)
#: Letters that none of our messages has, so that any of them in one came from the request.
STRANGE = st.text("ÄÖÜ漢😀")
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=50)
HALVES = st.characters(categories=("Cs",))
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STRANGE,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "text"]) | STRANGE, inner, max_size=4)
    ),
)
PARSERS = pytest.mark.parametrize("parse", [parse_note, parse_notes])


def check(parse, body: bytes) -> None:
    found = refusal = None
    try:
        found = parse(body, LIMITS)
    except HttpError as error:
        refusal = error
    if refusal is not None:
        assert 400 <= refusal.status < 500
        assert refusal.message.isascii()
        assert "\n" not in refusal.message
        assert refusal.__cause__ is None
        assert refusal.__suppress_context__ or refusal.__context__ is None
    else:
        notes = [found] if isinstance(found, Note) else found
        assert all(isinstance(x, str) for note in notes for x in (note.id, note.text))


@PARSERS
@given(body=st.binary(max_size=100) | STRANGE.map(str.encode))
def test_any_bytes_are_notes_or_refused(parse, body):
    check(parse, body)


@PARSERS
@given(value=VALUE, ascii_only=st.booleans())
def test_any_json_is_notes_or_refused(parse, value, ascii_only):
    check(parse, json.dumps(value, ensure_ascii=ascii_only).encode())


@given(text=TEXT, name=st.none() | TEXT, ascii_only=st.booleans(), more=st.dictionaries(TEXT, TEXT))
def test_any_whole_text_arrives_as_it_is(text, name, ascii_only, more):
    body = json.dumps(more | {"text": text, "id": name}, ensure_ascii=ascii_only).encode()
    assert parse_note(body, LIMITS) == Note("1" if name is None else name, text)
    body = json.dumps([{"text": text}, {"text": text, "id": name}]).encode()
    assert parse_notes(body, LIMITS) == [Note("1", text), Note("2" if name is None else name, text)]


@given(before=TEXT, half=HALVES, after=TEXT, field=st.sampled_from(["text", "id"]))
def test_half_a_character_is_found_where_it_is(before, half, after, field):
    said = before + half + after
    body = json.dumps({"text": "", field: said}).encode()
    if len(said) > LIMITS.max_characters and field == "text":
        return
    with pytest.raises(HttpError) as refused:
        parse_note(body, LIMITS)
    place = int(re.search(r"at character (\d+)", refused.value.message)[1])
    assert place == len(before)


def test_a_list_of_more_notes_than_may_wait_is_too_large():
    with pytest.raises(HttpError, match="4 notes are too many; send at most 3"):
        parse_notes(json.dumps([{"text": ""}] * 4).encode(), LIMITS)
