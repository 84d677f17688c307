"""A training step of JNRF against those of the systems that its paper compares it with.

All are whole systems on the one trainer: the same notes, labels, optimizer and precision. JNRF and
the rolling-window BERT have the paper's sizes (BERT-base, its weights random here, for time and
memory do not depend on them), the BiLSTM-CRF those of its configuration file.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from jnrf.corpora.schema import learn_schema
from jnrf.corpora.synth import generate
from jnrf.data.batches import pack
from jnrf.data.examples import ExampleOptions, encode_document
from jnrf.systems import load_system
from jnrf.training.config import TrainConfig, model_config
from jnrf.training.optim import build_optimizer
from jnrf.training.step import Step, StepsUnderWay, take_step
from jnrf_ext import JNRF, JNRFConfig, Schema
from jnrf_ext.text.tokenizer import Tokenizer

BERT_BASE = {
    "model_type": "bert",
    "vocab_size": 28_996,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
}
WORDS = 1300  # about 2,600 wordpieces, the mean of n2c2's and PHEE's documents


def jnrf(schema: Schema, tokenizer: Tokenizer) -> JNRFConfig:
    """The paper's sizes; pooling by gold, so that every system scores the same relations."""
    return JNRFConfig.reference(schema=schema, pooling="gold", behaviour="standard")


def rolling_window_bert(schema: Schema, tokenizer: Tokenizer) -> JNRFConfig:
    """BERT-base over windows of 512, with JNRF's heads."""
    sizes = {"encoder": BERT_BASE, "hidden_size": 768, "vocab_size": 28_996, "pooling": "gold"}
    frame = [[tokenizer.id_of("[CLS]")], [tokenizer.id_of("[SEP]")]]
    model = load_system("rolling-window-bert").config.model
    config = model_config(model, schema=schema, encoder_frame=frame, **sizes)
    config.relation_size = None
    return config


def bilstm_crf(schema: Schema, tokenizer: Tokenizer) -> JNRFConfig:
    """The joint BiLSTM-CRF, its word embeddings as wide as JNRF's."""
    model = load_system("bilstm-crf-joint").config.model
    return model_config(model, schema=schema, vocab_size=28_996, embedding_size=768)


def training_step(
    make: Callable[[Schema, Tokenizer], JNRFConfig], device: torch.device
) -> tuple[Callable[[], Step], int]:
    """The trainer's step on one note, and the note's wordpieces."""
    torch.manual_seed(0)
    documents = list(generate(8, WORDS, seed=1))
    tokenizer = Tokenizer.train([document.text for document in documents], 4000)
    schema = learn_schema(documents)
    config = make(schema, tokenizer)
    model = JNRF(config, tokenizer).to(device).train()
    options = ExampleOptions(pair_tokens="first")
    example = encode_document(documents[0], tokenizer, schema, options, config)
    batch = pack([example], schema.entity_types)
    settings = TrainConfig()
    settings.optim.lr = 1e-5
    optimizer = build_optimizer(model, settings.optim)
    under_way = StepsUnderWay(device, lambda step, outcome, seconds: None)

    def step() -> Step:
        taken = take_step(model, optimizer, [batch], settings)
        under_way.add(taken)
        return taken

    return step, len(example)


@pytest.mark.parametrize(
    ("name", "make", "published"),
    [
        ("rolling-window BERT-base", rolling_window_bert, 2.0),
        ("joint BiLSTM-CRF", bilstm_crf, 22.0),
    ],
)
def test_training_step_of(compare, device, name, make, published):
    """The ratios that JNRF's paper claims are those of an epoch's time on the same documents."""
    pytest.importorskip("transformers")
    ours, tokens = training_step(jnrf, device)
    peer, _ = training_step(make, device)

    def agree(mine: Step, theirs: Step) -> None:
        assert mine.tokens == theirs.tokens == tokens
        assert all(math.isfinite(step.outcome().mean_losses[0]) for step in (mine, theirs))

    compare(
        "training step of a system",
        f"one note of {tokens:,} wordpieces",
        ours=ours,
        peer=peer,
        peer_name=name,
        target=published,
        agree=agree,
        seconds=15.0,
        memory=True,
        tokens=tokens,
    )
