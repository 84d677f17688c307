"""Where sentences start, for systems that work sentence by sentence."""

from __future__ import annotations

import re

import numpy as np

from jnrf_ext import _text
from jnrf_ext.text.tokenizer import Encoded
from jnrf_ext.text.words import word_spans

#: Words whose full stop ends no sentence, lower case.
_ABBREVIATIONS = frozenset(
    "al approx ca cf dr e.g eg etc fig i.e ie inc mr mrs ms no nos prof st vs".split(" ")  # noqa: SIM905
)
_LAST_WORD = re.compile(r"\S*\Z")
#: Characters looked back for a word: more than any abbreviation has, with what may be before it.
_LOOK_BACK = 16
_ASCII_ALPHANUMERIC = np.array([chr(code).isalnum() for code in range(128)])
_ENDS = frozenset(".!?。！？｡")
_CLOSING = frozenset("\"')]}”’»）］｝」』】〕》〉")
#: The ends of sentences in texts that set no space behind them, with what closes after them.
_WIDE_END = re.compile(f"[。！？｡]+[{re.escape(''.join(sorted(_CLOSING)))}]*")


def sentence_starts(text: str, encoded: Encoded) -> np.ndarray:
    """Which wordpieces start a sentence: bool ``[n]``, the first of a text always.

    A blank line starts one. So does a line break or a space after a full stop, an exclamation or a
    question mark (closing quotes and brackets may follow), unless what follows starts with a lower
    case letter or what precedes is an abbreviation or an initial; and a line break after anything
    but a comma or a word when what follows does not start with a lower case letter. A full-width
    full stop, exclamation or question mark ends one without a space. Sentences never split a word.
    """
    starts = np.zeros(len(encoded), bool)
    if not len(encoded):
        return starts
    starts[0] = True
    # Most words follow a letter or digit, which ends no sentence but before a blank line.
    candidates = (encoded.gaps[1:] == 3) | ~_end_in_ascii_alphanumeric(text, encoded.ends[:-1])
    for index in np.flatnonzero(encoded.word_starts[1:] & candidates) + 1:
        gap = encoded.gaps[index]
        starts[index] = gap == 3 or _starts(
            text, int(encoded.ends[index - 1]), int(encoded.starts[index]), gap == 2
        )
    _start_behind_wide_ends(text, encoded, starts)
    return starts


def _end_in_ascii_alphanumeric(text: str, ends: np.ndarray) -> np.ndarray:
    """Whether an ASCII letter or digit stands before each character, bool ``[n]``."""
    # A tokenizer may have wordpieces for no text at all.
    characters = np.frombuffer((text or "\0").encode("utf-32-le", "surrogatepass"), np.uint32)
    last = characters[np.maximum(ends, 1) - 1]
    return (ends > 0) & (last < len(_ASCII_ALPHANUMERIC)) & _ASCII_ALPHANUMERIC[last & 127]


def words_by_sentence(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a text into words, and number the sentence of each, without a tokenizer.

    Returns the first character of each word and one past its last (int32 ``[w]`` each, those of
    :func:`jnrf_ext.text.words.word_spans`), and the number of its sentence from 0, int64 ``[w]``.
    Sentences start as :func:`sentence_starts` says.
    """
    starts, ends = word_spans(text)
    _, _, word_starts, shapes = _text.describe_pieces(text, starts, ends)
    gaps = _text.gaps(text, starts, ends)
    encoded = Encoded(np.zeros(len(starts), np.int32), starts, ends, word_starts, shapes, gaps)
    return starts, ends, np.cumsum(sentence_starts(text, encoded), dtype=np.int64) - 1


def _start_behind_wide_ends(text: str, encoded: Encoded, starts: np.ndarray) -> None:
    ends = [match.end() for match in _WIDE_END.finditer(text)]
    if not ends:
        return
    shown = np.flatnonzero(~_text.blank(text, encoded.starts, encoded.ends))
    after = np.searchsorted(encoded.starts[shown], ends)
    starts[shown[after[after < len(shown)]]] = True


def _starts(text: str, before: int, after: int, line_break: bool) -> bool:
    """Whether a sentence starts at ``after``, where the last one would end at ``before``."""
    if text[after].islower():
        return False
    # Some tokenizers have wordpieces of white space.
    while before > 0 and text[before - 1].isspace():
        before -= 1
    # A letter counts, however its marks are written.
    while before > 0 and _text.is_joining(text[before - 1]):
        before -= 1
    if before == 0:
        return False
    at = before
    while at > 0 and text[at - 1] in _CLOSING:
        at -= 1
    if at == 0 or text[at - 1] not in _ENDS:
        return line_break and not (text[before - 1].isalnum() or text[before - 1] == ",")
    if text[at - 1] != "." or line_break:
        return True
    found = _LAST_WORD.search(text[max(0, at - 1 - _LOOK_BACK) : at - 1])
    word = found[0].lstrip("([\"'").lower() if found else ""  # it finds the empty word at least
    letters = [character for character in word if not _text.is_joining(character)]
    return word not in _ABBREVIATIONS and not (len(letters) == 1 and letters[0].isalpha())
