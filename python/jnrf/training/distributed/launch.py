"""Which process of a run this is, from what torchrun puts into the environment. Loads no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from jnrf_ext.errors import InputError

#: Any of them says that a launcher started this process; then all must be there.
_COUNTS = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_PLACES = ("MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Launch:
    """One of ``size`` processes: number ``rank`` of all, ``local_rank`` on its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0


def read_launch(environment: Mapping[str, str] = os.environ) -> Launch:
    """What torchrun says of this process; the only one where it was not started by torchrun.

    Raises :class:`InputError` where the environment has a part of it only, or no sense.
    """
    if not any(environment.get(name) for name in _COUNTS):
        return Launch()
    remedy = f"start with torchrun, or unset {', '.join(_COUNTS)}"
    names = (*_COUNTS, *_PLACES)
    missing = [name for name in names if not environment.get(name)]
    if missing:
        there = next(name for name in _COUNTS if environment.get(name))
        raise InputError(
            f"the environment has {there}, as of several processes, but not "
            f"{', '.join(missing)}; {remedy}"
        )
    numbers = {}
    for name in (*_COUNTS, "MASTER_PORT"):
        try:
            numbers[name] = int(environment[name])
        except ValueError:
            raise InputError(
                f"{name} in the environment is {environment[name]!r}, not a number; {remedy}"
            ) from None
    rank, size, local = (numbers[name] for name in _COUNTS)
    if not (0 <= local <= rank < size and 0 < numbers["MASTER_PORT"] < 65536):
        said = ", ".join(f"{name} {environment[name]}" for name in (*_COUNTS, "MASTER_PORT"))
        raise InputError(f"the environment makes no sense ({said}); {remedy}")
    return Launch(rank, size, local)
