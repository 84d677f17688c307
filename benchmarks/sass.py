"""What a kernel's machine code does to memory, counted from its disassembly.

`instructions` runs the disassembler on a cubin; a `Code` counts what it printed of one kernel: how
wide loads and stores are, by memory, and the products on matrix units. Counts are of instructions
in the code, not of executions: a loop's body counts once, and so does the branch for what is not
aligned, which a call at the usual sizes does not enter.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Opcodes by what they access. "generic" finds out at run time whether an address is shared memory.
MEMORIES = {
    "global load": {"LDG"},
    "global store": {"STG"},
    "shared load": {"LDS", "LDSM"},
    "shared store": {"STS", "STSM"},
    "generic": {"LD", "ST"},
    "local": {"LDL", "STL"},
    "atomic": {"ATOM", "ATOMG", "ATOMS", "RED", "REDG"},
}
#: Products of matrices on the tensor cores: mma.sync (HMMA, IMMA, DMMA) and wgmma (HGMMA, QGMMA).
MATRIX = {"HMMA", "IMMA", "DMMA", "BMMA", "HGMMA", "QGMMA", "IGMMA"}
_BYTES = {"128": 16, "64": 8, "U16": 2, "S16": 2, "16": 2, "U8": 1, "S8": 1, "8": 1}

_FUNCTION = re.compile(r"^\s*Function\s*:\s*(\S+)")
_INSTRUCTION = re.compile(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z]\w*(?:\.\w+)*)")


@dataclass(frozen=True)
class Code:
    """The instructions of one kernel, in order, as opcodes with their modifiers."""

    kernel: str  # mangled
    opcodes: tuple[str, ...]

    def widths(self, memory: str) -> dict[int, int]:
        """How many instructions access that memory, by bytes a thread, the widest first."""
        found: Counter[int] = Counter()
        for opcode in self.opcodes:
            name, *modifiers = opcode.split(".")
            if name in MEMORIES[memory]:
                found[next((_BYTES[m] for m in modifiers if m in _BYTES), 4)] += 1
        return dict(sorted(found.items(), reverse=True))

    @property
    def matrix(self) -> int:
        """Products on matrix units."""
        return sum(opcode.split(".")[0] in MATRIX for opcode in self.opcodes)


def show(widths: dict[int, int]) -> str:
    """``{16: 8, 4: 70}`` as "16x8 4x70": bytes a thread times instructions."""
    return " ".join(f"{width}x{count}" for width, count in widths.items()) or "-"


def parse(text: str) -> list[Code]:
    """The kernels in what ``cuobjdump -sass`` printed."""
    kernels: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        if match := _FUNCTION.match(line):
            current = kernels.setdefault(match[1], [])
        elif (match := _INSTRUCTION.match(line)) and current is not None:
            current.append(match[1])
    return [Code(kernel, tuple(opcodes)) for kernel, opcodes in kernels.items()]


def disassembler() -> str | None:
    """cuobjdump: that of the toolkit, or the one that comes with Triton."""
    beside = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    folders = [None, str(Path(beside).parent)]
    if (triton := importlib.util.find_spec("triton")) and triton.origin:
        folders.append(str(Path(triton.origin).parent / "backends" / "nvidia" / "bin"))
    return next(filter(None, (shutil.which("cuobjdump", path=f) for f in folders)), None)


def instructions(cubins: Iterable[Path], tool: str) -> dict[str, Code]:
    """The code of every kernel of these cubins, by mangled name."""
    found = {}
    for cubin in cubins:
        done = subprocess.run([tool, "-sass", str(cubin)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{tool} -sass {cubin}\n{done.stdout}{done.stderr}")
        found |= {code.kernel: code for code in parse(done.stdout)}
    return found
