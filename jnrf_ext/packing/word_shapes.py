"""Characters and casing of words, each distinct word once."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

#: Casing classes; the first that holds is a word's.
CASINGS = (
    "numeric",  # digits alone
    "mainly numeric",  # more than half of its characters are digits
    "all lower",  # of the characters that have case
    "all upper",
    "initial upper",
    "contains digit",
    "other",
)
#: Unicode's general categories: all that is known of a character that is not printable ASCII.
CATEGORIES = (
    *("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe"),
    *("Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"),
)
_FIRST_PRINTABLE, _PRINTABLE = 0x20, 0x7F - 0x20
NUM_CHARACTERS = _PRINTABLE + len(CATEGORIES)


@dataclass
class WordShapes:
    """The N words of a batch, each distinct one (U) once.

    ``characters int64 [C]`` holds the character ids, below NUM_CHARACTERS, of the distinct words
    one after another, ``bounds int32 [U + 1]``, on the host, their bounds; ``casing int64 [U]``
    are indices into CASINGS, ``index int64 [N]`` the distinct word of each word.
    """

    characters: Tensor
    bounds: Tensor
    casing: Tensor
    index: Tensor

    def to(self, device: torch.device | str) -> WordShapes:
        """The same on another device; ``bounds`` stay on the host."""
        characters, casing, index = (
            t.to(device, non_blocking=True) for t in (self.characters, self.casing, self.index)
        )
        return WordShapes(characters, self.bounds, casing, index)


def word_shapes(words: Sequence[str]) -> WordShapes:
    """The shapes of words of any length; characters other than printable ASCII share ids.

    A space to a tilde have ids of their own, all others one for each Unicode category. Words are
    read in Unicode's composed form (NFC), however their letters are written.
    """
    words = [w if w.isascii() else unicodedata.normalize("NFC", w) for w in words]
    number: dict[str, int] = {}
    index = [number.setdefault(word, len(number)) for word in words]
    text = "".join(number)
    lengths = np.fromiter(map(len, number), np.int64, len(number))
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    distinct, which = np.unique(points, return_inverse=True)
    known = [chr(point) for point in distinct.tolist()]
    ids = np.array([_character_id(character) for character in known], np.int64)[which]
    digit, lower, upper = (
        np.array([test(character) for character in known], bool)[which]
        for test in (str.isdigit, str.islower, lambda c: c.isupper() or c.istitle())
    )
    casing = _casing(digit, lower, upper, bounds)
    columns = (ids, bounds.astype(np.int32), casing, np.array(index, np.int64))
    return WordShapes(*(torch.from_numpy(column) for column in columns))


def _character_id(character: str) -> int:
    printable = ord(character) - _FIRST_PRINTABLE
    if 0 <= printable < _PRINTABLE:
        return printable
    return _PRINTABLE + CATEGORIES.index(unicodedata.category(character))


def _casing(digit: np.ndarray, lower: np.ndarray, upper: np.ndarray, bounds: np.ndarray):
    """Indices into CASINGS, int64 [U], of the words whose characters have these properties."""
    digits, lowers, uppers = (
        np.diff(np.concatenate([[0], np.cumsum(flags)])[bounds]) for flags in (digit, lower, upper)
    )
    lengths = np.diff(bounds)
    # An empty word has no first character; what is read there does not count.
    first_upper = np.append(upper, False)[bounds[:-1]] & (lengths > 0)
    holds = [
        (digits == lengths) & (lengths > 0),
        2 * digits > lengths,
        (lowers > 0) & (uppers == 0),
        (uppers > 0) & (lowers == 0),
        first_upper,
        digits > 0,
    ]
    return np.select(holds, np.arange(len(holds)), default=len(holds)).astype(np.int64)
