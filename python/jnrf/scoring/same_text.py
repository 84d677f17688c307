"""Predictions on a text that differs from the gold's in white space: offsets made the gold's.

Formats of tokens join words by single spaces, so that a document that went through one has another
white space than its brat file, but the same characters otherwise.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left

from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError


def with_text_of(document: Document, text: str) -> Document:
    """The document with ``text`` for its own, and with its mentions' offsets in that.

    A fragment goes from its first to its last character that is no white space. A document that
    has the text already, or nothing annotated, needs nothing done. Raises :class:`InputError`
    where the texts differ in more than white space.
    """
    if document.text == text or not document.mentions:
        return document
    ours, theirs = _visible(document.text), _visible(text)
    if [document.text[at] for at in ours] != [text[at] for at in theirs]:
        pairs = enumerate(zip(ours, theirs, strict=False))
        same = next((n for n, (i, j) in pairs if document.text[i] != text[j]), len(theirs))
        at = ours[same] if same < len(ours) else len(document.text)
        raise InputError(
            f"document {document.id}: the predicted text is not the gold's, from character {at} "
            "on; predict on the gold's text"
        )

    def moved(start: int, end: int) -> tuple[int, int]:
        first, last = bisect_left(ours, start), bisect_left(ours, end)
        if first == last:  # white space alone
            place = theirs[first] if first < len(theirs) else len(text)
            return place, place
        return theirs[first], theirs[last - 1] + 1

    mentions = []
    for mention in document.mentions:
        fragments = tuple(moved(start, end) for start, end in mention.fragments)
        mentions.append(dataclasses.replace(mention, fragments=fragments))
    return dataclasses.replace(document, text=text, mentions=mentions)


def _visible(text: str) -> list[int]:
    """Where the characters that are no white space stand."""
    return [at for at, character in enumerate(text) if not character.isspace()]
