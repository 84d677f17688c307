"""Bytes that are not UTF-8 are told by the name that iconv has for them."""

import codecs
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.corpora.brat import read_text
from jnrf.corpora.encodings import how_to_convert, wide_encoding
from jnrf_ext.errors import InputError

TEXT = "Took aspirin 81 mg, naïve.\r\n"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (TEXT.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16le"),
        (TEXT.encode("utf-16-be"), "utf-16be"),
        (TEXT.encode("utf-32"), "utf-32"),
        (codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"), "utf-32"),
        (TEXT.encode("latin1"), "latin1"),
    ],
)
def test_the_advice_makes_utf_8_of_a_file(tmp_path, data, name):
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"not UTF-8") as told:
        read_text(path)
    assert f"iconv -f {name} -t utf-8 a.txt" in str(told.value)
    assert "aspirin" not in str(told.value)
    command = str(told.value).rpartition("e.g. ")[2]
    assert command == how_to_convert(data, "a.txt").rpartition("e.g. ")[2]
    made = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True).stdout
    assert made.decode("utf-8-sig") == TEXT


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))))
def test_utf_8_is_taken_for_nothing_else(text):
    assert wide_encoding(text.encode()) is None


def test_a_single_nul_is_no_sign_of_two_bytes_a_character():
    assert wide_encoding(b"a\0b c d e f") is None
