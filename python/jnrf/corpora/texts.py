"""Texts of files: UTF-8 or an error that says what the file is instead."""

from __future__ import annotations

import codecs
import shlex
import stat
from pathlib import Path

from jnrf_ext.errors import InputError

#: Byte order marks of other encodings than UTF-8. The one of UTF-16 begins one of UTF-32.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: How many bytes are looked at for every other one being zero, and how many there must be.
_LOOKED_AT, _ENOUGH = 4096, 32
_SPECIAL = (
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file as it is, line ends included.

    Raises :class:`InputError` for a file that cannot be read, one in another encoding, and for
    what is no file: a folder, and a pipe, socket or device, which might never end.
    """
    try:
        check_is_file(path)
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no file {path}; check the path") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check its permissions") from None
    if (other := other_encoding(data)) is not None:
        raise InputError(f"{path}: {other.upper()}, not UTF-8; {conversion(other, path)}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: not UTF-8: byte 0x{data[error.start]:02x} at position {error.start}; "
            f"{conversion('latin1', path)}"
        ) from None


def check_is_file(path: Path) -> None:
    """Raise :class:`InputError` for a folder, pipe, socket or device; OSError for a missing file.

    To be asked before a file is opened: opening a pipe waits for whoever writes to it.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a folder; a file is needed there")
    for is_kind, name in _SPECIAL:
        if is_kind(mode):
            raise InputError(f"{path} is a {name}, not a file; write its content into a file")


def other_encoding(data: bytes) -> str | None:
    """iconv's name of the encoding that the bytes of a text are in, where that is seen.

    A byte order mark shows it, and so does every other byte being zero, as in UTF-16 without one;
    bytes that say neither may be UTF-8, and give None.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    head = data[:_LOOKED_AT]
    if len(head) < _ENOUGH:
        return None
    first, second = (head[at::2].count(0) / (len(head) // 2) for at in (0, 1))
    if second > 0.9 > 0.1 > first:
        return "utf-16le"
    if first > 0.9 > 0.1 > second:
        return "utf-16be"
    return None


def conversion(encoding: str, path: Path, packed: bool = False) -> str:
    """A command that makes a UTF-8 copy of a file; unpacked, where gzip made it."""
    copy = path.with_suffix("") if packed else path
    old, new = (shlex.quote(name) for name in (str(path), f"{copy}.utf8"))
    iconv = f"iconv -f {encoding} -t utf-8"
    command = f"zcat {old} | {iconv} > {new}" if packed else f"{iconv} {old} > {new}"
    if not command.isprintable():
        command = iconv
    return f"convert the file, e.g. {command}"
