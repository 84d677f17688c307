"""Words apart that one unknown wordpiece holds: a tokenizer may make "💩This" [UNK] as a whole.

Most pre-tokenizers split at punctuation and at Chinese characters, but not at an emoji, an arrow or
the letters of other scripts that set no spaces. The word beside these would be unknown with them,
and no mention could begin or end between them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jnrf_ext import _text

#: ids, starts and ends of wordpieces, int32 of one length
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


def cut_unknown(
    text: str,
    columns: Columns,
    unknown_id: int | None,
    encode_parts: Callable[[list[str]], list[Columns]] | None,
) -> Columns:
    """The wordpieces of ``text`` with unknown ones cut where words begin (``csrc/text/words.h``).

    ``encode_parts`` gives the wordpieces of each of the parts, offsets from its start, by a model
    that knows words; None leaves each part the unknown wordpiece.
    """
    if unknown_id is None:
        return columns
    ids, starts, ends = columns
    unknown = np.flatnonzero(ids == unknown_id)
    if not len(unknown):
        return columns
    starts, ends, *_ = _text.describe_pieces(text, starts, ends)  # with the marks at their ends
    which, cuts = _text.inner_words(text, starts[unknown], ends[unknown])
    if not len(which):
        return columns
    places = unknown[which]
    whole = np.unique(places)
    # The parts of each: from its start, or a cut, to the next.
    owner, first = np.concatenate([whole, places]), np.concatenate([starts[whole], cuts])
    order = np.lexsort((first, owner))
    owner, first = owner[order], first[order]
    is_first = np.append(True, owner[1:] != owner[:-1])
    last = np.append(first[1:], 0)
    last[np.append(is_first[1:], True)] = ends[whole]
    parts = [text[a:b] for a, b in zip(first.tolist(), last.tolist(), strict=True)]
    lengths = [len(part) for part in parts]
    made = [_one(unknown_id, length) for length in lengths]
    if encode_parts is not None:
        # What begins inside a character, of which the wordpiece before has the rest, stays unknown.
        inside = (owner > 0) & (starts[owner] < ends[owner - 1]) & is_first
        inside |= np.array([_text.is_joining(part[0]) for part in parts], bool)
        asked = np.flatnonzero(~inside).tolist()
        for place, found in zip(asked, encode_parts([parts[i] for i in asked]), strict=True):
            made[place] = found
    counts = [len(found[0]) for found in made]
    owner, first = np.repeat(owner, counts), np.repeat(first, counts)
    new = [np.concatenate(column) for column in zip(*made, strict=True)]
    kept = np.ones(len(ids), bool)
    kept[whole] = False
    order = np.argsort(np.concatenate([np.flatnonzero(kept), owner]), kind="stable")
    ids, starts, ends = (
        np.concatenate([column[kept], put])[order].astype(np.int32)
        for column, put in zip(
            (ids, starts, ends), (new[0], new[1] + first, new[2] + first), strict=True
        )
    )
    return ids, starts, ends


def _one(id: int, length: int) -> Columns:
    """One wordpiece of so many characters."""
    ids, starts, ends = (np.array([value], np.int32) for value in (id, 0, length))
    return ids, starts, ends
