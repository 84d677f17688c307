"""BIO columns in and out, the format of CoNLL shared tasks and BioNER corpora.

A token a line: the token is the first column, its tag the last, tabs or spaces between. A blank
line ends a sentence, which is one document; its text is the tokens joined by single spaces, its id
the file's name and the place in it (``test-0007``), or what a line ``# sent_id = ID`` before it
says, as in CoNLL-U. Such files hold mentions only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jnrf.corpora.brat import read_text
from jnrf.corpora.sentences import (
    Range,
    check_type,
    files_to_write,
    place_ids,
    to_document,
    to_sentence,
)
from jnrf_ext.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically
from jnrf_ext.shown import shown
from jnrf_ext.tagging import encode_tags

SUFFIXES = (".tsv", ".conll", ".bio", ".iob", ".iob2", ".iobes", ".bioes")
SCHEMES = ("bio", "iobes")

_TAG = re.compile(r"O|[BIES]-\S.*")
_SPACES = re.compile(r"[ \t]+")
_SENT_ID = re.compile(r"#\s*sent_id\s*=\s*(\S.*)")
_DOCSTART = "-DOCSTART-"


def is_columns(path: Path) -> bool:
    """Whether the name says that a file holds columns."""
    return path.suffix in SUFFIXES


@dataclass(slots=True)
class _Block:
    """The lines between two blank ones."""

    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    id: str | None = None
    skipped: int = 0


def read_columns(path: str | Path) -> list[Document]:
    """The sentences of a file, in its order.

    Tags are BIO, or IOBES (S- a mention of one token, E- the last token of a longer one); an I- or
    E- that continues no mention of its type starts one, as in IOB1. ``-DOCSTART-`` lines are
    counted in ``Document.warnings`` of the sentence after them and left out, and so are comments:
    lines that start with ``#`` and end in no tag. Raises :class:`InputError` naming file and line
    for a line of one column and for another tag.
    """
    path = Path(path)
    blocks = _blocks(read_text(path).removeprefix("\ufeff"), path)
    ids = place_ids(path.name.removesuffix(path.suffix), len(blocks))
    documents = []
    for block, id in zip(blocks, ids, strict=True):
        document = to_document(block.id or id, block.words, ranges_of(block.tags))
        if block.skipped:
            document.warnings["-DOCSTART- line (left out)"] = block.skipped
        documents.append(document)
    return documents


def _blocks(content: str, path: Path) -> list[_Block]:
    blocks = []
    block = _Block()
    known: set[str] = set()
    for number, line in enumerate(content.split("\n"), 1):
        if not line or line.isspace():
            if block.words or block.id is not None:
                blocks.append(block)
                block = _Block()
            continue
        token, between, tag = line.rstrip("\r").partition("\t")
        if between:
            tag = tag.rpartition("\t")[2].strip(" ")
        elif line[0] == "#" and (match := _SENT_ID.fullmatch(token.rstrip())):
            block.id = match[1]
            continue
        else:
            # Not split(): a space that does not break is part of a token.
            fields = _SPACES.split(token.strip(" "))
            token, tag = fields[0], fields[-1] if len(fields) > 1 else ""
        docstart = line.startswith(_DOCSTART) and token.split()[0] == _DOCSTART
        if not docstart and tag not in known:
            if _TAG.fullmatch(tag):
                known.add(tag)
            elif line[0] == "#":
                continue
            else:
                raise _fault(path, number, line, tag)
        if docstart:
            skipped = block.skipped + 1
            if block.words:
                blocks.append(block)
                block = _Block()
                skipped = 1
            block.skipped = skipped
        elif not token:
            raise InputError(f"{path}:{number}: no token before the tag; write token, tab, tag")
        else:
            block.words.append(token)
            block.tags.append(tag)
    if block.words or block.id is not None:
        blocks.append(block)
    elif block.skipped and blocks:
        blocks[-1].skipped += block.skipped
    return blocks


def _fault(path: Path, number: int, line: str, tag: str) -> InputError:
    if not tag:
        what, remedy = f"no tag in a line of {len(line):,} characters", "write token, tab, tag"
    elif tag[0] in "BIES" and tag[1:] in ("", "-"):
        what, remedy = f"the tag {tag!r} names no type", f"write {tag[0]}-Type"
    else:
        what, remedy = (
            f"a tag of {len(tag):,} characters is not known",
            "write O, or B-, I-, E- or S-Type",
        )
    return InputError(f"{path}:{number}: {what}; {remedy}")


def ranges_of(tags: Iterable[str]) -> list[Range]:
    """The mentions that BIO or IOBES tags spell: (first, one past the last, type)."""
    ranges: list[Range] = []
    start, type = 0, ""  # of the mention that is open, if any
    position = -1
    for position, tag in enumerate(tags):
        if tag == "O":
            if type:
                ranges.append((start, position, type))
                type = ""
            continue
        part, name = tag[0], tag[2:]
        if type and (part in "BS" or name != type):
            ranges.append((start, position, type))
            type = ""
        if not type:
            start, type = position, name
        if part in "ES":
            ranges.append((start, position + 1, type))
            type = ""
    if type:
        ranges.append((start, position + 1, type))
    return ranges


def write_columns(
    documents: Iterable[Document],
    path: str | Path,
    scheme: str = "bio",
    durable: bool = True,
) -> Counter[str]:
    """Write documents as columns; returns what the format cannot hold, counted by kind.

    All into ``path`` when its name is that of a file of columns, else into a folder, one .tsv for
    each file that the ids name (:func:`jnrf.corpora.sentences.by_file`). Words are cut at the edges
    of mentions, white space becomes single spaces, a discontinuous mention its hull; of mentions
    that overlap the longest stays. A ``# sent_id`` line is written where the place does not give
    the id, and for a document without words. ``scheme``: "bio" or "iobes"; ``durable`` is that of
    :func:`jnrf_ext.files.write_atomically`.
    """
    if scheme not in SCHEMES:
        raise InputError(f"scheme is {scheme!r}; choose one of {', '.join(SCHEMES)}")
    lost: Counter[str] = Counter()
    for file, group in files_to_write(list(documents), Path(path), SUFFIXES):
        lines: list[str] = []
        for document, id in zip(group, place_ids(file.stem, len(group)), strict=True):
            rows = _rows(document, scheme, lost)
            if document.id != id or not rows:
                lines.append(_id_line(document.id))
            lines += rows
            lines.append("")
        write_atomically(file, "".join(f"{line}\n" for line in lines), durable)
    return +lost


def _id_line(id: str) -> str:
    if id != id.strip() or not id or any(c in id for c in "\t\r\n"):
        raise InputError(f"columns cannot hold the document id {shown(id)!r}; rename the document")
    return f"# sent_id = {id}"


def _rows(document: Document, scheme: str, lost: Counter[str]) -> list[str]:
    sentence = to_sentence(document, lost)
    lost["relation"] += len(document.relations)
    if _DOCSTART in sentence.words:
        raise InputError(
            f"columns cannot hold the word {_DOCSTART} of document {shown(document.id)!r}, which "
            "begins a file there; write brat or JSON"
        )
    tags = ["O"] * len(sentence.words)
    for first, last, type in _without_overlaps(document, sentence.ranges, len(tags), lost):
        tags[first:last] = [f"B-{type}"] + [f"I-{type}"] * (last - first - 1)
        if scheme == "iobes":
            tags[last - 1] = f"{'S' if last - first == 1 else 'E'}-{type}"
    return [f"{word}\t{tag}" for word, tag in zip(sentence.words, tags, strict=True)]


def _without_overlaps(
    document: Document, ranges: list[Range], length: int, lost: Counter[str]
) -> list[Range]:
    if not ranges:
        return ranges
    types = [type for _, _, type in ranges]
    for type in set(types):
        check_type(document, type)
    labels = ["O", *(f"{part}-{type}" for type in sorted(set(types)) for part in "BI")]
    bounds = np.array([entity[:2] for entity in ranges], np.int64)
    _, kept = encode_tags(length, bounds[:, 0], bounds[:, 1], types, labels)
    lost["overlapping mention"] += len(ranges) - int(kept.sum())
    return [entity for entity, stays in zip(ranges, kept.tolist(), strict=True) if stays]
