"""What was decoded, as columns, and the mentions and relations of documents made from them.

Objects are made in C++ (``csrc/text/bindings/found.cpp``), hundreds a note in one call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from jnrf_ext import _text
from jnrf_ext.documents.document import Document, Mention, Relation


@dataclass(slots=True, frozen=True, eq=False)
class Spans:
    """The mentions of one document, in order; numpy arrays of one length M.

    Iterating gives each as (type, first, last_exclusive), with the score where there are scores.
    """

    names: list[str]  #: the types that ``kinds`` are indices into
    kinds: np.ndarray  #: int64
    first: np.ndarray  #: int64, the first row
    last: np.ndarray  #: int64, one past the last row
    scores: np.ndarray | None = None  #: float64

    @classmethod
    def of_tuples(cls, spans: Sequence[tuple]) -> Spans:
        """Inverse of iterating."""
        kinds, first, last, *scores = zip(*spans, strict=True) if spans else ((), (), ())
        number = {name: index for index, name in enumerate(dict.fromkeys(kinds))}
        return cls(
            list(number),
            np.array([number[kind] for kind in kinds], np.int64),
            np.array(first, np.int64),
            np.array(last, np.int64),
            np.array(scores[0], np.float64) if scores else None,
        )

    def __len__(self) -> int:
        return len(self.kinds)

    def __iter__(self) -> Iterator[tuple]:
        columns = [[self.names[kind] for kind in self.kinds.tolist()]]
        columns += [self.first.tolist(), self.last.tolist()]
        if self.scores is not None:
            columns.append(self.scores.tolist())
        return zip(*columns, strict=True)

    def mentions(self, text: str, starts: np.ndarray, ends: np.ndarray) -> list[Mention]:
        """Mentions T1, T2, ... of a text whose rows have the characters [starts, ends)."""
        return _text.make_mentions(
            Mention, text, starts, ends, self.names, self.kinds, self.first, self.last, self.scores
        )


def set_relations(
    documents: Sequence[Document],
    spans: Sequence[Spans],
    head: np.ndarray,
    tail: np.ndarray,
    kind: np.ndarray,
    scores: np.ndarray,
    names: list[str],
) -> None:
    """Give documents their relations R1, R2, ... in the order of the columns, int64 ``[K]``.

    ``head`` and ``tail`` count the mentions of all documents on end, each pair within a document,
    which has the mentions T1, T2, ... of its ``spans``. ``kind`` are indices into ``names``.
    """
    counts = np.array([len(found) for found in spans], np.int64)
    owner = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
    made = _text.make_relations(
        Relation, len(documents), owner, number, names, head, tail, kind, scores
    )
    for document, relations in zip(documents, made, strict=True):
        document.relations = relations
