"""Texts whose letters are composed in several ways, and tokenizers that must not mind."""

from __future__ import annotations

import struct
import unicodedata

import tokenizers
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from jnrf_ext.text.tokenizer import Tokenizer

#: What a reader sees as one character; many have more than one form.
CLUSTERS = [
    *"ab1 .-\n", *"éệÅǖñŵ", "ᾼ", "ῷ", "≠",  # Latin and Greek
    *"がプ中薬", "각", "강", "ที่", "ค่", "น้ำ", "မြ", "ខ្មែ", "कि",  # other scripts
    "❤\ufe0f", "👩\u200d⚕\ufe0f", "💩", "👍🏽", "1\ufe0f\u20e3", "？", "—",
]  # fmt: skip
FORMS = ("NFC", "NFD")
CORPUS = [
    "une cécité, un été ệ ñ ŵ ǖ Å a b 1 . - ab 11",
    "が プ 中 薬 각 강 ที่ ค่ น้ำ ខ្មែ ᾼ ῷ ≠ कि",
]
#: Texts as lists of what a reader sees as one character.
clusters = st.lists(st.sampled_from(CLUSTERS), max_size=12)


@st.composite
def composed_twice(draw) -> tuple[list[str], list[str]]:
    """One text in two compositions, each of its characters composed or decomposed by itself."""
    text = draw(clusters)
    sides = (
        draw(st.lists(st.sampled_from(FORMS), min_size=len(text), max_size=len(text)))
        for _ in range(2)
    )
    first, second = (
        [unicodedata.normalize(form, cluster) for form, cluster in zip(side, text, strict=True)]
        for side in sides
    )
    return first, second


def precompiled(replaced: dict[str, str]) -> normalizers.Normalizer:
    """The normalizer of sentencepiece's models, which replaces these strings.

    Its table is a trie in an array of units (Yata et al. 2007): each node has a block of 256, and a
    child is at the block's start plus the byte that leads to it.
    """
    blob, units, blocks = b"", {}, 1

    def place(node: dict) -> int:
        nonlocal blocks
        start = 256 * blocks
        blocks += 1
        for byte, child in node.items():
            if byte is None:
                units[start] = child | 1 << 31
            else:
                at = start + byte
                leaf = (None in child) << 8
                units[at] = (at ^ place(child)) << 10 | leaf | byte
        return start

    trie: dict = {}
    for given, to in replaced.items():
        node = trie
        for byte in given.encode():
            node = node.setdefault(byte, {})
        node[None] = len(blob)
        blob += to.encode() + b"\0"
    units[0] = place(trie) << 10
    array = struct.pack(f"<{256 * blocks}I", *(units.get(i, 0) for i in range(256 * blocks)))
    return normalizers.Precompiled(struct.pack("<I", len(array)) + array + blob)


def _word_pieces(normalizer, splitter, vocabulary: int = 400) -> Tokenizer:
    made = tokenizers.Tokenizer.from_str(Tokenizer.train(CORPUS, vocabulary).to_json())
    made.normalizer, made.pre_tokenizer = normalizer, splitter
    return Tokenizer(made)


def cased_pieces() -> Tokenizer:
    """A tokenizer that keeps case and accents."""
    return Tokenizer.train([*CORPUS, unicodedata.normalize("NFD", CORPUS[0])], 400, lowercase=False)


def byte_pieces(normalizer=None, trim: bool = True) -> Tokenizer:
    """Byte-level BPE; one that trims takes the spaces off the offsets, as the library's default."""
    bpe = tokenizers.Tokenizer(models.BPE())
    if normalizer is not None:
        bpe.normalizer = normalizer
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.post_processor = processors.ByteLevel(trim_offsets=trim)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(["took aspirin for an ab été"] * 3, trainer)
    return Tokenizer(bpe)


def sentence_pieces(normalizer=None, **metaspace) -> Tokenizer:
    """A Unigram model over "▁", as of T5 and XLNet; it has that alone too."""
    letters = sorted(set(unicodedata.normalize("NFC", "".join(CORPUS))) - {" "})
    pieces = [("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in letters), ("▁a", -2.5)]
    made = tokenizers.Tokenizer(models.Unigram(pieces, 0, False))
    if normalizer is not None:
        made.normalizer = normalizer
    made.pre_tokenizer = pre_tokenizers.Metaspace(**metaspace)
    return Tokenizer(made)


_COMPOSED = {
    unicodedata.normalize("NFD", cluster): unicodedata.normalize("NFC", cluster)
    for cluster in CLUSTERS
    if unicodedata.normalize("NFD", cluster) != unicodedata.normalize("NFC", cluster)
}
_STRIPPED = [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]
_SPACES = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
#: Tokenizers that give the same wordpieces for a text in every composition.
UNIFYING = {
    "BERT, uncased": Tokenizer.train(CORPUS, 400),
    "NFC": _word_pieces(normalizers.NFC(), pre_tokenizers.BertPreTokenizer()),
    "NFD": _word_pieces(normalizers.NFD(), pre_tokenizers.BertPreTokenizer()),
    "NFKC": _word_pieces(normalizers.NFKC(), _SPACES),
    "NFKD": _word_pieces(normalizers.NFKD(), _SPACES),
    "accents stripped": _word_pieces(normalizers.Sequence(_STRIPPED), _SPACES),
    "bytes of NFC": byte_pieces(normalizers.NFC(), trim=False),
    "bytes of NFKC, trimmed": byte_pieces(normalizers.NFKC()),
    "Unigram of NFC": sentence_pieces(normalizers.NFC()),
    "as XLNet": sentence_pieces(
        normalizers.Sequence(
            [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
        )
    ),
}
#: And those that do not, or not always; their offsets must be right all the same.
OTHERS = {
    "BERT, cased": cased_pieces(),
    "StripAccents alone": _word_pieces(normalizers.StripAccents(), _SPACES),
    "bytes": byte_pieces(trim=False),
    "bytes, trimmed": byte_pieces(),
    "Unigram": sentence_pieces(),
    "as T5": sentence_pieces(precompiled(_COMPOSED)),
}
EVERY = UNIFYING | OTHERS
