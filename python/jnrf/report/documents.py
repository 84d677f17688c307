"""A document and its verdicts as the JSON that the page's script draws."""

from __future__ import annotations

import math
from itertools import accumulate

from jnrf.report.compare import compare
from jnrf_ext.documents.document import Document, Mention, Relation


def document_data(gold: Document, predicted: Document) -> dict:
    """``{id, text, mentions, relations}``; offsets count UTF-16 units, as a browser's strings do.

    A mention is ``{status, gold, predicted}`` with ``{id, type, score, fragments}`` or null on
    either side; a relation ``{status, head, tail, gold, predicted}`` with rows of the mentions and
    ``{id, type, score}``. Fragments outside of the text are left out.
    """
    comparison = compare(gold, predicted)
    units = _utf16_offsets(gold.text)
    return {
        "id": gold.id,
        "text": gold.text,
        "mentions": [
            {
                "status": verdict.status,
                "gold": _mention(verdict.gold, units),
                "predicted": _mention(verdict.predicted, units),
            }
            for verdict in comparison.mentions
        ],
        "relations": [
            {
                "status": verdict.status,
                "head": verdict.head,
                "tail": verdict.tail,
                "gold": _relation(verdict.gold),
                "predicted": _relation(verdict.predicted),
            }
            for verdict in comparison.relations
        ],
    }


def _mention(mention: Mention | None, units: list[int]) -> dict | None:
    if mention is None:
        return None
    fragments = [
        [units[start], units[end]]
        for start, end in mention.fragments
        if 0 <= start < end < len(units)
    ]
    return {**_item(mention), "fragments": fragments}


def _relation(relation: Relation | None) -> dict | None:
    return None if relation is None else _item(relation)


def _item(item: Mention | Relation) -> dict:
    # JSON has no NaN, and a page that shows the rest is better than none.
    score = item.score
    rounded = None if score is None or not math.isfinite(score) else round(float(score), 3)
    return {"id": item.id, "type": item.type, "score": rounded}


def _utf16_offsets(text: str) -> list[int]:
    """For each code point offset, end included, the offset in UTF-16 units."""
    return [0, *accumulate(2 if ord(character) > 0xFFFF else 1 for character in text)]
