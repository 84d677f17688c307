"""What bytes that are not UTF-8 text most likely are, and how to convert them."""

from __future__ import annotations

#: Byte order marks, those that begin like another before it
_MARKS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
#: Bytes that are looked at
_SAMPLE = 4096


def wide_encoding(data: bytes) -> str | None:
    """The name of an encoding of two or four bytes a character that bytes are in, or None.

    A byte order mark says so, or NUL bytes in every second place, as Western text has them. Such
    text without a mark is UTF-8 too, by the letter, with NUL characters that nobody meant.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    sample = data[:_SAMPLE]
    if b"\0" not in sample:
        return None
    even, odd = sample[::2], sample[1::2]
    for nuls, others, name in ((odd, even, "utf-16le"), (even, odd, "utf-16be")):
        if 2 * nuls.count(0) > len(nuls) and not others.count(0):
            return name
    return None


def how_to_convert(data: bytes, name: str) -> str:
    """The command that makes UTF-8 of a file of that name, as an error message has it."""
    return f"convert the file, e.g. iconv -f {wide_encoding(data) or 'latin1'} -t utf-8 {name}"
