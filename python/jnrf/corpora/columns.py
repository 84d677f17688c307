"""BIO columns in and out, the format of CoNLL shared tasks and BioNER corpora.

A token a line: the token is the first column, its tag the last, tabs or spaces between. A blank
line ends a sentence, which is one document; its text is the tokens joined by single spaces, its id
the file's name and the place in it (``test-0007``), or what a line ``# sent_id = ID`` before it
says, as in CoNLL-U. Such files hold mentions only.

Lines end as :func:`jnrf.corpora.lines.split_lines` has it. A line that starts with ``#`` is a row
if it has a tab; without a tab, it is a row if it ends in a tag and has as many columns as the
file's first line that does not start with ``#`` (two, if there is none). Else it is a comment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jnrf.corpora.brat import read_text
from jnrf.corpora.gold_cuts import warn_of_gold_cuts
from jnrf.corpora.lines import split_lines
from jnrf.corpora.sentences import (
    Range,
    files_to_write,
    place_ids,
    to_document,
    to_sentence,
)
from jnrf.corpora.tags import PARTS, is_tag, ranges_of
from jnrf_ext.documents.brat_names import BratNames
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically
from jnrf_ext.shown import shown
from jnrf_ext.text.tagging import encode_tags

SUFFIXES = (".tsv", ".conll", ".bio", ".iob", ".iob2", ".iobes", ".bioes")
SCHEMES = ("bio", "iobes")

_SPACES = re.compile(" +")
_SENT_ID = re.compile(r"#\s*sent_id\s*=\s*(\S.*)")
_DOCSTART = "-DOCSTART-"
_DOCSTART_LEFT_OUT = "-DOCSTART- line (left out)"
_COMMENT_LEFT_OUT = "comment line (left out)"


def is_columns(path: Path) -> bool:
    """Whether the name says that a file holds columns."""
    return path.suffix.lower() in SUFFIXES


@dataclass(slots=True)
class _Block:
    """The lines between two blank ones."""

    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    id: str | None = None
    #: How many lines were left out before its end, by kind
    skipped: Counter[str] = field(default_factory=Counter)


def read_columns(path: str | Path, *more: str | Path) -> list[Document]:
    """The sentences of a file, or of several as one corpus, in their order.

    Tags are BIO, or IOBES (S- a mention of one token, E- the last token of a longer one), BILOU or
    BMES, which spell the same with other letters; an I- or E- that continues no mention of its type
    starts one, as in IOB1. ``-DOCSTART-`` lines and comments are left out, and counted in
    ``Document.warnings`` of the sentence after them. Raises :class:`InputError` naming file and
    line for a line of one column and for another tag.
    """
    documents = [document for file in (path, *more) for document in _read(Path(file))]
    warn_of_gold_cuts(documents)
    return documents


def _read(path: Path) -> list[Document]:
    blocks = _blocks(read_text(path).removeprefix("\ufeff"), path)
    ids = place_ids(path.name.removesuffix(path.suffix), len(blocks))
    documents = []
    for block, id in zip(blocks, ids, strict=True):
        document = to_document(block.id or id, block.words, ranges_of(block.tags))
        document.warnings.update(block.skipped)
        documents.append(document)
    return documents


def _blocks(content: str, path: Path) -> list[_Block]:
    blocks = []
    block = _Block()
    known: set[str] = set()
    lines = split_lines(content)
    columns = None  # of a row, once that has to be known
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            if block.words or block.id is not None:
                blocks.append(block)
                block = _Block()
            continue
        if line[0] == "#" and "\t" not in line:
            if match := _SENT_ID.fullmatch(line.rstrip()):
                block.id = match[1]
                continue
            if columns is None:
                columns = _columns_of(lines)
            fields = _fields(line)
            if len(fields) != columns or not is_tag(fields[-1]):
                block.skipped[_COMMENT_LEFT_OUT] += 1
                continue
        token, tag = _token_and_tag(line)
        if line.startswith(_DOCSTART) and token.split()[0] == _DOCSTART:
            if block.words:
                blocks.append(block)
                block = _Block()
            block.skipped[_DOCSTART_LEFT_OUT] += 1
            continue
        if tag not in known:
            if not is_tag(tag):
                raise _fault(path, number, line, tag)
            known.add(tag)
        if not token:
            raise InputError(f"{path}:{number}: no token before the tag; write token, tab, tag")
        block.words.append(token)
        block.tags.append(tag)
    if block.words or block.id is not None:
        blocks.append(block)
    elif block.skipped and blocks:
        blocks[-1].skipped += block.skipped
    return blocks


def _fields(line: str) -> list[str]:
    """The columns of a line: between tabs if it has one, else between spaces."""
    # Not split(): a space that does not break is part of a token.
    return line.split("\t") if "\t" in line else _SPACES.split(line.strip(" "))


def _token_and_tag(line: str) -> tuple[str, str]:
    """The first and the last column; the tag is empty where there is one column alone."""
    token, tab, rest = line.partition("\t")
    if tab:
        return token, rest.rpartition("\t")[2].strip(" ")
    fields = _fields(line)
    return fields[0], fields[-1] if len(fields) > 1 else ""


def _columns_of(lines: list[str]) -> int:
    """How many columns the first line has that cannot be a comment; 2 if there is none."""
    rows = (line for line in lines if line and not line.isspace() and line[0] != "#")
    return next((len(_fields(line)) for line in rows if not line.startswith(_DOCSTART)), 2)


def _fault(path: Path, number: int, line: str, tag: str) -> InputError:
    if not tag:
        what, remedy = f"no tag in a line of {len(line):,} characters", "write token, tab, tag"
    elif tag[0] in PARTS and tag[1:] in ("", "-"):
        what, remedy = f"the tag {tag!r} names no type", f"write {tag[0]}-Type"
    else:
        what, remedy = (
            f"a tag of {len(tag):,} characters is not known",
            "write O, or B-, I-, E- or S-Type",
        )
        if line[0] == "#":
            remedy += ", or a comment without tabs"
    return InputError(f"{path}:{number}: {what}; {remedy}")


def write_columns(
    documents: Iterable[Document],
    path: str | Path,
    scheme: str = "bio",
    durable: bool = True,
    words: str = "split",
) -> Counter[str]:
    """Write documents as columns; returns what the format cannot hold, counted by kind.

    All into ``path`` when its name is that of a file of columns, else into a folder, one .tsv for
    each file that the ids name (:func:`jnrf.corpora.sentences.by_file`). ``words`` are found as
    :data:`jnrf.corpora.sentences.WORDS` says; a mention covers every word that it touches, white
    space becomes single spaces, a discontinuous mention its hull; of mentions that overlap the
    longest stays, and white space in a type is ``_``. A ``# sent_id`` line is written where the
    place does not give the id, and for a document without words. ``scheme``: "bio" or "iobes";
    ``durable`` is that of :func:`jnrf_ext.files.write_atomically`.
    """
    if scheme not in SCHEMES:
        raise InputError(f"scheme is {scheme!r}; choose one of {', '.join(SCHEMES)}")
    lost: Counter[str] = Counter()
    documents = list(documents)
    # Two types that would become one are told before anything is written.
    names = BratNames(("entity type", m.type) for d in documents for m in d.mentions)
    for file, group in files_to_write(documents, Path(path), SUFFIXES):
        lines: list[str] = []
        for document, id in zip(group, place_ids(file.stem, len(group)), strict=True):
            rows = _rows(document, scheme, lost, words, names)
            if document.id != id or not rows:
                lines.append(_id_line(document.id))
            lines += rows
            lines.append("")
        write_atomically(file, "".join(f"{line}\n" for line in lines), durable)
    return +lost + names.changed


def _id_line(id: str) -> str:
    if id != id.strip() or not id or any(c in id for c in "\t\r\n"):
        raise InputError(f"columns cannot hold the document id {shown(id)!r}; rename the document")
    return f"# sent_id = {id}"


def _rows(
    document: Document, scheme: str, lost: Counter[str], words: str, names: BratNames
) -> list[str]:
    sentence = to_sentence(document, lost, words)
    lost["relation"] += len(document.relations)
    if _DOCSTART in sentence.words:
        raise InputError(
            f"columns cannot hold the word {_DOCSTART} of document {shown(document.id)!r}, which "
            "begins a file there; write brat or JSON"
        )
    tags = ["O"] * len(sentence.words)
    for first, last, type in _without_overlaps(document, sentence.ranges, len(tags), lost):
        type = names.name("entity type", type)
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
    if "" in types:
        raise InputError(
            f"document {shown(document.id)!r}: a mention has an empty type, which columns cannot "
            "hold; name it"
        )
    labels = ["O", *(f"{part}-{type}" for type in sorted(set(types)) for part in "BI")]
    bounds = np.array([entity[:2] for entity in ranges], np.int64)
    _, kept = encode_tags(length, bounds[:, 0], bounds[:, 1], types, labels)
    lost["overlapping mention"] += len(ranges) - int(kept.sum())
    return [entity for entity, stays in zip(ranges, kept.tolist(), strict=True) if stays]
