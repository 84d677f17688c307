"""Proves without a GPU that code never waits for one: run it on the meta device under `NoWaits`.

Meta tensors have no values, so that whatever asks for one fails by itself or is caught here, and
they take the same branches as tensors on any device but the CPU.
"""

from __future__ import annotations

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

#: Operators whose result, or the shape of it, the host must read from the device.
WAITING = {
    "_local_scalar_dense",
    "_unique2",
    "equal",
    "is_nonzero",
    "masked_select",
    "nonzero",
    "nonzero_numpy",
    "unique_consecutive",
    "unique_dim",
}


class _NoNumbersFromTheHost(TorchFunctionMode):
    """Fails at torch.tensor, which copies numbers from the host unless it makes a CPU tensor."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        copied = function is torch.tensor and result.device.type != "cpu"
        assert not copied, "torch.tensor waits until its numbers are copied"
        return result


class NoWaits(TorchDispatchMode):
    """Fails at the first operator that would make the host wait for the device.

    These are the reading of values, shapes that depend on values, and copies between the host and
    the device unless they are asynchronous.
    """

    def __init__(self, device: str = "meta"):
        super().__init__()
        self.device = device
        self.operators: list[str] = []
        self._functions = _NoNumbersFromTheHost()

    def __enter__(self) -> NoWaits:
        self._functions.__enter__()
        return super().__enter__()

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        self._functions.__exit__(*error)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = function._schema.name.partition("::")[2]
        self.operators.append(name)
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        devices = {tensor.device.type for tensor in tensors}
        if self.device in devices:
            waits = name in WAITING
            if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
                indices = [x for x in tree_leaves(args[1]) if isinstance(x, torch.Tensor)]
                waits = any(x.dtype in (torch.bool, torch.uint8) for x in indices)
            if name == "repeat_interleave":
                waits = kwargs.get("output_size") is None
            assert not waits, f"{function} waits for the device"
        if name in ("_to_copy", "copy_"):
            to = kwargs.get("device")
            devices |= {torch.device(to).type} if to is not None else set()
            asynchronous = kwargs.get("non_blocking") or (name == "copy_" and True in args[2:])
            assert len(devices) < 2 or asynchronous, f"{function} waits: {sorted(devices)}"
        return function(*args, **kwargs)
