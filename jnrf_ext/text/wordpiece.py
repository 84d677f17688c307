"""Training a WordPiece vocabulary so that the same texts always give the same one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from jnrf_ext import _text
from jnrf_ext.errors import InputError

_UNKNOWN = "[UNK]"
_PREFIX = "##"


def train_wordpiece(
    texts: Iterable[str], vocab_size: int, lowercase: bool, special_tokens: Sequence[str]
) -> tokenizers.Tokenizer:
    """A BERT-style tokenizer whose ids begin with ``special_tokens``.

    The library numbers the continuation characters ("##a") in the order of a hash map, and breaks
    ties between merges by those numbers, so that two runs differ. Here the whole alphabet is given
    to it in a fixed order, as special tokens, which become ordinary ones afterwards.

    Letters of scripts that set no spaces between words are wordpieces of their own where the texts
    have any: a longer wordpiece would hold parts of several words (:mod:`jnrf_ext.text.words`).
    """
    texts = list(texts)
    bare = _bert_style(models.WordPiece({_UNKNOWN: 0}, unk_token=_UNKNOWN), lowercase)
    alphabet = sorted(
        {
            character
            for text in texts
            for word, _ in bare.pre_tokenizer.pre_tokenize_str(bare.normalizer.normalize_str(text))
            for character in word
        }
    )
    if not alphabet:
        raise InputError("there is no character to learn a vocabulary from; give some texts")
    unspaced = "".join(
        letter
        for letter in filter(_text.is_unspaced, alphabet)
        if not bare.normalizer.normalize_str(letter).startswith(" ")  # those it sets apart already
    )
    first = [*special_tokens, *alphabet, *(_PREFIX + character for character in alphabet)]
    if vocab_size < len(first):
        raise InputError(
            f"vocab_size {vocab_size} has no room for the {len(alphabet)} characters of the texts; "
            f"use {len(first)} or more"
        )
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=first,
        limit_alphabet=len(alphabet),
        show_progress=False,
        continuing_subword_prefix=_PREFIX,
    )
    bare.pre_tokenizer = _splitter(unspaced)
    bare.train_from_iterator(texts, trainer)
    vocabulary = bare.get_vocab(with_added_tokens=True)
    trained = _bert_style(
        models.WordPiece(vocabulary, unk_token=_UNKNOWN, continuing_subword_prefix=_PREFIX),
        lowercase,
        unspaced,
    )
    trained.add_special_tokens(list(special_tokens))
    return trained


def _bert_style(model: models.Model, lowercase: bool, unspaced: str = "") -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = _splitter(unspaced)
    tokenizer.decoder = decoders.WordPiece(prefix=_PREFIX)
    return tokenizer


def _splitter(unspaced: str) -> pre_tokenizers.PreTokenizer:
    """Splits at white space and punctuation, and at each of some letters, with its marks."""
    splitter = pre_tokenizers.BertPreTokenizer()
    if not unspaced:
        return splitter
    # As :mod:`jnrf_ext.text.word_split` knows it.
    letters = pre_tokenizers.Split(Regex(f"[{unspaced}]\\p{{M}}*"), "isolated")
    return pre_tokenizers.Sequence([splitter, letters])
