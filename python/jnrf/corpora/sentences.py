"""Documents as sequences of words with labelled ranges, which token JSON and columns both hold.

Reading: the words of a file, joined by single spaces, are the text. Writing: the text alone decides
where words are (``WORDS``), and a mention covers every word that it touches. Words cut at the edges
of mentions would tell a model where mentions are, in training and in tests. What such a file cannot
hold is counted by kind, in words, and told to the caller.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from jnrf.corpora.brat import check_file_name
from jnrf.corpora.tags import Range
from jnrf_ext.documents.document import Document, Mention
from jnrf_ext.errors import InputError
from jnrf_ext.text.words import word_spans

#: Ways to find the words of a text: "split" by :func:`jnrf_ext.text.words.word_spans`, punctuation
#: apart; "spaces" takes what stands between white space.
WORDS = ("split", "spaces")

_WORD = re.compile(r"\S+")
_PLACE = re.compile(r"(.+)-(\d{4,})")


def place_ids(stem: str, count: int) -> list[str]:
    """The ids of a file's sentences by their places, from 1: ``test-0001``, ``test-0002``, ...

    As many digits as the last one needs, at least four, so that sorting keeps the order.
    """
    width = max(4, len(str(count)))
    return [f"{stem}-{number:0{width}d}" for number in range(1, count + 1)]


def by_file(documents: Iterable[Document]) -> dict[str, list[Document]]:
    """Documents by the name of the file that their ids speak of, in their order.

    ``test-0001`` and ``test-0002`` came from a file ``test``; another id is a file of its own.
    """
    files: dict[str, list[Document]] = {}
    for document in documents:
        place = _PLACE.fullmatch(document.id)
        files.setdefault(place[1] if place else document.id, []).append(document)
    return files


def to_document(id: str, words: list[str], ranges: Iterable[Range]) -> Document:
    """The document of these words: mentions T1, T2, ... are the ``ranges``, in their order."""
    text = " ".join(words)
    document = Document(id, text)
    ends: list[int] | None = None
    for number, (first, last, type) in enumerate(ranges, 1):
        if ends is None:
            # Sums of the lengths, each word with the space after it.
            ends = list(accumulate(len(word) + 1 for word in words))
        start, end = (ends[first - 1] if first else 0), ends[last - 1] - 1
        document.mentions.append(Mention(f"T{number}", type, ((start, end),), text[start:end]))
    if text.split() != words:
        spaced = sum(word.split() != [word] for word in words)
        document.warnings["token with white space in it (read as several words)"] = spaced
    return document


@dataclass(slots=True)
class Sentence:
    """A document as words. ``row_of`` has the row in ``ranges`` of each mention, by its id.

    Ranges are distinct; mentions that share range and type share a row.
    """

    words: list[str]
    ranges: list[Range]
    row_of: dict[str, int]


def to_sentence(document: Document, lost: Counter[str], words: str = "split") -> Sentence:
    """Words and ranges of a document; ``lost`` counts what changes on the way.

    ``words`` is one of ``WORDS``.
    """
    starts, ends = _words(document.text, lost, words)
    text = document.text
    rows: dict[Range, int] = {}
    row_of: dict[str, int] = {}
    for mention in document.mentions:
        first, last = bisect_right(ends, mention.start), bisect_left(starts, mention.end)
        if first >= last:
            lost["mention without a word"] += 1
            continue
        if len(mention.fragments) > 1:
            lost["discontinuous mention (written as its hull)"] += 1
        if starts[first] < mention.start or ends[last - 1] > mention.end:
            lost["mention that starts or ends inside a word (written with the whole word)"] += 1
        if starts[first] > mention.start or ends[last - 1] < mention.end:
            lost["white space at the edge of a mention"] += 1
        key = (first, last, mention.type)
        if key in rows:
            lost["mention equal to another (written once)"] += 1
        row_of[mention.id] = rows.setdefault(key, len(rows))
    _count_other_annotations(document, lost)
    spelled = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    return Sentence(spelled, list(rows), row_of)


def _words(text: str, lost: Counter[str], words: str) -> tuple[list[int], list[int]]:
    """Where each word starts and ends."""
    if words not in WORDS:
        raise InputError(f"words is {words!r}; choose one of {', '.join(WORDS)}")
    if " ".join(text.split()) != text:
        lost["text whose white space became single spaces"] += 1
    if words == "spaces":
        bounds = [match.span() for match in _WORD.finditer(text)]
        return [start for start, _ in bounds], [end for _, end in bounds]
    starts, ends = (bounds.tolist() for bounds in word_spans(text))
    cuts = sum(end == start for end, start in zip(ends, starts[1:], strict=False))
    lost["space put between a word and what touches it, such as punctuation"] += cuts
    return starts, ends


def _count_other_annotations(document: Document, lost: Counter[str]) -> None:
    lost["n-ary relation"] += len(document.equivalences)
    lost["event"] += len(document.events)
    lost["attribute"] += len(document.attributes)
    lost["normalization"] += len(document.normalizations)
    lost["note"] += len(document.notes)


def files_to_write(
    documents: Sequence[Document], path: Path, suffixes: Sequence[str]
) -> list[tuple[Path, list[Document]]]:
    """Which documents go into which file: all into ``path``, or, in a folder, :func:`by_file`.

    ``path`` is a folder unless its name ends in one of ``suffixes``; files there get the first one.
    Raises :class:`InputError` where a file stands in the folder's place, and for an id that cannot
    name a file.
    """
    if path.suffix.lower() in suffixes:
        return [(path, list(documents))]
    if path.is_file():
        raise InputError(
            f"{path} is a file; give a folder, or a name that ends in {' or '.join(suffixes)}"
        )
    files = by_file(documents)
    for name in files:
        check_file_name(name, set())
    return [(path / f"{name}{suffixes[0]}", group) for name, group in files.items()]
