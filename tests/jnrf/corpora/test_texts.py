"""Files that are no UTF-8, or no files: one line that says what they are and what to do."""

from __future__ import annotations

import os
import re
import socket
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.corpora import open_corpus
from jnrf.corpora.texts import other_encoding, read_text
from jnrf_ext.errors import InputError

TEXT = "Er nahm Aspirin 100 mg für das Knie, täglich.\r\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16le", "utf-16be", "latin1"])
@pytest.mark.parametrize("name", ["d.txt", "d.ann", "d.tsv", "it's a note.txt"])
def test_the_command_that_a_message_names_converts_the_file(tmp_path, encoding, name):
    if name.endswith(".ann"):
        (tmp_path / "d.txt").write_text("x")
    path = tmp_path / name
    path.write_bytes(TEXT.encode(encoding))
    with pytest.raises(InputError, match="not UTF-8") as error:
        open_corpus(path)
    command = str(error.value).partition("e.g. ")[2]
    subprocess.run(command, shell=True, check=True)
    assert read_text(tmp_path / f"{name}.utf8") == TEXT


# A zero after the mark of UTF-16 makes that of UTF-32.
@given(st.text(min_size=16, max_size=60).filter(lambda text: text[0] != "\0"))
def test_texts_in_utf_16_are_seen_by_their_mark(text):
    assert other_encoding(text.encode("utf-16")) == "utf-16"
    assert other_encoding(text.encode("utf-32")) == "utf-32"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
def test_utf_8_is_never_taken_for_anything_else(text):
    assert other_encoding(text.encode()) is None


def test_a_few_zeros_do_not_make_another_encoding():
    assert other_encoding(b"a\0b\0" * 3) is None
    assert other_encoding(b"iron\0" * 20) is None
    assert other_encoding(b"\0" * 80) is None


def special_files(folder):
    os.mkfifo(folder / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "socket.txt"))
    (folder / "device.txt").symlink_to("/dev/zero")
    (folder / "folder.txt").mkdir()


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_what_is_no_file_is_told_and_never_waited_for(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    special_files(tmp_path)
    path = tmp_path / f"{kind}.txt"
    for read in (read_text, open_corpus):
        with pytest.raises(InputError, match=rf"{re.escape(str(path))} is a {kind}|no \.txt files"):
            read(path)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").symlink_to(path)
    with pytest.raises(InputError, match=rf"a\.txt is a {kind}"):
        open_corpus(tmp_path / "corpus")
    (tmp_path / "corpus" / "a.ann").symlink_to(path)
    (tmp_path / "corpus" / "a.txt").unlink()
    (tmp_path / "corpus" / "a.txt").write_text("x")
    with pytest.raises(InputError, match=rf"a\.ann is a {kind}"):
        open_corpus(tmp_path / "corpus")
