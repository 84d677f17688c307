"""The words of a text, by Unicode's properties of its characters.

A word is a run of letters and digits, each with the marks that follow it. In scripts that set no
spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese and others, listed in
``csrc/text/characters.cpp``) each letter with its marks, and with what is stacked below it, is a
word: annotators begin and end mentions at any of them. Every other character that is no white space
(punctuation, a symbol, an emoji) is a word of its own. How a letter is composed makes no
difference.
"""

from __future__ import annotations

import numpy as np

from jnrf_ext import _text
from jnrf_ext.errors import InputError


def word_spans(text: str) -> tuple[np.ndarray, np.ndarray]:
    """The first character of each word of a text, and one past its last: int32 ``[w]`` each.

    Raises :class:`InputError` for what is no str.
    """
    if not isinstance(text, str):
        raise InputError(f"a text must be str, not {type(text).__name__}; decode it first")
    return _text.words(text)
