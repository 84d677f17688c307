"""Kernels by their names in the source, in place of those that compilers make of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence


def readable(names: Sequence[str]) -> dict[str, str]:
    """The kernels' names as in the source, where ``c++filt`` is there to say them."""
    tool = shutil.which("c++filt") or shutil.which("cu++filt")
    if tool is None:
        return {name: name for name in names}
    done = subprocess.run([tool], input="\n".join(names), capture_output=True, text=True)
    return dict(zip(names, map(shorten, done.stdout.splitlines()), strict=True))


def shorten(name: str) -> str:
    """A demangled kernel without return type, parameters and the namespaces all share."""
    if name.endswith(")"):
        depth = 0
        for at in range(len(name) - 1, -1, -1):
            depth += {")": 1, "(": -1}.get(name[at], 0)
            if depth == 0:
                name = name[:at]
                break
    for common in ("(anonymous namespace)::", "jnrf::cuda::", "(int)", "(bool)", "(unsigned int)"):
        name = name.replace(common, "")
    return name.removeprefix("void ").replace("__nv_bfloat16", "bfloat16")
