"""Reads a checkpoint of the authors' code (github.com/ds4dh/JNRF) into a JNRF model."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import torch
from torch import Tensor

from jnrf_ext import JNRF, JNRFConfig
from jnrf_ext.errors import InputError
from jnrf_ext.schema import OUTSIDE, Schema
from jnrf_ext.text.tokenizer import Tokenizer

#: The authors' name for "no relation", and for us to recognise their label files by.
NO_RELATION = "Z"

#: Their parameter names -> ours, as patterns.
RENAMES = (
    (r"^embedding\.weight$", "inputs.embedding.weight"),
    (r"^lin1\.", "inputs.mlp."),
    (r"^fnet\.layers\.(\d+)\.ff\.(fc[12])\.", r"layers.\1.\2."),
    (r"^fnet\.layers\.(\d+)\.(norm[12])\.", r"layers.\1.\2."),
    (r"^NerFF\.", "tag_head.mlp."),
    (r"^NER\.", "tag_head.output."),
    (r"^ReFF\.", "relation_head.mlp."),
    (r"^U\.", "relation_head.tail_projection."),
    (r"^W\.", "relation_head.head_projection."),
    (r"^(alpha|beta|gamma)$", r"relation_head.\1"),
)


def read_labels(path: Path) -> Schema:
    """Labels as ``{"tags": [...], "relations": [...]}`` in LabelEncoder order.

    The authors' relations are named after their arguments (``ADE-Drug``), from which the schema
    follows; other names need ``"arguments": {relation: [[head type, tail type], ...]}``.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        tags, relations = list(data["tags"]), list(data["relations"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{path}: not a label file ({error!r}); it must be {{"tags": [...], "relations": '
            "[...]} in the order of the checkpoint's LabelEncoder"
        ) from error
    for name, labels, empty in (("tags", tags, OUTSIDE), ("relations", relations, NO_RELATION)):
        if empty not in labels:
            raise InputError(f'{path}: "{name}" lacks the empty label "{empty}"; add it in place')
    types = {tag[2:] for tag in tags if tag != OUTSIDE}
    arguments = {
        relation: [tuple(pair) for pair in data.get("arguments", {}).get(relation, [])]
        or [_arguments_from_name(relation, types, path)]
        for relation in relations
        if relation != NO_RELATION
    }
    schema = Schema(tags, relations, arguments, NO_RELATION)
    try:
        schema.check()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return schema


def _arguments_from_name(relation: str, types: set[str], path: Path) -> tuple[str, str]:
    """``Head-Tail`` where both are entity types."""
    for dash in re.finditer("-", relation):
        head, tail = relation[: dash.start()], relation[dash.end() :]
        if head in types and tail in types:
            return head, tail
    raise InputError(
        f'{path}: relation "{relation}" is not named HEAD-TAIL after two entity types; '
        f'add "arguments": {{"{relation}": [[head type, tail type]]}} to the file'
    )


def convert_state(state: dict[str, Tensor], num_relations: int) -> dict[str, Tensor]:
    """The authors' parameters under our names and in our layout.

    Their projections interleave the classes (feature ``e`` of class ``k`` is row ``e R + k``),
    ours are class by class (row ``k D + e``).
    """
    converted = {}
    for name, tensor in state.items():
        if name == "pe":  # fixed positions; ours are computed
            continue
        ours = next((re.sub(p, r, name) for p, r in RENAMES if re.search(p, name)), None)
        if ours is None:
            raise InputError(f'the checkpoint has "{name}", which the reference model has not')
        if re.search(r"_projection\.", ours):
            rows = tensor.unflatten(0, (-1, num_relations)).transpose(0, 1)
            tensor = rows.flatten(0, 1).contiguous()
        elif re.search(r"\.(alpha|beta|gamma)$", ours):
            tensor = tensor.flatten()
        converted[ours] = tensor.float()
    return converted


def _count(state: dict[str, Tensor], pattern: str) -> int:
    return sum(bool(re.fullmatch(pattern, name)) for name in state)


def import_reference(state_path: Path, labels_path: Path, tokenizer_path: Path) -> JNRF:
    """The model of a reference checkpoint, in `reference` behaviour.

    Only tensors are read from the checkpoint (``weights_only``): no pickled code ever runs.
    Raises :class:`InputError` when files are missing, damaged or do not belong together.
    """
    schema = read_labels(labels_path)
    tokenizer = Tokenizer.from_file(tokenizer_path)
    try:
        state = torch.load(state_path, map_location="cpu", weights_only=True)
        state = convert_state(dict(state), len(schema.relations))
        vocab_size, embedding_size = state["inputs.embedding.weight"].shape
        hidden = state["tag_head.output.weight"].shape[1]
        config = JNRFConfig.reference(
            vocab_size=vocab_size,
            embedding_size=embedding_size,
            hidden_size=hidden,
            num_layers=_count(state, r"layers\.\d+\.fc1\.weight"),
            expansion=state["layers.0.fc1.weight"].shape[0] // hidden,
            tag_layers=_count(state, r"tag_head\.mlp\.linears\.\d+\.weight"),
            relation_layers=_count(state, r"relation_head\.mlp\.linears\.\d+\.weight"),
            schema=schema,
        )
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise InputError(f"{state_path}: {error}") from error
        raise InputError(
            f"{state_path}: not a state_dict of the reference model "
            f"({str(error).strip().splitlines()[0] if str(error) else error!r}); "
            "save it with torch.save(model.state_dict(), path)"
        ) from error
    model = JNRF(config, tokenizer)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{state_path} and {labels_path} do not belong together ({reason})"
        ) from error
    if tokenizer.vocab_size > vocab_size:
        raise InputError(
            f"{tokenizer_path} has {tokenizer.vocab_size} wordpieces, the checkpoint's embedding "
            f"{vocab_size} rows; give the tokenizer that the checkpoint was trained with"
        )
    return model.eval()
