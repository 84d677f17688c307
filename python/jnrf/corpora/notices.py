"""What a person should know of a corpus that was read, beside its documents.

Notices are Python warnings: the command line prints each as one line on stderr, training puts them
among the run's remarks, and a program filters or records them as it does others.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jnrf_ext.documents.document import Document
from jnrf_ext.shown import shown

#: Names in a notice; the others are counted.
_NAMED = 3


class CorpusWarning(UserWarning):
    """Something in or beside a corpus found no use, or nothing was found in it."""


class UnannotatedWarning(CorpusWarning):
    """Texts have no annotation file."""


def tell(text: str, category: type[CorpusWarning] = CorpusWarning) -> None:
    """Give a notice: one line that names the corpus, without any text of a note."""
    warnings.warn(text, category, stacklevel=3)


def tell_if_nothing(path: str | Path, documents: Sequence[Document]) -> None:
    """Give a notice where no document of a corpus has a mention."""
    if documents and not any(document.mentions for document in documents):
        tell(nothing_in(path, len(documents)))


def nothing_in(path: str | Path, count: int) -> str:
    """A line on a corpus of ``count`` documents none of which has a mention."""
    held = "its one document" if count == 1 else f"any of its {count:,} documents"
    return f"{path}: no mention in {held}; check that the annotations are there, in a known format"


def some(names: Sequence[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = len(names) - _NAMED
    named = ", ".join(map(shown, names[:_NAMED]))
    return f"{named} and {more:,} more" if more > 0 else named


@contextmanager
def on_stderr(command: str) -> Iterator[None]:
    """Print the notices of what runs inside, each on a line of stderr, as the command's."""
    show_others = warnings.showwarning

    def show(message, category, *where, **how) -> None:
        if issubclass(category, CorpusWarning):
            print(f"jnrf {command}: warning: {message}", file=sys.stderr)
        else:
            show_others(message, category, *where, **how)

    with warnings.catch_warnings():
        warnings.simplefilter("always", CorpusWarning)
        warnings.showwarning = show
        yield


@contextmanager
def collected() -> Iterator[list[CorpusWarning]]:
    """Collect the notices of what runs inside instead of showing them; other warnings pass."""
    notices: list[CorpusWarning] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CorpusWarning)
        yield notices
    for warning in caught:
        if isinstance(warning.message, CorpusWarning):
            notices.append(warning.message)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
