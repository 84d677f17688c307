"""The weights of a model folder, which may come from anyone: checked before memory is taken.

The safetensors format: eight bytes that say how long the header is, the header (JSON: dtype, shape
and place of each tensor), the tensors. The library maps such a file into memory, where one that is
cut short while it is being read ends the process; here bytes are read, and what is missing is an
error. They go straight into the model's own memory.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from jnrf_ext.errors import InputError, system_reason
from jnrf_ext.shown import shown

#: Bytes of the longest header, and tensors of the largest model, that are read at all.
MOST_HEADER, MOST_TENSORS = 8 * 2**20, 10_000
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(slots=True, frozen=True)
class _Entry:
    """One tensor of the header; ``begin`` and ``end`` are bytes behind the header."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


class WeightFile:
    """An open ``model.safetensors`` whose header is whole and fits the file's size.

    A context manager. Everything is read from the file that was opened, also where another is put
    in its place meanwhile. Raises :class:`InputError` for a damaged file, here and in reading.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (closed by __exit__)
        except OSError as error:
            raise InputError(f"cannot read {path}: {system_reason(error, 'check it')}") from None
        try:
            self.tensors = self._read_header()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> WeightFile:
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def _damaged(self, reason: str) -> InputError:
        return InputError(
            f"{self.path} does not fit its config.json or is damaged ({reason}); "
            "copy the model folder again"
        )

    def _read_header(self) -> dict[str, _Entry]:
        size = os.fstat(self._file.fileno()).st_size
        first = self._file.read(8)
        length = int.from_bytes(first, "little")
        if len(first) < 8 or length > size - 8:
            raise self._damaged("its header is cut short")
        if length > MOST_HEADER:
            raise self._damaged(f"its header takes {length:,} bytes")
        try:
            header = json.loads(_read_exactly(self._file, length), object_pairs_hook=_no_repeats)
        except (ValueError, RecursionError, EOFError):
            raise self._damaged("its header is no JSON") from None
        if not isinstance(header, dict):
            raise self._damaged("its header is no JSON object")
        header.pop("__metadata__", None)
        if len(header) > MOST_TENSORS:
            raise self._damaged(f"it has {len(header):,} tensors")
        entries = {name: self._entry(name, about) for name, about in header.items()}
        end = 0
        for entry in sorted(entries.values(), key=lambda e: (e.begin, e.end)):
            if entry.begin != end:
                raise self._damaged("its tensors do not follow one another")
            end = entry.end
        if end != size - 8 - length:
            raise self._damaged(f"its tensors take {end:,} bytes, the file has {size - 8 - length}")
        self._data_at = 8 + length
        return entries

    def _entry(self, name: str, about: Any) -> _Entry:
        try:
            dtype, shape, (begin, end) = (about[k] for k in ("dtype", "shape", "data_offsets"))
            if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
                raise ValueError
        except (TypeError, KeyError, ValueError, IndexError):
            raise self._damaged(f"its header does not describe {shown(name)}") from None
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise self._damaged(f"{shown(name)} has an unknown dtype")
        if math.prod(shape) * _DTYPES[dtype].itemsize != end - begin:
            raise self._damaged(f"{shown(name)} has not the bytes of its shape")
        return _Entry(_DTYPES[dtype], tuple(shape), begin, end)

    def check(self, wanted: dict[str, Tensor]) -> None:
        """:class:`InputError` unless the file has just these names, with their shapes and dtypes.

        ``wanted`` is a model's ``state_dict()``, which may be on the meta device. Floating-point
        tensors may be of another width.
        """
        if missing := sorted(wanted.keys() - self.tensors.keys()):
            raise self._damaged(f"missing: {_some(missing)}")
        if extra := sorted(self.tensors.keys() - wanted.keys()):
            raise self._damaged(f"not of this model: {_some(extra)}")
        for name, tensor in wanted.items():
            entry = self.tensors[name]
            if entry.shape != tuple(tensor.shape):
                raise self._damaged(
                    f"{shown(name)} is {list(entry.shape)}, the model's is {list(tensor.shape)}"
                )
            floating = entry.dtype.is_floating_point and tensor.dtype.is_floating_point
            if entry.dtype != tensor.dtype and not floating:
                raise self._damaged(f"{shown(name)} is {entry.dtype}, the model's {tensor.dtype}")

    @torch.no_grad()
    def read_into(self, state: dict[str, Tensor]) -> None:
        """Fill the tensors of a ``state_dict()`` on the CPU, for which :meth:`check` has passed."""
        try:
            for name in sorted(state, key=lambda name: self.tensors[name].begin):
                tensor, entry = state[name].detach(), self.tensors[name]
                if not tensor.numel():
                    continue
                straight = tensor.dtype == entry.dtype and tensor.is_contiguous()
                into = tensor if straight else torch.empty(entry.shape, dtype=entry.dtype)
                self._file.seek(self._data_at + entry.begin)
                _fill(self._file, into.reshape(-1).view(torch.uint8).numpy())
                if not straight:
                    tensor.copy_(into)
        except EOFError:
            raise self._damaged("it was cut short while it was read") from None
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}; try again") from None


def _no_repeats(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _fill(file, buffer) -> None:
    """Read as many bytes as the buffer has; a system call may give fewer."""
    view, done = memoryview(buffer), 0
    while done < len(view):
        got = file.readinto(view[done : done + 2**30])
        if not got:
            raise EOFError
        done += got


def _read_exactly(file, length: int) -> bytes:
    data = bytearray(length)
    _fill(file, data)
    return bytes(data)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(shown, names[:3])) + more
