"""Annotation files say the same whatever ends their lines, and with a \\r inside a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.corpora.brat_lines import AnnotationFile
from jnrf.corpora.line_ends import split_lines
from jnrf_ext.documents.document import Document
from jnrf_ext.documents.standoff import to_brat

LINE_ENDS = ("\n", "\r\n", "\r")


def parsed(content: str, text: str) -> Document:
    document = Document("d", text)
    AnnotationFile([("d.ann", content)], document, "raise").fill("count")
    return document


@pytest.mark.parametrize("end", LINE_ENDS)
def test_each_line_end_ends_a_line(end):
    assert split_lines(f"T1\tX 0 1\ta{end}{end}R1\tX A:T1 B:T1{end}") == [
        "T1\tX 0 1\ta",
        "",
        "R1\tX A:T1 B:T1",
        "",
    ]


def test_a_carriage_return_inside_a_line_stays_there():
    content = "T1\tX 0 12;13 21\tDate: today\r From: me\nT2\tX 0 1\ta\r\n"
    assert split_lines(content) == ["T1\tX 0 12;13 21\tDate: today\r From: me", "T2\tX 0 1\ta", ""]


@pytest.mark.parametrize("spans", ["0 12;13 21", "0 21", "0 20"])
def test_it_stays_there_too_where_lines_end_in_carriage_returns(spans):
    content = f"T1\tX {spans}\tDate: today\r From: me\rT2\tX 0 1\ta\r"
    assert split_lines(content)[0] == f"T1\tX {spans}\tDate: today\r From: me"
    assert split_lines(content)[1:] == ["T2\tX 0 1\ta", ""]


@pytest.mark.parametrize("wrong", [" T3\tX 0 1\ta", "Q1\tX", "T3 X 0 1 a"])
@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_wrong_line_is_no_part_of_the_mention_before_it(wrong, end):
    assert split_lines(end.join(["T1\tX 0 1\ta", wrong, "T2\tX 0 1\ta"]))[1] == wrong


def test_a_mention_over_a_crlf_agrees_with_its_text(tmp_path):
    document = parsed("T1\tX 0 12;13 21\tDate: today\r From: me\n", "Date: today\r\nFrom: me")
    assert document.mentions[0].text == "Date: today  From: me"
    assert not document.warnings


words = st.text("ab é", min_size=1, max_size=6).filter(str.strip)


@st.composite
def notes(draw) -> tuple[str, list[str]]:
    """A text with \\r\\n line ends, and lines about it as brat writes them."""
    text = "\r\n".join(draw(st.lists(words, min_size=2, max_size=5)))
    lines = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        # brat makes a space of \n alone. A \r that ends a mention cannot be told from a line end.
        said = text[start:end].replace("\n", " ")
        if "\r" in (said[0], said[-1]):
            continue
        lines.append(f"T{number}\tX {start} {end}\t{said}")
    if lines:
        first = lines[0].partition("\t")[0]
        lines.append(f"R1\tIs Arg1:{first} Arg2:{first}")
        lines.append(f"#1\tNote {first}\tsure?")
    return text, lines


@given(notes(), st.data())
def test_any_line_ends_give_the_same_document(note, data):
    text, lines = note
    ends = st.one_of(
        *(st.just([end] * len(lines)) for end in LINE_ENDS),
        st.lists(st.sampled_from(LINE_ENDS), min_size=len(lines), max_size=len(lines)),
    )
    chosen = data.draw(ends)
    content = "".join(line + end for line, end in zip(lines, chosen, strict=True))
    expected = parsed("".join(f"{line}\n" for line in lines), text)
    assert len(expected.mentions) == sum(line.startswith("T") for line in lines)
    found = parsed(content, text)
    assert to_brat(found) == to_brat(expected)
    assert not found.warnings
