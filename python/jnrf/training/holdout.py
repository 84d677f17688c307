"""The training documents that are held out as dev where no dev folder is given."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from jnrf_ext.documents.document import Document

#: Share that is held out where none was chosen, and the fewest documents of which any is
DEFAULT_SHARE = 0.1
FEWEST = 5


def default_count(documents: Sequence[Document]) -> int:
    """How many are held out where no share was chosen: a tenth, rounded up.

    None of fewer than :data:`FEWEST`, or where only one has mentions.
    """
    annotated = sum(bool(document.mentions) for document in documents)
    if len(documents) < FEWEST or annotated < 2:
        return 0
    return math.ceil(DEFAULT_SHARE * len(documents))


def hold_out(documents: Sequence[Document], count: int, seed: int) -> list[int]:
    """The places of ``count`` documents to hold out, ascending; ``count`` is below their number.

    The choice follows from the ids of the documents and from ``seed``, not from their order.
    Documents with relations, with mentions alone and with neither are held out in proportion,
    beginning with the first kind that there is. A document that alone is of that kind is not held
    out: training needs it.
    """
    kinds = [2 if d.relations else 1 if d.mentions else 0 for d in documents]
    if kinds.count(richest := max(kinds)) == 1:
        kinds[kinds.index(richest)] = -1  # the last one, which is never taken

    def drawn(place: int) -> str:
        return hashlib.sha256(f"{seed}\n{documents[place].id}".encode()).hexdigest()

    order = sorted(range(len(documents)), key=lambda i: (-kinds[i], drawn(i), i))
    return sorted(order[i * len(order) // count] for i in range(count))
