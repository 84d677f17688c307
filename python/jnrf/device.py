"""Which device a command runs on."""

from __future__ import annotations

import torch

from jnrf_ext.errors import InputError

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str) -> torch.device:
    """``auto`` is CUDA where torch sees a device, else the CPU; ``cuda`` insists on it."""
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device cuda: torch sees no CUDA device here; give cpu or auto")
    use_cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if use_cuda else "cpu")


def use_bf16(setting: str, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16: ``always``, ``never``, or ``auto`` where it pays.

    It pays on CUDA, and on processors with matrix units for it (AMX: about ten times float32);
    elsewhere bfloat16 is emulated and slow.
    """
    if setting != "auto":
        return setting == "always"
    return device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_amx_tile_supported())
