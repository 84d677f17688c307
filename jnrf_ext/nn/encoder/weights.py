"""Weights of published encoders: safetensors, or pickles of which only tensors are read.

People publish encoders as they trained them: under names with a prefix, with names of old versions,
in several files, beside the weights of heads. What the encoder needs is taken, and it must all be
there: the library would start what is missing at random.
"""

from __future__ import annotations

import copy
import json
import logging
import pickle
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from jnrf_ext.checkpoints.weight_file import WeightFile
from jnrf_ext.errors import InputError
from jnrf_ext.nn.encoder.families import load_transformers, only_encoder, with_short_decoder
from jnrf_ext.shown import reason_of, shown

SAFE, SAFE_INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
#: What many encoders have beside their layers: heads for whole windows, of no use here.
POOLERS = ("pooler", "pooling_layer")
#: Weights in forms that are not read, and what to do about each.
_OTHERS = {
    "adapter_config.json": "it holds an adapter alone; merge it into its encoder and save that",
    "tf_model.h5": "convert TensorFlow's weights to safetensors with transformers",
    "flax_model.msgpack": "convert Flax's weights to safetensors with transformers",
}
_LFS = b"version https://git-lfs"
#: Bytes of the longest index of weight files, and of a file's name.
_MOST_INDEX, _MOST_NAME = 64 * 2**20, 255


def load_weights(folder: Path, config, source: str) -> nn.Module:
    """The encoder of a folder with all of its weights, in float32.

    ``config`` is the library's configuration of it, and ``source`` the folder's name in messages.
    Raises :class:`InputError` where there are no weights, too few, or others.
    """
    files = weight_files(folder, f"model.encoder: {source} cannot be loaded:")
    try:
        model, missing = _load(folder, config, files)
        if missing:
            prefix = _prefix(_names(files), missing)
            if prefix:
                model, missing = _load(folder, config, files, {f"^{re.escape(prefix)}": ""})
    except InputError:
        raise
    except pickle.UnpicklingError as error:
        raise InputError(
            f"model.encoder: {source} cannot be loaded (its pickled weights are damaged or hold "
            "more than weights, which is not run); download it again, in safetensors where it is "
            "published so"
        ) from error
    except Exception as error:  # whatever the library raises
        raise InputError(
            f"model.encoder: {source} cannot be loaded ({reason_of(error)})"
        ) from error
    if missing:
        raise InputError(
            f"model.encoder: {source} has no weights for {', '.join(map(shown, missing[:3]))}"
            f"{' ...' * (len(missing) > 3)}; copy it again, or set model.encoder_random"
        )
    return model


def _load(
    folder: Path, config, files: list[Path], renaming: dict[str, str] | None = None
) -> tuple[nn.Module, list[str]]:
    """The encoder, and the names of weights that it needs and that the files do not have."""
    options = {} if renaming is None else {"key_mapping": renaming}
    with quiet_library():
        whole, said = load_transformers().AutoModel.from_pretrained(
            str(folder),
            config=with_short_decoder(copy.deepcopy(config)),
            dtype=torch.float32,
            output_loading_info=True,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=files[0].suffix == ".safetensors",
            weights_only=True,  # a pickle's tensors: what it would run is an error
            **options,
        )
    model = only_encoder(whole)
    # A decoder and a head for whole windows may be missing: they are not used.
    needed = {id(parameter) for parameter in model.parameters()}
    of_model = whole.named_parameters(remove_duplicate=False)
    names = {name for name, parameter in of_model if id(parameter) in needed}
    missing = (name for name in said["missing_keys"] if name in names)
    return model, sorted(name for name in missing if name.split(".")[0] not in POOLERS)


@contextmanager
def quiet_library() -> Iterator[None]:
    """Keep the library from telling what a checkpoint has beside the encoder, and from bars."""
    told = load_transformers().utils.logging
    logger = logging.getLogger("transformers")
    level, bars = logger.level, told.is_progress_bar_enabled()
    logger.setLevel(logging.ERROR)
    told.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(level)
        if bars:
            told.enable_progress_bar()


def weight_files(folder: Path, where: str) -> list[Path]:
    """The files that hold a folder's weights, those in safetensors where there are any.

    Raises :class:`InputError`, which begins with ``where``, where there are none, or one of several
    is missing.
    """
    for whole, index in ((SAFE, SAFE_INDEX), (PICKLED, PICKLED_INDEX)):
        files = [folder / whole] if (folder / whole).is_file() else []
        if not files and (folder / index).is_file():
            files = _indexed(folder / index)
        for file in files:
            _check_there(file)
        if files:
            return files
    remedy = next((said for name, said in _OTHERS.items() if (folder / name).is_file()), None)
    raise InputError(
        f"{where} the folder has no {SAFE} and no {PICKLED}; "
        + (remedy or "copy its weights too, or set model.encoder_random")
    )


def _indexed(index: Path) -> list[Path]:
    """The files that an index names, all of them in its folder."""
    try:
        with index.open("rb") as file:
            names = set(json.loads(file.read(_MOST_INDEX))["weight_map"].values())
        if not names or not all(isinstance(name, str) for name in names):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{index} is no index of weight files; copy it again") from error
    suffix = Path(index.name.removesuffix(".index.json")).suffix
    for name in names:
        # No file system has room for names of more bytes; the others would break up a message.
        usable = name.isprintable() and len(name.encode()) <= _MOST_NAME
        if not usable or Path(name).name != name or Path(name).suffix != suffix:
            raise InputError(f"{index} names {shown(name)}, no {suffix} file beside it")
    return [index.parent / name for name in sorted(names)]


def _check_there(file: Path) -> None:
    if not file.is_file():
        raise InputError(f"{file}: no such file, though its index names it; copy it too")
    try:
        with file.open("rb") as opened:
            first = opened.read(len(_LFS))
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}; check its permissions") from None
    if first == _LFS:
        raise InputError(f"{file} only says where Git LFS has it; run `git lfs pull` there")


def _names(files: list[Path]) -> set[str]:
    """The names of all tensors in weight files."""
    names: set[str] = set()
    for file in files:
        if file.suffix == ".safetensors":
            with WeightFile(file) as opened:
                names |= opened.tensors.keys()
        else:
            names |= read_pickled(file, "meta").keys()
    return names


def read_pickled(file: Path, device: str = "cpu") -> dict[str, torch.Tensor]:
    """The tensors of a file that torch pickled, by their names; nothing that it holds is run.

    On the ``meta`` device they take no memory. Raises :class:`pickle.UnpicklingError` for a file
    that holds more than tensors, and what torch raises for one that is damaged.
    """
    mapped = device == "cpu" and zipfile.is_zipfile(file)
    loaded = torch.load(file, map_location=device, weights_only=True, mmap=mapped)
    if not isinstance(loaded, dict):
        raise pickle.UnpicklingError("it holds no tensors by name")
    return {str(name): value for name, value in loaded.items() if isinstance(value, torch.Tensor)}


def _prefix(names: set[str], missing: list[str]) -> str:
    """What stands before the missing weights' names in a checkpoint; nothing where nothing does."""
    for wanted in missing:
        before = (name[: -len(wanted)] for name in names if name.endswith("." + wanted))
        if prefix := min(before, key=len, default=""):
            return prefix
    return ""
