"""The words of a text by a rule that needs neither a tokenizer nor annotations."""

from __future__ import annotations

import numpy as np

from jnrf_ext import _text


def word_bounds(text: str) -> tuple[np.ndarray, np.ndarray]:
    """First characters of the words of a text, and one past their last ones: two int32 ``[n]``.

    The rule is that of models whose rows are words (``units`` is "word" in
    :class:`~jnrf_ext.config.JNRFConfig`): letters and digits that touch are one word, punctuation
    stands apart. White space belongs to no word.
    """
    solid = np.array([not character.isspace() for character in text], bool)
    places = np.flatnonzero(solid).astype(np.int32)
    if not len(places):
        return places, places
    first = np.array(_text.unit_starts(text, places))
    # A mark or an invisible character may go on with a word, but not over white space.
    first[1:] |= np.diff(places) > 1
    starts = places[first]
    last = np.append(first[1:], True)
    return starts, places[last] + 1
