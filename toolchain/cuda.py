"""The CUDA compiler: which one, whether it works, and the GPU architectures to compile for.

An architecture is its compute capability without the point: 90 is that of GPUs of capability 9.0.
For each there can be machine code (SASS), which also runs on GPUs of the same major and a higher
minor version, and PTX, from which the driver makes code for any newer GPU when it first meets one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain import needs

#: What a build serves where nothing says otherwise: A100; A10 and RTX 30; L40S and RTX 40; H100;
#: B200; RTX 50. The machine code of 86 runs on 87 too, that of 100 on 103, that of 120 on 121.
SERVED = (80, 86, 89, 90, 100, 120)
#: The architecture whose PTX goes with them, for all that is newer than the machine code. The
#: kernels use nothing of later ones, and every supported nvcc knows it.
PTX = 90
#: The first with the matrix instructions that the kernels use (bfloat16, TF32).
OLDEST = 80
OLDEST_NVCC = (12, 0)

# The families that torch's builds know by name, in the same words.
_FAMILIES = {
    "turing": "7.5+PTX",
    "ampere+tegra": "8.7",
    "ampere": "8.0;8.6+PTX",
    "ada": "8.9+PTX",
    "hopper": "9.0+PTX",
    "blackwell+tegra": "11.0",
    "blackwell": "10.0;10.3;12.0;12.1+PTX",
}
_PROBE = "#include <cuda_bf16.h>\n__global__ void probe(__nv_bfloat16* x) { *x = *x; }\n"


class Problem(Exception):
    """Why CUDA cannot be compiled, in one line that says what to do."""


@dataclass(frozen=True)
class Nvcc:
    """A CUDA compiler that works."""

    path: str
    version: tuple[int, int]
    known: tuple[int, ...]  # the architectures that it compiles for, ascending

    def __str__(self) -> str:
        return f"nvcc {'.'.join(map(str, self.version))} ({self.path})"


def find_nvcc(environ: Mapping[str, str] = os.environ) -> tuple[Nvcc | None, str | None]:
    """The CUDA compiler to use, or why there is none.

    JNRF_CUDA says whether CUDA is compiled: ``auto`` (where there is an nvcc that works), ``on``,
    ``off``. A GPU that is visible, or not, never does.

    Raises:
        Problem: JNRF_CUDA is none of the three, or ``on`` without an nvcc that works.
    """
    wanted = environ.get("JNRF_CUDA", "auto").lower()
    if wanted not in ("auto", "on", "off"):
        raise Problem(f"JNRF_CUDA={wanted!r} is not understood; use auto, on or off")
    if wanted == "off":
        return None, "JNRF_CUDA=off"
    try:
        return ask(_path_of_nvcc(environ)), None
    except Problem as problem:
        if wanted == "on":
            raise Problem(
                f"JNRF_CUDA=on, but {problem}; or use JNRF_CUDA=auto to build for the CPU alone"
            ) from None
        return None, str(problem)


def _path_of_nvcc(environ: Mapping[str, str]) -> str:
    home = environ.get("CUDA_HOME") or environ.get("CUDA_PATH")
    candidates = [shutil.which("nvcc", path=f"{home}/bin") if home else None]
    candidates.append(shutil.which("nvcc", path=environ.get("PATH")))
    candidates.append(shutil.which("nvcc", path="/usr/local/cuda/bin"))
    for candidate in filter(None, candidates):
        return candidate
    raise Problem(
        "no nvcc was found at build time: install the CUDA toolkit, or set CUDA_HOME to where it is"
    )


def ask(path: str) -> Nvcc:
    """What this nvcc is, after it compiled a few lines.

    Raises:
        Problem: it does not run, is too old, or cannot compile.
    """
    printed = _run(path, "--version")
    release = re.search(r"release (\d+)\.(\d+)", printed)
    if release is None:
        raise _broken(path, needs.first_error(printed.encode()))
    version = (int(release[1]), int(release[2]))
    if version < OLDEST_NVCC:
        least = ".".join(map(str, OLDEST_NVCC))
        raise Problem(
            f"nvcc {release[1]}.{release[2]} ({path}) is too old: install a CUDA toolkit of "
            f"{least} or newer, or set CUDA_HOME to where one is"
        )
    known = sorted({int(n) for n in re.findall(r"^compute_(\d+)$", _run(path, LIST), re.MULTILINE)})
    if not known or known[-1] < OLDEST:
        raise _broken(path, f"it lists no architecture of {OLDEST} or newer")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.cu"
        source.write_text(_PROBE)
        newest = f"-gencode=arch=compute_{known[-1]},code=sm_{known[-1]}"
        _run(path, "-std=c++17", newest, "-c", str(source), "-o", str(source.with_suffix(".o")))
    return Nvcc(path, version, tuple(known))


LIST = "--list-gpu-arch"


def _run(path: str, *arguments: str) -> str:
    try:
        done = subprocess.run([path, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise _broken(path, error.strerror) from None
    if done.returncode != 0:
        raise _broken(path, needs.first_error(done.stdout))
    return done.stdout.decode(errors="replace")


def _broken(path: str, why: str) -> Problem:
    return Problem(
        f"the nvcc at {path} does not work ({why}): repair the CUDA toolkit, or set CUDA_HOME to "
        "one that works"
    )


def visible_capabilities() -> list[tuple[int, int]]:
    """The compute capabilities of this machine's GPUs, by nvidia-smi."""
    if needs.gpus_are_hidden():
        return []
    lines = needs.nvidia_smi("--query-gpu=compute_cap", "--format=csv,noheader")
    found = (re.fullmatch(r"(\d+)\.(\d+)", line) for line in lines)
    return sorted({(int(match[1]), int(match[2])) for match in found if match})


