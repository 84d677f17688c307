"""Tokenizers out of vocabularies of every kind, and folders from the hub."""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path

import pytest
from tiny_encoders import write_encoder

from jnrf_ext import InputError
from jnrf_ext.nn.encoder import files as encoder_files
from jnrf_ext.nn.encoder.encoder import load_encoder, load_tokenizer, read_encoder_config

pytest.importorskip("transformers", reason="pip install transformers")

TEXT = "He takes Aspirin 5 mg."
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "he", "takes", "as", "##pirin", "5", "mg"]
PIECES += [".", "##s"]


def write_folder(folder: Path, kind: str, **files: str | bytes) -> Path:
    """A folder of a family with files by their names, ``__`` for a dot; no weights."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def pieces(folder: Path) -> list[str]:
    """The wordpieces of TEXT, in the frame of a window."""
    tokenizer = load_tokenizer(str(folder))
    before, after = tokenizer.frame()
    return tokenizer.pieces([*before, *tokenizer.encode(TEXT).ids, *after])


# ------------------------------------------------------------------ vocab.txt


@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra", "megatron-bert", "mobilebert"])
@pytest.mark.parametrize(
    ("more", "said", "expected"),
    [
        # Nothing is said: pieces in upper case decide.
        (["He", "Aspirin"], None, "He takes Aspirin 5 mg ."),
        ([], None, "he takes as ##pirin 5 mg ."),
        # It is said in tokenizer_config.json.
        (["He", "Aspirin"], {"do_lower_case": False}, "He takes Aspirin 5 mg ."),
        (["He", "Aspirin"], {"do_lower_case": True}, "he takes as ##pirin 5 mg ."),
        ([], {"do_lower_case": False}, "[UNK] takes [UNK] 5 mg ."),
        # The file is there, and says nothing of it.
        (["He", "Aspirin"], {"model_max_length": 512}, "He takes Aspirin 5 mg ."),
    ],
)
def test_a_vocabulary_alone_is_cased_as_it_says_or_shows(tmp_path, kind, more, said, expected):
    files = {"vocab__txt": "".join(f"{piece}\n" for piece in [*PIECES, *more])}
    if said is not None:
        files["tokenizer_config__json"] = json.dumps(said)
    folder = write_folder(tmp_path / "encoder", kind, **files)
    assert pieces(folder) == ["[CLS]", *expected.split(), "[SEP]"]


def test_mpnet_has_a_frame_of_its_own(tmp_path):
    vocabulary = "".join(f"{piece}\n" for piece in ["<s>", "<pad>", "</s>", *PIECES, "<mask>"])
    folder = write_folder(tmp_path / "encoder", "mpnet", vocab__txt=vocabulary)
    assert [pieces(folder)[0], pieces(folder)[-1]] == ["<s>", "</s>"]


@pytest.mark.parametrize("content", ["", "\n\n", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"])
def test_a_vocabulary_of_nothing_is_refused(tmp_path, content):
    folder = write_folder(tmp_path / "encoder", "bert", vocab__txt=content)
    with pytest.raises(InputError, match=r"no tokenizer for .*--data\.tokenizer FILE"):
        load_tokenizer(str(folder))


@pytest.mark.parametrize("content", ["{", "[" * 10**5, '{"do_lower_case":'])
def test_a_damaged_tokenizer_config_is_said(tmp_path, content):
    vocabulary = "".join(f"{piece}\n" for piece in PIECES)
    files = {"vocab__txt": vocabulary, "tokenizer_config__json": content}
    folder = write_folder(tmp_path / "encoder", "bert", **files)
    with pytest.raises(InputError, match="no tokenizer for"):
        load_tokenizer(str(folder))


# ------------------------------------------------------------------ vocab.json and merges.txt


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        ("roberta", "<s>", "</s>"),
        ("longformer", "<s>", "</s>"),
        ("bart", "<s>", "</s>"),
        ("deberta", "[CLS]", "[SEP]"),
    ],
)
def test_byte_pairs_are_made_of_two_files(tmp_path, kind, first, last):
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "[CLS]", "[SEP]", "[UNK]", "[PAD]"]
    names = [*special, "[MASK]", *"HetakspirnAm5g.", "Ġ", "He", "Ġt"]
    vocabulary = json.dumps({name: id for id, name in enumerate(dict.fromkeys(names))})
    merges = "#version: 0.2\nH e\nĠ t\n"
    files = {"vocab__json": vocabulary, "merges__txt": merges}
    found = pieces(write_folder(tmp_path / "encoder", kind, **files))
    assert found[:3] == [first, "He", "Ġt"]
    assert found[-2:] == [".", last]


# ------------------------------------------------------------------ sentencepiece


def varint(number: int) -> bytes:
    more, out = number, b""
    while more > 127:
        out, more = out + bytes([more & 127 | 128]), more >> 7
    return out + bytes([more])


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protocol buffer message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def sentencepiece_model(special: list[str], unknown: int) -> bytes:
    """A unigram model of sentencepiece in its own format, a protocol buffer."""

    normal = [
        "▁",
        "▁He",
        "▁takes",
        "▁As",
        "pirin",
        "▁5",
        "▁mg",
        ".",
        *"abcdefghijklmnopqrstuvwxyzH",
    ]
    message = b""
    for number, piece in enumerate([*special, *normal]):
        kind = 2 if number == unknown else 3 if number < len(special) else 1
        score = 0.0 if kind != 1 else -2.0 if len(piece) > 1 else -9.0
        body = field(1, piece.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score)
        message += field(1, body + field(3, kind))
    message += field(2, field(3, 1) + field(40, unknown))
    return message + field(3, field(1, b"identity") + field(3, 1) + field(4, 1) + field(5, 1))


MODELS = {
    "t5": ("spiece.model", ["<pad>", "</s>", "<unk>"], 2, ([], ["</s>"])),
    "xlnet": (
        "spiece.model",
        ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"],
        0,
        ([], ["<sep>", "<cls>"]),
    ),
    "deberta-v2": (
        "spm.model",
        ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"],
        3,
        (["[CLS]"], ["[SEP]"]),
    ),
    "xlm-roberta": (
        "sentencepiece.bpe.model",
        ["<unk>", "<s>", "</s>"],
        0,
        (["<s>"], ["</s>"]),
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_sentencepiece_model_is_converted_and_framed_as_its_family_is(tmp_path, kind):
    pytest.importorskip("sentencepiece", reason="pip install sentencepiece protobuf")
    file, special, unknown, (before, after) = MODELS[kind]
    data = sentencepiece_model(special, unknown)
    folder = write_folder(tmp_path / "encoder", kind, **{file.replace(".", "__"): data})
    found = pieces(folder)
    assert found == [*before, "▁He", "▁takes", "▁As", "pirin", "▁5", "▁mg", ".", *after]


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("missing", ["sentencepiece", "google.protobuf"])
def test_what_a_sentencepiece_model_needs_is_said(tmp_path, monkeypatch, kind, missing):
    file = MODELS[kind][0].replace(".", "__")
    folder = write_folder(tmp_path / "encoder", kind, **{file: sentencepiece_model(["<unk>"], 0)})
    monkeypatch.setattr(encoder_files, "_is_there", lambda module: module != missing)
    with pytest.raises(InputError, match=r"sentencepiece model .*; pip install sentencepiece pro"):
        load_tokenizer(str(folder))


# ------------------------------------------------------------------ the hub


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one model, and the patterns of each download from it."""
    import huggingface_hub

    model = write_encoder(tmp_path / "cache", [TEXT] * 5)
    asked: list[list[str]] = []

    def snapshot_download(name, allow_patterns):
        if name != "user/model":
            raise OSError("404: no such model\nmore lines")
        asked.append(allow_patterns)
        return str(model)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    monkeypatch.setattr(
        encoder_files, "read_encoder_config", lambda _: read_encoder_config(str(model))
    )
    return model, asked


