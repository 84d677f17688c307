"""Places of mentions and relations in the texts of a corpus: sentences, and distances in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jnrf.scoring.columns import Columns
from jnrf_ext.text.sentences import words_by_sentence

#: The most words that lie between the mentions of a relation, by the name of the bin.
_MOST_WORDS = {"0-5": 5, "6-10": 10, "11-20": 20, "21-50": 50}
#: Names of the bins of :func:`place`, in order. All but the last are within one sentence.
DISTANCES = (*_MOST_WORDS, "51-", "across sentences")
#: The number of the last one.
ACROSS = len(DISTANCES) - 1


def place(
    texts: Sequence[str], mentions: Sequence[Columns], relations: Sequence[Columns]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Whether mentions reach over the end of a sentence, and the bins of relations.

    ``texts`` are those of the documents that ``doc`` numbers. Returns a list of bool [n], one for
    each of ``mentions``, and a list of int64 [n], numbers of ``DISTANCES``, one for each of
    ``relations``. Words are those of :func:`jnrf_ext.text.words.word_spans`, where a punctuation
    mark is one; those count that start between the end of the first mention and the start of the
    second. A mention is in the sentence in which it starts. A text without words is one sentence.
    """
    crosses = [np.zeros(len(side), dtype=bool) for side in mentions]
    bins = [np.zeros(len(side), dtype=np.int64) for side in relations]
    numbers = np.arange(len(texts) + 1)
    bounds = [np.searchsorted(side.doc, numbers).tolist() for side in (*mentions, *relations)]
    for number, text in enumerate(texts):
        rows = [slice(*bound[number : number + 2]) for bound in bounds]
        if all(some.start == some.stop for some in rows):
            continue
        words = _Words(text)
        if not len(words.starts):
            continue
        for side, result, some in zip(mentions, crosses, rows, strict=False):
            [(_, start, end)] = side.spans
            result[some] = words.sentence_of(start[some]) < words.sentence_before(end[some])
        for side, result, some in zip(relations, bins, rows[len(mentions) :], strict=True):
            (_, *head), (_, *tail) = side.spans
            result[some] = words.bins(*(column[some] for column in (*head, *tail)))
    return crosses, bins


class _Words:
    """The words of a text: characters int32 [w], and the sentence of each, int64 [w]."""

    def __init__(self, text: str) -> None:
        self.starts, self.ends, self.sentence = words_by_sentence(text)

    def sentence_of(self, start: np.ndarray) -> np.ndarray:
        """The sentence of the first word that ends behind each character."""
        word = np.searchsorted(self.ends, start, side="right")
        return self.sentence[np.minimum(word, len(self.ends) - 1)]

    def sentence_before(self, end: np.ndarray) -> np.ndarray:
        """The sentence of the last word that starts before each character."""
        return self.sentence[np.maximum(np.searchsorted(self.starts, end) - 1, 0)]

    def bins(
        self, head: np.ndarray, head_end: np.ndarray, tail: np.ndarray, tail_end: np.ndarray
    ) -> np.ndarray:
        """Numbers of ``DISTANCES`` for pairs of spans."""
        first_end = np.where(head <= tail, head_end, tail_end)
        first, last = (
            np.searchsorted(self.starts, at) for at in (first_end, np.maximum(head, tail))
        )
        within = np.searchsorted([*_MOST_WORDS.values()], np.maximum(last - first, 0))
        return np.where(self.sentence_of(head) == self.sentence_of(tail), within, ACROSS)