def architectures(
    wanted: str | None, nvcc: Nvcc, visible: Sequence[tuple[int, int]]
) -> tuple[list[str], list[str]]:
    """What to compile for, in CMake's words, and what to tell of it.

    Args:
        wanted: TORCH_CUDA_ARCH_LIST as torch's own builds read it: ``8.0;9.0+PTX``, names such as
            ``Ampere``, and ``native``, ``all`` or ``all-major``. None or nothing asks for the GPUs
            that are visible and, where none is, for all that people have.
        nvcc: what it knows; names and the default leave out the rest.
        visible: the compute capabilities of this machine's GPUs.

    Returns:
        ``["80-real", "90", "100-virtual"]``: machine code, both, PTX; and notes, a line each.

    Raises:
        Problem: a word that is not understood, an architecture that nvcc does not know, or none
            that the kernels can run on.
    """
    words = [word for word in re.split(r"[;,\s]+", wanted or "") if word]
    code: set[int | str] = set()
    ptx: set[int | str] = set()
    notes: list[str] = []
    if not words:
        _add_visible(visible, nvcc, code, ptx, notes)
        if not code | ptx:
            _add_served(nvcc, code, ptx)
    for word in words:
        _add_word(word.lower(), nvcc, visible, code, ptx, notes)
    if not code | ptx:
        raise Problem(
            f"TORCH_CUDA_ARCH_LIST={wanted!r} names no GPU that the CUDA kernels run on: they need "
            f"compute capability {spoken(OLDEST)} or newer; unset it, or use JNRF_CUDA=off"
        )
    names = sorted(code | ptx, key=lambda name: (int(re.match(r"\d+", str(name))[0]), str(name)))
    endings = {(True, True): "", (True, False): "-real", (False, True): "-virtual"}
    return [f"{name}{endings[name in code, name in ptx]}" for name in names], notes


def _add_served(nvcc: Nvcc, code: set, ptx: set) -> None:
    code.update(set(SERVED) & set(nvcc.known))
    ptx.add(_nearest(PTX, nvcc.known))


def _add_visible(visible, nvcc: Nvcc, code: set, ptx: set, notes: list[str]) -> None:
    for major, minor in visible:
        number = 10 * major + minor
        if number < OLDEST:
            notes.append(
                f"the GPU of compute capability {major}.{minor} is left out: the CUDA kernels need "
                f"{spoken(OLDEST)} or newer"
            )
            continue
        nearest = _nearest(number, nvcc.known)
        if nearest // 10 == major:
            code.add(nearest)
        else:  # newer than nvcc
            ptx.add(nearest)
            notes.append(
                f"{nvcc} does not know compute capability {major}.{minor}: the driver will "
                "compile for it when the kernels are first used"
            )


def _add_word(word: str, nvcc: Nvcc, visible, code: set, ptx: set, notes: list[str]) -> None:
    recent = [known for known in nvcc.known if known >= OLDEST]
    if word in _FAMILIES:
        parts = _FAMILIES[word].lower().split(";")
        for part in [p for p in parts if _number(p)[0] in nvcc.known] or parts[-1:]:
            _add_word(part, nvcc, visible, code, ptx, notes)
    elif word == "native":
        if not visible:
            raise Problem(
                "TORCH_CUDA_ARCH_LIST=native, but nvidia-smi shows no GPU here: name its compute "
                "capability (8.0 for an A100), or unset the variable"
            )
        _add_visible(visible, nvcc, code, ptx, notes)
    elif word in ("all", "all-major"):
        code.update(recent if word == "all" else {n for n in recent if n % 10 == 0})
        ptx.add(recent[-1])
    else:
        number, suffix, with_ptx = _number(word)
        if number < OLDEST:
            notes.append(
                f"{spoken(number)} of TORCH_CUDA_ARCH_LIST is left out: the CUDA kernels need "
                f"{spoken(OLDEST)} or newer"
            )
            return
        if number not in nvcc.known:
            raise Problem(
                f"{nvcc} does not know {spoken(number)} of TORCH_CUDA_ARCH_LIST, only "
                f"{', '.join(map(spoken, recent))}: install a newer CUDA toolkit, or use "
                f'TORCH_CUDA_ARCH_LIST="{spoken(_nearest(number, recent))}+PTX", from which the '
                "driver compiles for newer GPUs"
            )
        name = f"{number}{suffix}" if suffix else number
        code.add(name)
        if with_ptx:
            ptx.add(name)


def _nearest(number: int, known: Collection[int]) -> int:
    return max((n for n in known if n <= number), default=min(known))


def _number(word: str) -> tuple[int, str, bool]:
    """``8.6+PTX`` (or ``86+PTX``) as 86, the suffix of ``9.0a`` or nothing, and whether PTX too."""
    match = re.fullmatch(r"(\d{1,2})\.?(\d)([af]?)(\+ptx)?", word.lower())
    if match is None:
        raise Problem(
            f"{word!r} of TORCH_CUDA_ARCH_LIST is not understood: use compute capabilities "
            f"(8.0;9.0+PTX), {', '.join(name.title() for name in _FAMILIES)}, native, all or "
            "all-major"
        )
    return int(match[1] + match[2]), match[3], bool(match[4])


def spoken(number: int | str) -> str:
    """90 as "9.0"."""
    digits, suffix = re.fullmatch(r"(\d+)([af]?)", str(number)).groups()
    return f"{digits[:-1]}.{digits[-1]}{suffix}"


def note(text: str) -> None:
    """Tell the person who builds; pip shows it with ``-v``."""
    print(f"jnrf_ext: {text}", file=sys.stderr)
