"""Corpora to learn from and to score against, where a missing annotation is more than a notice."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jnrf.corpora import listing, read_corpus
from jnrf.corpora.brat_lines import FaultyLine
from jnrf.corpora.notices import UnannotatedWarning, collected, nothing_in
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError

#: What to do about texts without annotations: stop, take them as notes without any mention, or
#: leave them out.
Unannotated = Literal["error", "empty", "skip"]

#: How a setting is given to `jnrf train`, and in a study's file.
AS_OPTION, IN_STUDY = "--{} {}", "{}: {} under settings"


def read_annotated(
    path: str | Path,
    malformed: str = "raise",
    unannotated: Unannotated = "error",
    spelled: str = AS_OPTION,
) -> tuple[list[Document], list[str]]:
    """Read a corpus that must have annotations; and what a person should know of it, a line each.

    ``malformed`` is the ``on_error`` of :func:`jnrf.corpora.read_corpus`; messages name it and
    ``unannotated`` as settings ``data.malformed`` and ``data.unannotated``, ``spelled`` so. Raises
    :class:`InputError` for texts without an annotation file unless that is chosen otherwise, and
    for a corpus without any mention.
    """
    path = Path(path)
    with collected() as notices:
        try:
            format, documents = read_corpus(path, malformed)
        except FaultyLine as error:
            raise error.spelled(spelled.format("data.malformed", "count")) from None
    lines = [str(n) for n in notices if not isinstance(n, UnannotatedWarning)]
    lonely = listing.unannotated(path, documents) if format == "brat" else []
    if lonely:
        said = listing.unannotated_in(path, lonely, len(documents))
        if unannotated == "error":
            skip, empty = (spelled.format("data.unannotated", way) for way in ("skip", "empty"))
            raise InputError(
                f"{said}; annotate them, or leave them out ({skip}), or take them as notes "
                f"without any mention ({empty})"
            )
        done = "left out" if unannotated == "skip" else "taken as notes without any mention"
        lines.append(f"{said}; {done} (data.unannotated {unannotated})")
        if unannotated == "skip":
            left_out = set(lonely)
            documents = [document for document in documents if document.id not in left_out]
    if not any(document.mentions for document in documents):
        raise InputError(nothing_in(path, len(documents)))
    return documents, lines
