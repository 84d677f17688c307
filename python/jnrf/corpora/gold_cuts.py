"""Words that were cut where mentions start and end, and nowhere else: they give mentions away.

Some converters write the words between white space, and cut them at the edges of mentions. A comma
is then a token of its own where a mention ends before it, and part of a word elsewhere; a model
learns that, and on a test set made alike its scores are far too high.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jnrf_ext.documents.document import Document

#: Signs that no white space parts from the word before them, and from the word after them
_CLOSING = frozenset(",;:)]}%?!")
_OPENING = frozenset("([{")
#: Those of which a word that keeps them is counted; a word may end in % or ! by itself.
_KEPT = frozenset(",;:")
#: How many tokens of each kind must be seen before anything is said
_LEAST = 10
#: The most that the signs away from mentions may be tokens of their own
_MOST_CUT = 0.1

KIND = (
    "word cut at the edge of a mention, as no other words are (scores on such tokens are too high; "
    "make them again from the texts, jnrf convert cuts all words alike)"
)


def warn_of_gold_cuts(documents: Sequence[Document]) -> None:
    """Count in the first document's warnings the words of all of them that were cut so.

    Texts are tokens joined by single spaces. Nothing is counted in a corpus that parts signs from
    words away from mentions as well, that parts none, or that has too few to tell.
    """
    at_edges, elsewhere, kept = 0, 0, 0
    for document in documents:
        starts = {mention.start for mention in document.mentions}
        ends = {mention.end for mention in document.mentions}
        for at, token in _tokens(document.text):
            end = at + len(token)
            if token[0] in _CLOSING and at:
                at_edge = at - 1 in ends
            elif token[-1] in _OPENING and end < len(document.text):
                at_edge = end + 1 in starts
            else:
                kept += _keeps_a_sign(token)
                continue
            at_edges += at_edge
            elsewhere += not at_edge
    if min(at_edges, kept) >= _LEAST and elsewhere <= _MOST_CUT * (elsewhere + kept):
        documents[0].warnings[KIND] += at_edges


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """The tokens between single spaces, each after the place where it starts."""
    at = 0
    for token in text.split(" "):
        if token:
            yield at, token
        at += len(token) + 1


def _keeps_a_sign(token: str) -> bool:
    """Whether a word goes on into a sign after it, or begins with one."""
    if len(token) < 2:
        return False
    after = token[-1] in _KEPT and token[-2].isalnum()
    return after or (token[0] in _OPENING and token[1].isalnum())
