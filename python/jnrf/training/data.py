"""From the folders of a run to what the loop trains on: documents, labels, wordpieces, examples."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch

from jnrf.corpora import roles
from jnrf.corpora.annotated import read_annotated
from jnrf.corpora.schema import learn_schema
from jnrf.data.examples import Example, ExampleOptions, encode_document
from jnrf.data.parts import split_at_segments, split_into_parts
from jnrf.training.config import DataConfig
from jnrf.training.holdout import default_count, hold_out
from jnrf_ext import JNRF
from jnrf_ext.config import JNRFConfig
from jnrf_ext.documents.brat_names import BratNames, brat_name
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.nn.encoder.encoder import load_tokenizer
from jnrf_ext.packing.mention_rows import MentionPairHead
from jnrf_ext.packing.outline import Layout, mention_rows
from jnrf_ext.schema import Schema
from jnrf_ext.text.tokenizer import Tokenizer

#: The setting that says how far apart mentions may be, for each kind of head that relates mentions
REACH = {
    "pairs": "model.pair_distance",
    "spans": "model.pair_distance",
    "targets": "model.target_context",
}


@dataclass
class Corpora:
    """The documents of a run; ``dev`` and ``test`` are empty where none were given."""

    train: list[Document]
    dev: list[Document]
    test: list[Document]
    #: Those of each of ``data.auxiliary``
    auxiliary: list[list[Document]] = field(default_factory=list)
    #: How many documents of dev come from the training folder
    held_out: int = 0
    #: What a person should know about them, a line each
    remarks: list[str] = field(default_factory=list)


def read_corpora(config: DataConfig, seed: int) -> Corpora:
    """Read the folders; hold out a share of the training documents where there is no dev folder."""
    if not config.train:
        raise InputError("no training documents: give --train DIR")
    remarks: list[str] = []
    train, dev, test = (
        _read(folder, config, remarks) for folder in (config.train, config.dev, config.test)
    )
    corpora = Corpora(train, dev, test)
    corpora.auxiliary = [_read(path, config, remarks) for path in config.auxiliary]
    corpora.remarks += remarks
    roles.agree(corpora.train, corpora.dev, corpora.test, *corpora.auxiliary)
    if not any(document.text.strip() for document in corpora.train):
        raise InputError(
            f"{config.train} holds no text to train on; check that it is the right folder"
        )
    if not corpora.dev:
        _hold_out(corpora, config, seed)
    for name in ("train", "dev", "test"):
        malformed: Counter[str] = Counter()
        for document in getattr(corpora, name):
            malformed.update(document.warnings)
        if malformed:
            corpora.remarks.append(f"{name}: left out while reading: {_counts(malformed)}")
    return corpora


def _hold_out(corpora: Corpora, config: DataConfig, seed: int) -> None:
    """Move a share of the training documents to dev, or say why none is."""
    total = len(corpora.train)
    if config.dev:
        count, why = 0, f"{config.dev} holds none"
    elif config.holdout == "auto":
        count, why = default_count(corpora.train), f"too few to hold one out of {total}"
    else:
        count, why = round(config.holdout * total), "data.holdout is 0"
        if config.holdout and not 0 < count < total:
            raise InputError(
                f"data.holdout: {config.holdout} of {total} documents leaves none to "
                "train on or none to hold out; give --dev DIR, or another share"
            )
    if not count:
        corpora.remarks.append(
            "no dev documents: the last weights will be taken as the best, without a score "
            f"({why}; --dev DIR lets the best epoch be chosen)"
        )
        return
    held = set(hold_out(corpora.train, count, seed))
    corpora.dev = [d for i, d in enumerate(corpora.train) if i in held]
    corpora.train = [d for i, d in enumerate(corpora.train) if i not in held]
    corpora.held_out = count
    corpora.remarks.append(
        f"dev: {count:,} of the {total:,} training documents are held out to choose the best epoch "
        "and score it (--dev DIR gives others, --data.holdout 0 trains on all)"
    )


def _read(folder: str | None, config: DataConfig, remarks: list[str]) -> list[Document]:
    if not folder:
        return []
    documents, said = read_annotated(folder, config.malformed, config.unannotated)
    remarks += said
    return documents


def choose_schema(config: DataConfig, documents: list[Document]) -> Schema:
    """The labels to learn: from the given file, else from the training documents."""
    if not config.schema:
        return learn_schema(documents)
    try:
        return Schema.from_dict(json.loads(Path(config.schema).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"data.schema: {config.schema} cannot be read ({error}); it must be JSON with "
            "tags, relations, arguments and no_relation, as in a model's config.json"
        ) from error


def choose_tokenizer(
    config: DataConfig, documents: list[Document], embeddings: str | None, encoder: str | None
) -> Tokenizer:
    """The given one, else the pretrained encoder's or embeddings' own, else one trained here."""
    if encoder and not config.tokenizer and not encoder.endswith(".json"):
        return load_tokenizer(encoder)
    source = config.tokenizer or embeddings
    if source is None:
        return Tokenizer.train([document.text for document in documents], config.vocabulary)
    if source.endswith((".safetensors", ".bin")):  # embeddings, whose tokenizer lies beside them
        source = str(Path(source).parent)
    folder = Path(source)
    if folder.is_dir() and not (folder / "tokenizer.json").is_file():
        return load_tokenizer(source)  # of other files, by transformers
    return Tokenizer.from_source(source)


def encode(
    documents: list[Document], model: JNRF, config: DataConfig, seed: int
) -> tuple[list[Example], list[str]]:
    """Examples of the documents that have any wordpiece, and remarks on what was lost.

    Where a model works sentence by sentence and knows no relations, each sentence is an example;
    else each document, or each part of it that ``data.part_tokens`` asks for.
    """
    examples, remarks = encode_for(documents, model, model.config.schema, config, seed)
    if not examples and config.keep_empty < 1:
        raise InputError(
            "no training document has a mention, and data.keep_empty left out the others; raise it"
        )
    if not examples:
        raise InputError("the training documents hold no wordpiece; check that they are texts")
    return examples, remarks + out_of_reach(examples, model)


def encode_auxiliary(
    corpora: list[list[Document]], model: JNRF, config: DataConfig, seed: int
) -> tuple[list[Example], list[str]]:
    """The examples of ``data.auxiliary``, read already; tasks count from 1; and remarks."""
    examples: list[Example] = []
    remarks: list[str] = []
    for number, (path, documents) in enumerate(zip(config.auxiliary, corpora, strict=True)):
        schema = Schema(model.config.auxiliary[number]["tags"], ["none"])
        found, said = encode_for(documents, model, schema, config, seed, number + 1)
        examples += found
        remarks += [f"{line} ({path})" for line in said]
    return examples, remarks


def encode_for(
    documents: list[Document],
    model: JNRF,
    schema: Schema,
    config: DataConfig,
    seed: int,
    task: int = 0,
) -> tuple[list[Example], list[str]]:
    """Examples for the labels of ``schema``, as :func:`encode` makes them of the main corpus."""
    options = ExampleOptions(
        discontinuous=config.discontinuous,
        overlap=config.overlap,
        pair_tokens=config.pair_tokens,
        words=model.config.behaviour == "reference",  # as extraction does
    )
    examples: list[Example] = []
    lost: Counter[str] = Counter()
    empty, tokenizer = 0, tokenizer_of(model)
    for document in documents:
        example = encode_document(document, tokenizer, schema, options, model.config)
        example.task = task
        lost.update(example.lost)
        if len(example):
            examples.append(example)
        else:
            empty += 1
    remarks = [f"train: what the model cannot represent: {_counts(lost)}"] if lost else []
    if empty:
        remarks.append(f"train: {empty} documents without text left out")
    if works_by_sentence(model.config):
        examples = [part for example in examples for part in split_at_segments(example)]
    elif config.part_tokens:
        least = config.part_tokens, config.part_mentions
        examples = [part for example in examples for part in split_into_parts(example, *least)]
    if config.keep_empty < 1:
        draw = random.Random(seed)
        kept = [e for e in examples if e.spans or draw.random() < config.keep_empty]
        remarks.append(
            f"train: {len(examples) - len(kept):,} examples without a mention left out, of "
            f"{len(examples):,} in all (data.keep_empty {config.keep_empty:g})"
        )
        examples = kept
    return examples, remarks


def tokenizer_of(model: JNRF) -> Tokenizer:
    """The tokenizer of a model that is trained, which has one."""
    assert model.tokenizer is not None
    return model.tokenizer


def works_by_sentence(config: JNRFConfig) -> bool:
    """Whether each sentence may be an example: the model has nothing that reaches beyond it."""
    fourier = config.layer_kind == "fourier" and config.num_layers + config.tag_task_layers > 0
    alone = config.segments == "sentence" and config.positions == "none" and not fourier
    return alone and config.relation_kind == "none"


def out_of_reach(examples: list[Example], model: JNRF) -> list[str]:
    """A remark on the gold relations that a head over mentions can neither learn nor find."""
    lost = count_out_of_reach(examples, model)
    if not lost:
        return []
    limit = REACH[model.config.relation_kind]
    return [f"train: {lost:,} relations out of the relation head's reach (see {limit})"]


def count_out_of_reach(examples: list[Example], model: JNRF) -> int:
    """How many of the labelled pairs a head over mentions cannot reach; others reach all."""
    if model.config.relation_kind not in REACH:
        return 0
    lost, head = 0, cast(MentionPairHead, model.relation_head)
    for example in examples:
        rows = torch.tensor([0, len(example.outline)], dtype=torch.int32)
        types = model.config.schema.entity_types
        mentions = mention_rows([example.spans], Layout.plain(rows), types)
        lost += head.out_of_reach(mentions, torch.from_numpy(example.pairs))
    return lost


def unseen_labels(name: str, documents: list[Document], schema: Schema) -> list[str]:
    """A remark on the labels of ``documents`` that the model will never give, if any."""
    known = {*schema.entity_types, *schema.relations}
    unseen = Counter(
        type
        for document in documents
        for type in (
            *(mention.type for mention in document.mentions),
            *(relation.type for relation in document.relations),
        )
        if type not in known
    )
    if not unseen:
        return []
    return [f"{name}: labels that training has never seen, counted as missed: {_counts(unseen)}"]


def _counts(counter: Counter) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in counter.most_common())


def names_in_brat(schema: Schema) -> list[str]:
    """A remark on the labels whose predictions brat has under another name, if there are any.

    Raises :class:`InputError` where two labels would have one name there.
    """
    relations = [name for name in schema.relations if name != schema.no_relation]
    labels = [("entity type", name) for name in schema.entity_types]
    labels += [("relation type", name) for name in relations]
    BratNames(labels)
    changed = [name for _, name in labels if brat_name(name) != name]
    if not changed:
        return []
    return [f"{len(changed)} labels with white space have _ for it in predictions (.ann files)"]
