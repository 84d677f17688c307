"""What messages say of the contents of a file: names, kinds and places, and no word of a note."""

from __future__ import annotations

import json

import pytest
import tokenizers
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext.shown import named, reason_without_quotes, shown, the_id, without_quotes


@pytest.mark.parametrize(
    "id", ["T1", "R12", "E3", "A4", "M5", "N6", "#7", "*", "m1", "x-12", "T:1", "42"]
)
def test_usual_ids_are_told(id):
    assert named(id) == id
    assert the_id(id) == f"the id '{id}'"


@pytest.mark.parametrize(
    "id", ["", "Smith", "T", "T1x", "TSmith", "T1\n", "T 1", "May5", "12345", "T" + "1" * 16]
)
def test_an_id_that_may_be_a_word_is_told_by_its_length(id):
    assert named(id) == f"an id of {len(id)} characters"
    assert the_id(id) == named(id)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('invalid type: string "Smith", expected u8', "invalid type: string …, expected u8"),
        ("expected `,` or `]` at line 1", "expected `,` or `]` at line 1"),
        ("expected ']', but got '<stream end>'", "expected ']', but got '<stream end>'"),
        ("could not make sense of the tag '!Smith'", "could not make sense of the tag …"),
        ('cannot read "Smith, has HI', "cannot read …"),
        ("can't read Bob's `x y`", "can't read Bob's …"),
        ("'<Smith has HIV>' is bad", "… is bad"),
    ],
)
def test_quoted_words_are_left_out_of_a_librarys_message(said, kept):
    assert without_quotes(said) == kept


@given(st.text(max_size=20))
def test_no_library_of_ours_quotes_a_string_past_it(noise):
    word = f"Zachariassen{noise}Lundqvist"
    for text in (json.dumps(word), json.dumps({"version": word}), json.dumps({"model": word})):
        with pytest.raises(Exception) as error:  # noqa: PT011 (the library raises no other class)
            tokenizers.Tokenizer.from_str(text)
        said = reason_without_quotes(error.value)
        assert "Zachariassen" not in said
        assert "Lundqvist" not in said
    for text in ("!Zachariassen x", "*Zachariassen", "&a *Zachariassen"):
        with pytest.raises(yaml.YAMLError) as error:
            yaml.safe_load(text)
        assert "Zachariassen" not in without_quotes(error.value.problem)


def test_names_are_short_and_on_one_line():
    assert shown("a\nb") == "a\\nb"
    assert len(shown("x" * 500)) == 61
