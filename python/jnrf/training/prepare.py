"""All that a run needs before its first step: labels, wordpieces, examples and the model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from jnrf.examples import Example
from jnrf.training import data
from jnrf.training.checkpoint import recover
from jnrf.training.config import TrainConfig, model_config
from jnrf.training.resources import count_parameters
from jnrf_ext import JNRF
from jnrf_ext.document import Document
from jnrf_ext.embeddings import load_word_embeddings
from jnrf_ext.errors import InputError
from jnrf_ext.installed import DEFAULT_PACKAGE, find_in_package
from jnrf_ext.schema import Schema


@dataclass
class Prepared:
    """What the loop works on."""

    model: JNRF
    train: list[Example]
    dev: list[Document]
    test: list[Document]
    #: Wordpieces in an epoch
    tokens: int
    #: The metric that chooses the best epoch
    metric: str
    #: Changes where the training data, or what is made of it, does
    fingerprint: str
    #: The model is that of the run's last checkpoint
    resumed: bool
    #: What a person should know, a line each
    remarks: list[str] = field(default_factory=list)


def prepare(config: TrainConfig, last: Path | None) -> Prepared:
    """Read the corpora and build the model, or load it where ``last`` holds a checkpoint."""
    corpora = data.read_corpora(config.data, config.run.seed)
    resumed = last is not None and recover(last)
    model = JNRF.from_pretrained(last) if resumed else build_model(config, corpora.train)
    schema = model.config.schema
    examples, remarks = data.encode(corpora.train, model, config.data)
    tokens = sum(len(example) for example in examples)
    metric = config.run.metric
    if metric.startswith("relations") and len(schema.relations) == 1:
        metric = metric.replace("relations", "mentions")
        remarks.append(f"no relations in the training documents: tags alone, judged by {metric}")
    for name in ("dev", "test"):
        remarks += data.unseen_labels(name, getattr(corpora, name), schema)
    return Prepared(
        model=model,
        train=examples,
        dev=corpora.dev,
        test=corpora.test,
        tokens=tokens,
        metric=metric,
        fingerprint=_fingerprint(examples),
        resumed=resumed,
        remarks=[*_facts(model, schema, examples, tokens), *corpora.remarks, *remarks],
    )


def build_model(config: TrainConfig, documents: list[Document]) -> JNRF:
    """A new model for the labels of ``documents``, its embeddings pretrained where configured."""
    schema = data.choose_schema(config.data, documents)
    source = config.model.embeddings
    tokenizer = data.choose_tokenizer(config.data, documents, source)
    if source is None:
        vocab_size, embedding_size = tokenizer.vocab_size, config.model.embedding_size
    else:
        weight = load_word_embeddings(source)
        vocab_size, embedding_size = weight.shape
        if tokenizer.vocab_size > vocab_size:
            raise InputError(
                f"data.tokenizer: has {tokenizer.vocab_size:,} wordpieces, the embeddings of "
                f"{source} have {vocab_size:,} rows; leave it away to use the embeddings' own"
            )
    settings = model_config(
        config.model,
        vocab_size=vocab_size,
        embedding_size=embedding_size,
        mask_id=tokenizer.id_of("[MASK]") or tokenizer.unknown_id or 0,
        schema=schema,
    )
    if source is None:
        settings.freeze_embeddings = False  # there is nothing to keep: they start as noise
    model = JNRF(settings, tokenizer)
    if source is not None:
        model.load_embeddings(weight)
    return model


def resolve_embeddings(source: str | None) -> str | None:
    """``auto`` as the package it stands for, or None where that is not installed."""
    if source != "auto":
        return source
    try:
        find_in_package(DEFAULT_PACKAGE, "model.safetensors")
    except InputError:
        return None
    return DEFAULT_PACKAGE


def _facts(model: JNRF, schema: Schema, examples: list[Example], tokens: int) -> list[str]:
    """What is trained on what, in two lines."""
    counts = count_parameters(model)
    mentions = sum(len(example.document.mentions) for example in examples)
    relations = sum(len(example.document.relations) for example in examples)
    return [
        f"train: {len(examples):,} documents, {tokens:,} wordpieces, {mentions:,} mentions of "
        f"{len(schema.entity_types)} types, {relations:,} relations of "
        f"{len(schema.relations) - 1} types",
        f"model: {counts['trainable']:,} trainable and {counts['frozen']:,} frozen parameters",
    ]


def _fingerprint(examples: list[Example]) -> str:
    """A hash of what the loop sees of the examples, order included."""
    digest = hashlib.sha256()
    for example in examples:
        for array in (example.encoded.ids, example.encoded.surface, example.tags, example.pairs):
            digest.update(len(array).to_bytes(8, "little"))
            digest.update(array.tobytes())
    return digest.hexdigest()
