"""Invented discharge summaries with the annotations of the 2018 n2c2 track 2.

For trying everything before access to the real corpus is granted: nine entity types, eight
relations X-Drug, medication lists and narrative, drug names that no other note has, words that are
a Reason here, an ADE there and neither elsewhere. All text is our own; no patient is real, and
no dose or indication is meant to be right.

- ``lexicon``, ``fillers``, ``phrases``: the words and sentences;
- ``grammar``: alternatives in these; ``orders``, ``writer``: filling them for one patient;
- ``notes``: sections of a note; ``layout``: offsets, mentions and relations.
"""

from __future__ import annotations

from collections.abc import Iterator

from jnrf.corpora.synth.notes import write_note
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError

FIRST_ID = 100001


def generate(documents: int, words: int = 2000, seed: int = 0) -> Iterator[Document]:
    """``documents`` notes of about ``words`` words each, with ids from 100001 on.

    Document i of a seed and a length is the same however many are asked for. Raises
    :class:`InputError` for fewer than 1 document or 10 words.
    """
    if documents < 1:
        raise InputError(f"{documents} documents asked for; ask for at least 1")
    if words < 10:
        raise InputError(f"notes of {words} words asked for; ask for at least 10")
    for number in range(documents):
        yield write_note(str(FIRST_ID + number), words, f"{seed}/{number}")
