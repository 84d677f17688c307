"""Entity-level strict scores, the metric of BioNER corpora and CoNLL shared tasks.

An entity is right when its type and both of its boundaries are. The definition, on BIO sequences
too, is that of conlleval and of seqeval's default mode (github.com/chakki-works/seqeval).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from jnrf.scoring.items import count_equal, paired
from jnrf.scoring.scores import TypeScores
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.schema import OUTSIDE
from jnrf_ext.text.tagging import decode_tags


def score_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> TypeScores:
    """Scores of BIO sequences ("O", "B-Drug", "I-Drug"), a sentence or document each.

    Raises :class:`InputError` when two sequences that belong together differ in length, or for a
    label of another shape.
    """
    for number, (ours, theirs) in enumerate(zip(gold, predicted, strict=False)):
        if len(ours) != len(theirs):
            raise InputError(
                f"sequence {number}: {len(ours)} gold and {len(theirs)} predicted labels; give one "
                f"label a token on both sides"
            )
    return score_spans([spans_of(tags) for tags in gold], [spans_of(tags) for tags in predicted])


def score_spans(
    gold: Sequence[Iterable[tuple[str, int, int]]],
    predicted: Sequence[Iterable[tuple[str, int, int]]],
) -> TypeScores:
    """Scores of (type, start, end) spans, one collection a sentence or document."""
    sides = [[[(t, (s, e)) for t, s, e in spans] for spans in side] for side in (gold, predicted)]
    return count_equal(*sides)


def score(gold: Sequence[Document], predicted: Sequence[Document]) -> TypeScores:
    """Scores of documents' mentions, which correspond by id; every fragment has to be equal."""
    pairs = paired(gold, predicted)
    return count_equal(
        [[(m.type, m.fragments) for m in document.mentions] for document, _ in pairs],
        [[(m.type, m.fragments) for m in document.mentions] for _, document in pairs],
    )


def spans_of(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """The (type, first, one past the last) spans of a BIO sequence.

    An I- that does not continue a span of its type starts one.
    """
    labels = [OUTSIDE, *sorted(set(tags) - {OUTSIDE})]
    for label in labels[1:]:
        prefix, _, name = label.partition("-")
        if prefix not in ("B", "I") or not name:
            raise InputError(
                f"a label of {len(label):,} characters is no BIO label; use O, B-Type and I-Type"
            )
    number = {label: i for i, label in enumerate(labels)}
    return decode_tags(np.array([number[tag] for tag in tags], np.int64), labels)
