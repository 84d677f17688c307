"""Every family of encoders that the transformers library has for text, from folder to prediction.

docs/systems.md lists the families; here each of them is trained, saved, loaded and predicts.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from tiny_families import POSITIONS, tiny_config, write_family

from jnrf.training.config import OptimConfig
from jnrf.training.optim import build_optimizer
from jnrf_ext import JNRF, InputError, JNRFConfig, Schema
from jnrf_ext.nn.encoder.encoder import Encoder, load_encoder, load_tokenizer
from jnrf_ext.packing.outline import lay_out, outline

transformers = pytest.importorskip("transformers", reason="pip install transformers")

from jnrf_ext.nn.encoder import families  # noqa: E402

DOCS = Path(__file__).parents[4] / "docs" / "systems.md"
#: The version of the library whose families docs/systems.md lists.
VERSION = (5, 24)
TEXTS = ["He takes aspirin 81 mg. ", "Then warfarin 5 mg for pain. ", "He rests. "]
SCHEMA = Schema.from_types(["Drug", "Dosage"], {"Dosage-Drug": [("Dosage", "Drug")]})


def listed(heading: str) -> list[str]:
    """The families that a row of the table in docs/systems.md names."""
    row = next(line for line in DOCS.read_text().splitlines() if line.startswith(f"| {heading}"))
    return re.findall(r"`([^`]+)`", row.split("|")[2])


BOTH_WAYS, HALVES, FORWARDS = map(listed, ("read both ways", "encoder of", "read left to right"))
INSTALLED = families.text_families()


def case(kind: str):
    """A family of the table; those that read one way alone are many, and so count as slow."""
    marks = [pytest.mark.slow] if kind in FORWARDS else []
    if kind not in INSTALLED:
        marks = [pytest.mark.skip(reason=f"transformers {transformers.__version__} lacks it")]
    return pytest.param(kind, marks=marks)


def model_of(folder: Path) -> JNRF:
    torch.manual_seed(0)
    plain, pretrained = load_encoder(str(folder))
    tokenizer = load_tokenizer(str(folder))
    most = families.most_positions(pretrained) or POSITIONS
    config = JNRFConfig(
        encoder=plain,
        encoder_frame=tokenizer.frame(),
        encoder_window=min(most, POSITIONS),
        encoder_overlap=8,
        vocab_size=tokenizer.vocab_size,
        hidden_size=16,
        num_layers=0,
        input_layers=0,
        mixing_windows=[],
        units="word",
        schema=SCHEMA,
    )
    model = JNRF(config, tokenizer)
    model.load_encoder(pretrained)
    torch.nn.init.normal_(model.tag_head.output.weight)
    return model.eval()


def run(encoder: Encoder, *documents: torch.Tensor) -> list[torch.Tensor]:
    """The rows of each of some documents, which go through the encoder together."""
    lengths = [len(document) for document in documents]
    cu_seqlens = torch.tensor([0, *lengths]).cumsum(0).int()
    with torch.no_grad():
        return list(encoder(torch.cat(documents), cu_seqlens).split(lengths))


def assert_close(found: torch.Tensor, expected: torch.Tensor, kind: str) -> None:
    """Equal but for rounding, by the size of the largest number."""
    scale = expected.abs().max()
    torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=2e-5, msg=kind)


@pytest.mark.parametrize("kind", [case(kind) for kind in (*BOTH_WAYS, *HALVES, *FORWARDS)])
def test_a_family_is_trained_saved_loaded_and_predicts(kind, tmp_path):
    folder = write_family(tmp_path / "encoder", kind, TEXTS * 9)
    model = model_of(folder)
    encoder = model.inputs.encoder
    draw = torch.Generator().manual_seed(1)
    full, *others = (
        torch.randint(6, 50, (length,), generator=draw)
        for length in (encoder.window, 5, 1, encoder.window + 20, encoder.window - 2)
    )

    # One full window is what the library makes of it in its frame.
    theirs = families.only_encoder(transformers.AutoModel.from_pretrained(folder)).eval()
    framed = torch.cat([torch.tensor(encoder.before), full, torch.tensor(encoder.after)])
    with torch.no_grad():
        expected = theirs(input_ids=framed[None]).last_hidden_state[0, 1:-1]
    (rows,) = run(encoder, full)
    assert rows.isfinite().all()
    assert rows.shape == (len(full), encoder.size)
    assert_close(rows, expected, kind)

    # Documents that go through it together are as alone.
    for document, together in zip([full, *others], run(encoder, full, *others), strict=True):
        assert_close(together, run(encoder, document)[0], kind)

    # What comes later in a window counts, but in families that read from left to right.
    changed = full.clone()
    changed[-1] = 6 + (full[-1] - 5) % 44
    same = torch.allclose(run(encoder, changed)[0][:-1], rows[:-1], atol=1e-5)
    assert same == (kind in FORWARDS)

    # A step of training moves it.
    text = "".join(TEXTS)
    encoded = model.tokenizer.encode(text)
    layout = lay_out([outline(text, encoded, model.config)], [len(encoded)])
    tags = torch.ones(int(layout.cu_rows[-1]), dtype=torch.int64)
    before = {name: weight.clone() for name, weight in encoder.named_parameters()}
    optimizer = build_optimizer(model.train(), OptimConfig())
    ids = torch.from_numpy(encoded.ids).long()
    surface = torch.from_numpy(encoded.surface).long()
    model(ids, layout.cu_rows, surface, tags, layout=layout).loss.backward()
    optimizer.step()
    table = encoder.model.get_input_embeddings().weight
    assert table.isfinite().all()
    assert any(not torch.equal(w, before[name]) for name, w in encoder.named_parameters())
    assert any(w is table for w in encoder.parameters())

    # Saved and loaded it gives the same.
    model.eval().save_pretrained(tmp_path / "model")
    again = JNRF.from_pretrained(tmp_path / "model")
    assert torch.equal(run(again.inputs.encoder, full)[0], run(encoder, full)[0])
    texts = [text, TEXTS[0] * 12, "He"]
    assert again.extract(texts) == model.extract(texts)


# ------------------------------------------------------------------ the table of docs/systems.md


def known_version() -> bool:
    return tuple(map(int, transformers.__version__.split(".")[:2])) == VERSION


@pytest.mark.skipif(not known_version(), reason=f"the table is of transformers {VERSION}")
def test_the_table_lists_every_family_that_is_let_in():
    assert sorted([*BOTH_WAYS, *HALVES, *FORWARDS]) == sorted(INSTALLED)


def test_every_family_of_the_library_is_let_in_or_refused_with_a_reason():
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    for kind in MODEL_MAPPING_NAMES:
        why = families.refusal(kind)
        assert (why is None) == (kind in INSTALLED)
        if why is not None:
            with pytest.raises(InputError, match=re.escape(f"is a {kind}, no encoder of text")):
                families.check_family(kind, "model.encoder: FOLDER")


def test_the_table_says_which_families_are_refused_by_name():
    rows = DOCS.read_text().split("| refused |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"`([^`]+)`", rows)) == sorted(families.REFUSED)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("layoutlm", "the place of each word on a page"),
        ("canine", "characters or bytes"),
        ("vit", "other things than text alone"),
        ("whisper", "left to right|other things"),
        ("codegen", "left to right"),
        ("qwen3_next", "never been tried"),
    ],
)
def test_a_refusal_says_why(kind, why):
    assert re.search(why, families.refusal(kind))


# ------------------------------------------------------------------ windows


def config_of(kind: str, **settings) -> dict:
    config = tiny_config(kind)
    for name, value in settings.items():
        setattr(config, name, value)
    return {"model_type": kind} | config.to_diff_dict()


@pytest.mark.parametrize(
    ("kind", "settings", "window"),
    [
        ("roberta", {"max_position_embeddings": 514}, 512),
        ("camembert", {"max_position_embeddings": 514}, 512),
        ("ibert", {"max_position_embeddings": 514}, 512),
        ("mpnet", {"max_position_embeddings": 514}, 512),
        ("longformer", {"max_position_embeddings": 4098}, 4096),
        ("led", {"max_encoder_position_embeddings": 1024}, 1024),
        ("modernbert", {"max_position_embeddings": 8192}, 8192),
        ("bert", {"max_position_embeddings": 512}, 512),
    ],
)
def test_windows_go_up_to_the_encoders_own_length(kind, settings, window):
    config = config_of(kind, **settings)
    encoder = Encoder(config, [[3], [4]], window, 8).eval()
    (rows,) = run(encoder, torch.full((window - 2,), 7))
    assert rows.shape == (window - 2, 16)
    with pytest.raises(InputError, match=f"set encoder_window to {window} or less"):
        Encoder(config, [[3], [4]], window + 1, 8)


@pytest.mark.parametrize("kind", ["xlnet", "t5", "mt5", "longt5", "funnel", "bloom"])
def test_positions_that_are_distances_have_no_longest_window(kind):
    encoder = Encoder(config_of(kind), [[], [4]], 2000, 8).eval()
    assert families.most_positions(encoder.model) == 0
    assert run(encoder, torch.full((1500,), 7))[0].isfinite().all()


def test_deberta_has_a_longest_window_only_where_it_counts_positions():
    for biased, most in ((True, POSITIONS), (False, 0)):
        config = config_of("deberta-v2", position_biased_input=biased)
        encoder = Encoder(config, [[3], [4]], 16, 8)
        assert families.most_positions(encoder.model) == most


def test_bigbird_reads_a_long_window_the_same_after_a_short_one():
    encoder = Encoder(config_of("big_bird"), [[3], [4]], POSITIONS, 8).eval()
    torch.manual_seed(0)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    long, short = torch.arange(5, 5 + 50), torch.arange(5, 15)
    (before,) = run(encoder, long)
    run(encoder, short)
    assert torch.equal(run(encoder, long)[0], before)


# ------------------------------------------------------------------ decoders that are thrown away


@pytest.mark.parametrize("kind", ["bart", "t5", "t5gemma"])
def test_of_an_encoder_decoder_the_encoder_alone_is_kept(kind, tmp_path):
    folder = write_family(tmp_path / "encoder", kind, TEXTS * 9)
    model = model_of(folder)
    names = list(model.inputs.encoder.state_dict())
    assert names
    assert not [name for name in names if "decoder" in name or "cross" in name.lower()]


def test_a_decoder_of_any_size_takes_no_memory(tmp_path):
    config = config_of("bart", decoder_layers=900, decoder_ffn_dim=10**6)
    encoder = Encoder(config, [[3], [4]], 16, 4)
    assert sum(parameter.numel() for parameter in encoder.parameters()) < 10**5


def test_a_checkpoint_of_the_encoder_half_is_enough(tmp_path):
    folder = write_family(tmp_path / "encoder", "t5", TEXTS * 9)
    half = transformers.T5EncoderModel.from_pretrained(folder)
    whole = load_encoder(str(folder))[1].state_dict()
    half.save_pretrained(folder)
    alone = load_encoder(str(folder))[1].state_dict()
    assert alone.keys() == whole.keys()
    assert all(torch.equal(alone[name], whole[name]) for name in whole)


def test_layers_in_several_lists_are_trained_but_not_told_apart():
    encoder = Encoder(config_of("xlm"), [[3], [4]], 16, 4)
    assert encoder.find_layers() is None
    with pytest.raises(InputError, match=r"XLMModel cannot be told apart; .*layer_decay=1"):
        build_optimizer(torch.nn.ModuleDict({"e": encoder}), OptimConfig(layer_decay=0.9))
    build_optimizer(torch.nn.ModuleDict({"e": encoder}), OptimConfig())
