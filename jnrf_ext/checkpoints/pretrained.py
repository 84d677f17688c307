"""Models on disk and on the Hugging Face hub: safetensors and JSON, never pickle.

A model folder may come from anyone. Nothing in it is run, and what it claims is checked before
memory of that size is taken: the model is first built without memory, compared with what the file
of weights says it holds, and only then built in earnest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save
from torch.overrides import TorchFunctionMode

from jnrf_ext.checkpoints.weight_file import WeightFile
from jnrf_ext.config import JNRFConfig
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically
from jnrf_ext.shown import reason_of, shown

if TYPE_CHECKING:
    from typing_extensions import Self

    from jnrf_ext.text.tokenizer import Tokenizer

#: Bytes of the longest config.json that is read.
_MOST_CONFIG = 8 * 2**20
#: Random numbers that a new model starts from, which weights from a file replace.
_RANDOM = {"normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "xavier_uniform_"}
#: What makes new tensors and can be told where.
_FACTORIES = {
    *(torch.arange, torch.empty, torch.eye, torch.full, torch.linspace, torch.ones, torch.rand),
    *(torch.randint, torch.randn, torch.randperm, torch.tensor, torch.zeros, torch.normal),
}
#: Modes that a block sets back at its end, which nothing may keep it from.
_RESTORES = {torch._C._set_grad_enabled}
#: Bytes of tables beside the weights, such as causal masks of some encoders.
_MOST_BUFFERS = 2**30
#: Tensor operations that building a model takes, for each of its tensors and beside them.
_STEPS_A_TENSOR, _STEPS_BESIDE = 20, 2000

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"


def _find_folder(name: str | Path, revision: str | None, local_files_only: bool) -> Path:
    """The local folder of a model: itself, or the hub's cached copy of it."""
    folder = Path(name)
    if folder.is_dir():
        return folder
    if folder.exists() or str(name).count("/") != 1 or str(name).startswith((".", "/", "~")):
        raise InputError(
            f"{name} is not a model folder; give a folder made by save_pretrained or `jnrf train` "
            "(such as RUN/best), or a hub id such as user/model"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                str(name),
                revision=revision,
                allow_patterns=[CONFIG, WEIGHTS, TOKENIZER],
                local_files_only=local_files_only,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"no folder {name} here, and the hub gave no such model ({reason}); "
            "check the path or the hub id"
        ) from error


class PretrainedMixin:
    """``save_pretrained`` and ``from_pretrained`` by the hub's conventions."""

    config: JNRFConfig
    tokenizer: Tokenizer | None

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json``, ``model.safetensors`` and the tokenizer, each file atomically."""
        from jnrf_ext import __version__

        folder = Path(folder)
        state = {name: _to_write(tensor) for name, tensor in _own_state(self).items()}
        header = {"model_type": "jnrf", "architectures": ["JNRF"], "jnrf_version": __version__}
        config = json.dumps(header | self.config.to_dict(), indent=2, ensure_ascii=False)
        write_atomically(folder / WEIGHTS, save(state, metadata={"format": "pt"}))
        write_atomically(folder / CONFIG, config + "\n")
        if self.tokenizer is not None:
            write_atomically(folder / TOKENIZER, self.tokenizer.to_json())

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        revision: str | None = None,
        local_files_only: bool = False,
        device: str | torch.device = "cpu",
    ) -> Self:
        """Load a model, ready for extraction (evaluation mode), from a folder or the hub.

        Raises :class:`InputError` naming the file that is missing, unreadable or does not fit.
        """
        from jnrf_ext.text.tokenizer import Tokenizer

        folder = _find_folder(name, revision, local_files_only)
        for file in (CONFIG, WEIGHTS):
            if not (folder / file).is_file():
                if file == CONFIG and (folder / "best" / CONFIG).is_file():
                    raise InputError(
                        f"{folder} is the folder of a run; give its model, {folder / 'best'}"
                    )
                raise InputError(
                    f"{folder} has no {file}: not a model folder; give one made by "
                    "save_pretrained or `jnrf train` (such as RUN/best)"
                )
        config = _read_config(folder / CONFIG)
        tokenizer_path = folder / TOKENIZER
        tokenizer = Tokenizer.from_file(tokenizer_path) if tokenizer_path.exists() else None
        with WeightFile(folder / WEIGHTS) as weights:
            # Without memory first, to compare; then what the file really holds.
            count = len(weights.tensors)
            outline = _build(cls, config, tokenizer, folder, count, "meta")
            weights.check(_own_state(outline))
            _check_ids(outline, folder)
            _check_buffers(outline, folder)
            model = _build(cls, config, tokenizer, folder, count, "cpu")
            weights.read_into(_own_state(model))
        model.eval()
        _try_encoder(model, folder)
        return model.to(device)


def _own_state(model) -> dict[str, torch.Tensor]:
    """A model's state by name, a weight that has several names under the first of them alone."""
    state = model.state_dict(keep_vars=True)
    first = {id(tensor): name for name, tensor in reversed(state.items())}
    return {name: tensor.detach() for name, tensor in state.items() if first[id(tensor)] == name}


