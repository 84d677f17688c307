"""Models on disk and on the Hugging Face hub: safetensors and JSON, never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from jnrf_ext.config import JNRFConfig
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically

if TYPE_CHECKING:
    from typing_extensions import Self

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

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json``, ``model.safetensors`` and the tokenizer, each file atomically."""
        from jnrf_ext import __version__

        folder = Path(folder)
        state = {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()
        }
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
        from jnrf_ext.tokenizer import Tokenizer

        folder = _find_folder(name, revision, local_files_only)
        for file in (CONFIG, WEIGHTS):
            if not (folder / file).is_file():
                raise InputError(
                    f"{folder} has no {file}: not a model folder; give one made by "
                    "save_pretrained or `jnrf train` (such as RUN/best)"
                )
        try:
            data = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            kind = dict(data).get("model_type", "nameless")
            if kind != "jnrf":
                raise InputError(f"{folder / CONFIG} describes a {kind!r} model, not a jnrf one")
            config = JNRFConfig.from_dict(data)
        except (ValueError, TypeError, KeyError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{folder / CONFIG} cannot be read ({error}); copy the model folder again"
            ) from error
        tokenizer_path = folder / TOKENIZER
        tokenizer = Tokenizer.from_file(tokenizer_path) if tokenizer_path.exists() else None
        model = cls(config, tokenizer)
        try:
            model.load_state_dict(load_file(folder / WEIGHTS))
        except (SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{folder / WEIGHTS} does not fit its config.json or is damaged ({reason}); "
                "copy the model folder again"
            ) from error
        return model.to(device).eval()
