"""Which device a command runs on."""

from __future__ import annotations

import torch

from jnrf_ext.errors import InputError

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str, local_rank: int | None = None) -> torch.device:
    """``auto`` is CUDA where torch sees a device, else the CPU; ``cuda`` insists on it.

    Process ``local_rank`` of several on a machine gets the CUDA device of that number.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device cuda: torch sees no CUDA device here; give cpu or auto")
    use_cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    if not use_cuda or local_rank is None:
        return torch.device("cuda" if use_cuda else "cpu")
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise InputError(
            f"LOCAL_RANK {local_rank}: torch sees {count} CUDA device{'s' * (count != 1)} here, "
            f"one for each process; start at most {count} on a machine, or give cpu"
        )
    return torch.device("cuda", local_rank)


def use_bf16(setting: str, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16: ``always``, ``never``, or ``auto`` where it pays.

    It pays on CUDA, and on processors with matrix units for it (AMX: about ten times float32);
    elsewhere bfloat16 is emulated and slow.
    """
    if setting != "auto":
        return setting == "always"
    return device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_amx_tile_supported())
