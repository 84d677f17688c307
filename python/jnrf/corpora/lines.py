"""The lines of a text file, whichever system wrote it."""

from __future__ import annotations

import re

# Windows' text mode turns "\r\n" into "\r\r\n" when a file goes through it twice.
_LINE_END = re.compile(r"\r{0,2}\n|\r")


def split_lines(content: str) -> list[str]:
    r"""The lines of ``content``, without their ends.

    A line ends at ``\n``, ``\r\n`` or ``\r``, and one file may mix them; ``\r\r\n`` is one end too.
    Nothing else ends a line: U+2028, form feeds and the like are characters of it.
    """
    return _LINE_END.split(content) if "\r" in content else content.split("\n")
