"""Lines end as any system ends them, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.corpora.lines import split_lines

_LINES = st.lists(st.text("ab\u2028\x0b\x0c\x85\x1c ", min_size=1, max_size=3), min_size=1)


@given(_LINES, st.data())
def test_any_mix_of_line_ends_gives_the_same_lines(lines, data):
    ends = st.sampled_from(("\n", "\r\n", "\r", "\r\r\n"))
    content = "".join(line + data.draw(ends) for line in lines)
    assert split_lines(content) == [*lines, ""]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\r\rb", ["a", "", "b"]),
        ("a\r\n\r\nb", ["a", "", "b"]),
        ("a\n\rb\r", ["a", "", "b", ""]),
    ],
)
def test_empty_lines_are_lines(content, lines):
    assert split_lines(content) == lines