def test_of_the_hub_pickled_weights_are_fetched_only_where_there_are_no_others(hub):
    model, asked = hub
    load_encoder("user/model")
    assert not any("bin" in pattern for patterns in asked for pattern in patterns if "w" in pattern)
    assert load_tokenizer("user/model").encode(TEXT).ids.size
    asked.clear()
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(model / "model.safetensors"), model / "pytorch_model.bin")
    (model / "model.safetensors").unlink()
    load_encoder("user/model")
    assert ["pytorch_model.bin" in patterns for patterns in asked] == [False, True]


def test_a_model_that_the_hub_does_not_have_is_said_with_the_way_around(hub):
    with pytest.raises(InputError, match=r"no folder no/such here, .* hf download USER/MODEL") as e:
        load_tokenizer("no/such")
    assert str(e.value).isprintable()


def test_a_folder_is_loaded_without_the_network(hub, monkeypatch):
    model, asked = hub
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: pytest.fail("went out"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("went out"))
    load_encoder(str(model))
    load_tokenizer(str(model))
    assert not asked


@pytest.mark.skipif(os.environ.get("HF_HUB_OFFLINE") is None, reason="would ask the hub")
def test_a_name_of_the_hub_without_network_is_said(monkeypatch):
    with pytest.raises(InputError, match=r"hf download USER/MODEL --local-dir FOLDER"):
        load_encoder("no-such-user/no-such-model")
    assert "modeling" not in sys.modules
