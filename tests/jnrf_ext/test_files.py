"""Writing a file leaves the new content or the old one, never half of either."""

from __future__ import annotations

import errno
import os

import pytest

from jnrf_ext import InputError
from jnrf_ext.files import write_atomically


@pytest.mark.parametrize("durable", [True, False])
def test_content_arrives_as_it_is(tmp_path, durable):
    path = tmp_path / "new" / "folder" / "note.ann"
    write_atomically(path, "T1\tDrug 0 2\tü𝒙\r\n", durable)
    assert path.read_bytes() == "T1\tDrug 0 2\tü𝒙\r\n".encode()
    write_atomically(path, b"\x00\xff", durable)
    assert path.read_bytes() == b"\x00\xff"
    assert [p.name for p in path.parent.iterdir()] == ["note.ann"]


def test_a_file_has_the_mode_that_open_gives(tmp_path):
    write_atomically(tmp_path / "ours", "x")
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path, monkeypatch, moment):
    path = tmp_path / "model.bin"
    write_atomically(path, b"good")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, moment, full)
    with pytest.raises(InputError, match=r"cannot write .*model\.bin: No space left on device; "):
        write_atomically(path, b"half")
    assert path.read_bytes() == b"good"
    assert [p.name for p in tmp_path.iterdir()] == ["model.bin"]


def test_an_interrupt_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "model.bin"
    write_atomically(path, b"good")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"half")
    assert path.read_bytes() == b"good"
    assert [p.name for p in tmp_path.iterdir()] == ["model.bin"]


def test_a_file_where_a_folder_is_needed_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"cannot write .*file/inside"):
        write_atomically(tmp_path / "file" / "inside", "x")
