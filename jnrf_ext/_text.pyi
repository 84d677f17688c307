"""The types of the compiled routines for text (csrc/text/bindings/).

Arrays are converted to the dtype that a routine needs, so whatever is like an array will do.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jnrf_ext.documents.document import Mention, Relation

_Bools: TypeAlias = NDArray[np.bool_]
_Bytes: TypeAlias = NDArray[np.uint8]
_Ints: TypeAlias = NDArray[np.int32]
_Longs: TypeAlias = NDArray[np.int64]
_Doubles: TypeAlias = NDArray[np.float64]
#: A class with the slots of Mention, or of Relation.
_Made = TypeVar("_Made")

# module.cpp
def align(
    starts: ArrayLike, ends: ArrayLike, span_starts: ArrayLike, span_ends: ArrayLike
) -> tuple[_Longs, _Longs]: ...
def encode_bio(
    length: int,
    first: ArrayLike,
    last: ArrayLike,
    begin_tag: ArrayLike,
    inside_tag: ArrayLike,
    outside: int,
    longest: bool,
) -> tuple[_Longs, _Bools]: ...
def decode_bio(
    tags: ArrayLike, parts: ArrayLike, types: ArrayLike
) -> tuple[_Longs, _Longs, _Longs]: ...
def decode_words(
    tags: ArrayLike, word_starts: ArrayLike, parts: ArrayLike, types: ArrayLike
) -> tuple[_Longs, _Longs, _Longs]: ...
def unit_starts(text: str, starts: ArrayLike, ends: ArrayLike) -> _Bools: ...
def blank(text: str, starts: ArrayLike, ends: ArrayLike) -> _Bools: ...
def words(text: str) -> tuple[_Ints, _Ints]: ...
def is_unspaced(character: str) -> bool: ...
def inner_words(text: str, starts: ArrayLike, ends: ArrayLike) -> tuple[_Longs, _Ints]: ...
def is_joining(character: str) -> bool: ...
def best_mentions(
    log_probs: ArrayLike, unit_starts: ArrayLike, parts: ArrayLike, types: ArrayLike
) -> tuple[_Longs, _Longs, _Longs]: ...
def mention_scores(
    probabilities: ArrayLike,
    parts: ArrayLike,
    types: ArrayLike,
    type: ArrayLike,
    first: ArrayLike,
    last: ArrayLike,
) -> _Doubles: ...
def gaps(text: str, starts: ArrayLike, ends: ArrayLike) -> _Bytes: ...
def describe_pieces(
    text: str, starts: ArrayLike, ends: ArrayLike
) -> tuple[_Ints, _Ints, _Bools, _Bytes]: ...

# found.cpp
def make_mentions(
    kind: type[_Made],
    text: str,
    starts: ArrayLike,
    ends: ArrayLike,
    types: list[str],
    type: ArrayLike,
    first: ArrayLike,
    last: ArrayLike,
    scores: ArrayLike | None,
) -> list[_Made]: ...
def make_relations(
    kind: type[_Made],
    documents: int,
    owner: ArrayLike,
    number: ArrayLike,
    types: list[str],
    head: ArrayLike,
    tail: ArrayLike,
    type: ArrayLike,
    scores: ArrayLike,
) -> list[list[_Made]]: ...

# json.cpp; None where an object holds what Python has to write
def json_mentions(mentions: Iterable[Mention]) -> str | None: ...
def json_relations(relations: Iterable[Relation]) -> str | None: ...

# standoff.cpp; None where brat cannot hold a name or an id
def mention_lines(text: str, mentions: Iterable[Mention]) -> str | None: ...
def relation_lines(relations: Iterable[Relation]) -> str | None: ...

# word_cache.cpp
class WordCache:
    def __init__(self, all_separators: bool, max_bytes: int) -> None: ...
    def encode(
        self,
        text: str,
        encode_words: Callable[[list[str]], tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]],
    ) -> tuple[_Ints, _Ints, _Ints, _Bools, _Bytes]: ...
    def __len__(self) -> int: ...
