"""From annotated pieces of text to a laid-out document with exact offsets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.documents.mention_text import fragments_text


class Piece(NamedTuple):
    """Some text, a mention if it has a type. ``drugs`` name the drugs that it belongs to."""

    text: str
    type: str = ""
    drugs: tuple[str, ...] = ()


@dataclass(slots=True)
class Block:
    """A paragraph or a line: pieces, and how much space follows."""

    pieces: list[Piece]
    ending: str = "\n"
    words: int = field(init=False)

    def __post_init__(self) -> None:
        self.words = len("".join(piece.text for piece in self.pieces).split())


def lay_out(id: str, blocks: list[Block], width: int | None) -> Document:
    """The document of these blocks, lines broken at ``width`` as the notes of a ward are.

    A mention over a line break comes in two fragments, as brat writes it. Each X with ``drugs``
    is related (X-Drug) to the nearest mention of each such drug in its block.
    """
    text: list[str] = []
    length = 0
    spans: list[tuple[int, int, str]] = []
    links: list[tuple[int, int]] = []
    for block in blocks:
        in_block: list[tuple[int, Piece]] = []
        for piece in block.pieces:
            if piece.type:
                in_block.append((len(spans), piece))
                spans.append((length, length + len(piece.text), piece.type))
            text.append(piece.text)
            length += len(piece.text)
        text.append(block.ending)
        length += len(block.ending)
        links += _links(in_block, spans)
    laid_out = _wrap("".join(text), width)
    mentions = []
    for number, (start, end, type) in enumerate(spans, 1):
        lines = re.finditer(r"[^\n]+", laid_out[start:end])
        fragments = tuple((start + line.start(), start + line.end()) for line in lines)
        said = fragments_text(laid_out, fragments)
        mentions.append(Mention(f"T{number}", type, fragments, said))
    relations = [
        Relation(f"R{number}", f"{spans[head][2]}-Drug", f"T{head + 1}", f"T{tail + 1}")
        for number, (head, tail) in enumerate(links, 1)
    ]
    return Document(id, laid_out, mentions, relations)


def _links(
    in_block: list[tuple[int, Piece]], spans: list[tuple[int, int, str]]
) -> list[tuple[int, int]]:
    links = []
    for head, piece in in_block:
        if piece.type == "Drug":
            continue
        for drug in piece.drugs:
            tails = [n for n, other in in_block if other.type == "Drug" and drug in other.drugs]
            links.append((head, min(tails, key=lambda n: abs(spans[n][0] - spans[head][0]))))
    return links


def _wrap(text: str, width: int | None) -> str:
    """Turn spaces into line breaks so that lines fit; no character moves."""
    if width is None:
        return text
    lines = []
    for line in text.split("\n"):
        while len(line) > width:
            at = line.rfind(" ", 1, width + 1)
            at = at if at > 0 else line.find(" ", width)
            if at < 0:
                break
            lines.append(line[:at])
            line = line[at + 1 :]
        lines.append(line)
    return "\n".join(lines)
