"""Encoders as people publish them: folders, installed packages and models of the hub.

Nothing that such a folder holds is run, and nothing is fetched that was not named.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from torch import nn

from jnrf_ext.errors import InputError
from jnrf_ext.installed import DOWNLOAD, find_in_package, what_can_be_given
from jnrf_ext.nn.encoder import weights as encoder_weights
from jnrf_ext.nn.encoder.families import build_encoder, check_family, load_transformers
from jnrf_ext.nn.encoder.settings import keep_settings
from jnrf_ext.shown import reason_of, shown
from jnrf_ext.text.tokenizer import Tokenizer

_CONFIG = "config.json"
#: Files of a tokenizer, whatever kind it is.
_TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "*.model", "*.spm"),
)
_SAFE_FILES = (encoder_weights.SAFE, encoder_weights.SAFE_INDEX, "model-*-of-*.safetensors")
_PICKLED_FILES = (
    encoder_weights.PICKLED,
    encoder_weights.PICKLED_INDEX,
    "pytorch_model-*-of-*.bin",
)
#: Bytes of the longest vocab.txt and tokenizer_config.json that are looked into.
_MOST_VOCABULARY = 64 * 2**20


def find_encoder(source: str) -> str:
    """What ``transformers`` is to load: a folder, the folder in an installed package, or a hub id.

    Raises :class:`InputError` where ``source`` is neither.
    """
    path = Path(source)
    try:
        is_folder = path.is_dir()
    except OSError as error:  # of a name that is too long
        raise InputError(
            f"model.encoder: {shown(source)}: {error.strerror}; {what_can_be_given()}"
        ) from error
    if is_folder:
        if not (path / _CONFIG).is_file():
            raise InputError(
                f"model.encoder: {source} has no config.json; give an encoder's folder"
            )
        return str(path)
    if path.suffix == ".json" and path.is_file():
        return str(path)
    if "/" in source:
        if source.count("/") == 1 and not source.startswith((".", "~", "/")):
            return source
        raise InputError(f"model.encoder: no folder {source}; check the path")
    try:
        return str(find_in_package(source, _CONFIG).parent)
    except InputError as error:
        raise InputError(f"model.encoder: {error}") from None


def _local_folder(source: str) -> Path:
    """The folder of an encoder, or that of the cache for a model of the hub.

    Weights in safetensors are fetched, pickled ones only where there are no others.
    """
    found = Path(find_encoder(source))
    if found.exists():
        return found
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        wanted = [_CONFIG, *_TOKENIZER_FILES, *_SAFE_FILES]
        folder = Path(snapshot_download(source, allow_patterns=wanted))
        safe = (encoder_weights.SAFE, encoder_weights.SAFE_INDEX)
        if not any((folder / name).is_file() for name in safe):
            folder = Path(snapshot_download(source, allow_patterns=[*wanted, *_PICKLED_FILES]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise _not_on_the_hub(source, error) from error
    return folder


def _not_on_the_hub(source: str, error: Exception) -> InputError:
    return InputError(
        f"model.encoder: no folder {source} here, and the hub gave no such model "
        f"({reason_of(error)}); check the name, or bring its folder from a machine with network: "
        f"{DOWNLOAD}"
    )


def load_encoder(source: str, random: bool = False) -> tuple[dict, nn.Module]:
    """An encoder's configuration, as plain JSON types, and the encoder with its weights.

    ``source`` is a Hugging Face folder or hub id, an installed package of weights, or a
    ``config.json`` alone, whose weights are random, as all are with ``random``. Of an
    encoder-decoder the encoder is given.
    Raises :class:`InputError` for what cannot be loaded.
    """
    plain, config = read_encoder_config(source)
    if not random and not find_encoder(source).endswith(".json"):
        return plain, encoder_weights.load_weights(_local_folder(source), config, source)
    try:
        with encoder_weights.quiet_library():
            return plain, build_encoder(config)
    except Exception as error:  # whatever the library raises
        raise InputError(
            f"model.encoder: no encoder can be made of {source} ({reason_of(error)})"
        ) from error


def read_encoder_config(source: str) -> tuple[dict, object]:
    """An encoder's configuration as plain JSON types, and as transformers has it."""
    transformers = load_transformers()
    found = find_encoder(source)
    try:
        config = transformers.AutoConfig.from_pretrained(found, trust_remote_code=False)
    except Exception as error:  # whatever the library raises
        if not Path(found).exists():
            raise _not_on_the_hub(source, error) from error
        raise InputError(f"model.encoder: {source} cannot be read ({reason_of(error)})") from error
    check_family(config.model_type, f"model.encoder: {source}")
    return keep_settings({"model_type": config.model_type} | config.to_diff_dict()), config


def load_tokenizer(source: str) -> Tokenizer:
    """The tokenizer of an encoder: its ``tokenizer.json``, or what transformers makes of its files.

    A ``vocab.txt`` without a word on case is cased where it has pieces in upper case. Raises
    :class:`InputError` where there is no tokenizer that can be used here.
    """
    folder = _local_folder(source)
    if (folder / "tokenizer.json").is_file():
        return Tokenizer.from_file(folder)
    _check_sentencepiece(folder, source)
    try:
        with encoder_weights.quiet_library():
            made = load_transformers().AutoTokenizer.from_pretrained(
                str(folder), trust_remote_code=False, local_files_only=True, **_casing(folder)
            )
        tokenizer = Tokenizer.from_json(made.backend_tokenizer.to_str())
        # Of a folder without a vocabulary the library makes a tokenizer of special tokens alone.
        if not any(piece.strip() for piece in made.get_vocab().keys() - {*made.all_special_tokens}):
            raise ValueError("it has no vocabulary")
    except Exception as error:  # whatever the library raises
        raise InputError(
            f"model.encoder: no tokenizer for {source} ({reason_of(error)}); give "
            "--data.tokenizer FILE, a tokenizer.json"
        ) from error
    return tokenizer


def _casing(folder: Path) -> dict[str, bool]:
    """What to tell the library about case: nothing where it is said, or nothing shows it."""
    vocabulary, settings = folder / "vocab.txt", folder / "tokenizer_config.json"
    if not vocabulary.is_file():
        return {}
    if settings.is_file():
        said = json.loads(_read(settings))
        if not isinstance(said, dict) or said.get("do_lower_case") is not None:
            return {}
    pieces = (line.strip() for line in _read(vocabulary).splitlines())
    ordinary = (piece for piece in pieces if not piece.startswith(("[", "<")))
    # The library would lower the case of what this vocabulary has in upper case.
    return {"do_lower_case": False} if any(p != p.lower() for p in ordinary) else {}


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MOST_VOCABULARY).decode("utf-8", "replace")


def _check_sentencepiece(folder: Path, source: str) -> None:
    """Say what a sentencepiece vocabulary needs, which the library would say otherwise."""
    if not any((*folder.glob("*.model"), *folder.glob("*.spm"))):
        return
    if not all(map(_is_there, ("sentencepiece", "google.protobuf"))):
        raise InputError(
            f"model.encoder: the tokenizer of {source} is a sentencepiece model and no "
            "tokenizer.json; pip install sentencepiece protobuf"
        )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # its parent is missing
        return False