def _to_write(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor on the CPU that shares its memory with no other, as safetensors wants them."""
    tensor = tensor.cpu().contiguous()
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def _read_config(path: Path) -> JNRFConfig:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_CONFIG + 1)
        if len(content) > _MOST_CONFIG:
            raise InputError(f"{path} is over {_MOST_CONFIG:,} bytes: not a jnrf model's")
        data = json.loads(content.decode())
        if not isinstance(data, dict):
            raise TypeError("no object of settings")
        kind = data.get("model_type", "nameless")
        if kind != "jnrf":
            raise InputError(f"{path} describes a {shown(kind)!r} model, not a jnrf one")
        return JNRFConfig.from_dict(data)
    except InputError as error:
        said = str(error)
        raise InputError(said if str(path) in said else f"{path}: {said}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check its permissions") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read ({reason_of(error)}); copy the model folder again"
        ) from error


class _TooManySteps(Exception):
    """A configuration asks for more layers than there are weights for."""


class _Building(TorchFunctionMode):
    """While a model is built for weights of a file: no random numbers, and an end to its steps.

    Leaving the random numbers out is most of the time that loading took, and leaves the caller's
    generator alone. With ``device`` every new tensor is there, whatever the code asks for.
    """

    def __init__(self, most_steps: int, device: str):
        super().__init__()
        self.left, self.device = most_steps, device

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func in _RESTORES:
            return func(*args, **(kwargs or {}))
        self.left -= 1
        if self.left < 0:
            raise _TooManySteps
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in _RANDOM:
            return args[0] if args else kwargs["tensor"]
        if func is torch.empty_like:
            # torch.nn.init.trunc_normal_ draws into such a tensor again and again, until no number
            # is out of its range.
            func = torch.zeros_like
        if func in _FACTORIES and not (func is torch.normal and "size" not in kwargs):
            kwargs = kwargs | {"device": self.device}
        return func(*args, **kwargs)


def _build(
    cls, config: JNRFConfig, tokenizer: Tokenizer | None, folder: Path, tensors: int, device: str
):
    """A model on ``device`` whose parameters are still to be filled."""
    path = folder / CONFIG
    try:
        with torch.device(device), _Building(_STEPS_A_TENSOR * tensors + _STEPS_BESIDE, device):
            return cls(config, tokenizer)
    except _TooManySteps:
        raise InputError(
            f"{folder / WEIGHTS} does not fit its config.json: of {tensors:,} tensors no such "
            "model is made; copy the model folder again"
        ) from None
    except InputError as error:
        said = str(error)
        raise InputError(said if said.startswith("config.json") else f"{path}: {said}") from error
    except Exception as error:  # transformers raises whatever its configuration runs into
        reason = reason_of(error)
        raise InputError(
            f"{path}: no model can be made of it ({reason}); copy the model folder again"
        ) from error


def _check_ids(model, folder: Path) -> None:
    """Whether all wordpiece ids that the model will meet have a row in its embeddings."""
    encoder = model.inputs.encoder
    rows = model.config.vocab_size if encoder is None else encoder.vocab_size
    if rows is None:
        return
    tokenizer = model.tokenizer
    if tokenizer is not None and tokenizer.ids_below > rows:
        raise InputError(
            f"{folder / TOKENIZER} gives ids up to {tokenizer.ids_below - 1:,}, the model has "
            f"{rows:,} embeddings: it belongs to another model; copy the model folder again"
        )
    ids = [model.config.mask_id, *(i for side in model.config.encoder_frame for i in side)]
    if not all(0 <= i < rows for i in ids):
        raise InputError(
            f"{folder / CONFIG}: mask_id and encoder_frame must be below {rows:,}, the number of "
            "embeddings"
        )


def _check_buffers(model, folder: Path) -> None:
    """Whether what the file does not hold, tables that follow from the settings, stays small."""
    total = sum(buffer.nbytes for buffer in model.buffers())
    if total > _MOST_BUFFERS:
        raise InputError(
            f"{folder / CONFIG} asks for tables of {total:,} bytes beside the weights; copy the "
            "model folder again"
        )


def _try_encoder(model, folder: Path) -> None:
    if model.inputs.encoder is None:
        return
    try:
        model.inputs.encoder.try_out()
    except InputError as error:
        raise InputError(f"{folder / CONFIG}: {error}; copy the model folder again") from error
