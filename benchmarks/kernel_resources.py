"""What every CUDA kernel takes of a multiprocessor, by the assembler's own account.

`make kernels` compiles each .cu file of the build for several GPU architectures, warnings as
errors, and prints a line a kernel: registers, shared memory known at compile time, stack frame,
spilled bytes, and the warps that a multiprocessor can hold (of 64; 48 on sm_86, sm_89 and sm_120).
A kernel with a stack frame or a spill is a failure, because both put into device memory what
belongs into registers. Needs nvcc, no GPU.

Where a disassembler is at hand (`sass`) a second table says, of sm_90, how wide each kernel's loads
and stores are and how many products on matrix units it has. Generic accesses, which find out at run
time whether an address is shared memory, are failures too. With --launches a third one has the
launches of the operators at real sizes, as their launchers ask for them (`launches`): blocks and
warps on a multiprocessor, what bounds them, and the waves of blocks over the device.

The files and their flags come from the compile database that CMake writes, so from CMakeLists.txt.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import sass
from kernel_names import readable

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = (80, 90, 100)

# A multiprocessor of every architecture since sm_80 (CUDA C++ programming guide, technical
# specifications); registers are handed out to a warp in units of 256, and to four warps at a time.
_REGISTERS, _REGISTER_UNIT = 65536, 256
_WARPS = {80: 64, 86: 48, 89: 48, 90: 64, 100: 64, 120: 48}
_BLOCKS = {80: 32, 86: 16, 89: 24, 90: 32, 100: 32, 120: 24}
_SHARED_KIB = {80: 164, 86: 100, 89: 100, 90: 228, 100: 228, 120: 100}
_SHARED_RESERVED = 1024  # bytes that CUDA takes of each block's shared memory
_SHARED_UNIT = 128  # bytes that shared memory is handed out in
_H200_MULTIPROCESSORS = 132


class BuildError(Exception):
    """A file that does not compile, or nothing to compile; the text says which and why."""


@dataclass(frozen=True)
class Usage:
    """One kernel on one architecture; sizes in bytes."""

    kernel: str  # mangled
    architecture: int
    registers: int
    shared: int  # known at compile time; what a launch asks for comes on top
    stack: int
    spill_stores: int
    spill_loads: int
    threads: int | None = None  # the launch bound of the kernel, if it has one

    @property
    def warps(self) -> int:
        """Most warps on a multiprocessor, as far as registers and static shared memory say."""
        a_warp = -(-self.registers * 32 // _REGISTER_UNIT) * _REGISTER_UNIT
        warps = min(_WARPS[self.architecture], _REGISTERS // a_warp // 4 * 4)
        if self.threads is None:
            return warps
        a_block = -(-self.threads // 32)
        shared = _SHARED_KIB[self.architecture] * 1024 // (self.shared + _SHARED_RESERVED)
        return min(warps // a_block, _BLOCKS[self.architecture], shared) * a_block


@dataclass(frozen=True)
class Occupancy:
    """What fits on a multiprocessor at once of a launch."""

    blocks: int
    warps: int
    bound: str  # by what: registers, shared memory, warps, blocks
    waves: float  # blocks of the launch over those that the whole device holds


def occupancy(
    usage: Usage,
    threads: int,
    shared: int,
    blocks: int,
    multiprocessors: int = _H200_MULTIPROCESSORS,
) -> Occupancy:
    """Of ``blocks`` of so many threads, each with ``shared`` bytes of dynamic shared memory."""
    a_warp = -(-usage.registers * 32 // _REGISTER_UNIT) * _REGISTER_UNIT
    a_block = -(-threads // 32)
    taken = usage.shared + shared + _SHARED_RESERVED
    taken = -(-taken // _SHARED_UNIT) * _SHARED_UNIT
    limits = {
        "warps": _WARPS[usage.architecture] // a_block,
        "registers": _REGISTERS // a_warp // 4 * 4 // a_block,
        "shared memory": _SHARED_KIB[usage.architecture] * 1024 // taken,
        "blocks": _BLOCKS[usage.architecture],
    }
    fit = min(limits.values())
    bound = ", ".join(name for name, limit in limits.items() if limit == fit)
    waves = blocks / (fit * multiprocessors) if fit else float("inf")
    return Occupancy(fit, fit * a_block, bound, waves)


def cuda_sources(database: Path) -> list[dict]:
    """The entries of a compile database that are CUDA files."""
    found = [e for e in json.loads(database.read_text()) if e["file"].endswith(".cu")]
    if not found:
        raise BuildError(f"{database} has no .cu file; build with JNRF_CUDA=on first")
    return found


def newest_database(folder: Path) -> Path:
    """The compile database of the last build below ``folder``."""
    found = sorted(folder.glob("cmake-*/compile_commands.json"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise BuildError(f"no compile_commands.json below {folder}; run make native first")
    return found[-1]


def cubin_command(entry: dict, architecture: int, output: Path) -> list[str]:
    """The file's command of the build, for one architecture, up to the assembler's report."""
    words, kept = iter(shlex.split(entry["command"])), []
    for word in words:
        if word == "-o":
            next(words)
        elif word != "-c" and not word.startswith(("--generate-code", "-gencode", "-arch")):
            kept.append(word)
    # The bound on spills is ours to check: the assembler would stop before its report.
    kept = [word for word in kept if word != "-Xptxas=--warn-on-spills"]
    if "-Werror=all-warnings" not in kept:
        kept.append("-Werror=all-warnings")
    target = f"-gencode=arch=compute_{architecture},code=sm_{architecture}"
    return [*kept, target, "-Xptxas=--verbose", "-cubin", "-o", str(output)]


_ENTRY = re.compile(r"Compiling entry function '(\S+)' for 'sm_(\d+)\w*'")
_PROPERTIES = re.compile(r"Function properties for (\S+)")
_FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")


def parse_report(text: str) -> list[Usage]:
    """The kernels in what ``ptxas --verbose`` printed, in its order.

    The frames and spills of device functions that were not inlined count for the kernel they are
    reported after.
    """
    kernels: list[Usage] = []
    name, architecture, frame = None, 0, [0, 0, 0]
    usage: Usage | None = None
    for line in text.splitlines():
        if match := _ENTRY.search(line):
            name, architecture = match[1], int(match[2])
            frame, usage = [0, 0, 0], None
        elif (match := _FRAME.search(line)) and name is not None:
            frame = [a + int(b) for a, b in zip(frame, match.groups(), strict=True)]
            if usage is not None:  # of a function called by the kernel before it
                stack, stores, loads = frame
                kernels[-1] = replace(usage, stack=stack, spill_stores=stores, spill_loads=loads)
        elif (match := _USED.search(line)) and name is not None:
            shared = _SHARED.search(line)
            usage = Usage(
                name, architecture, int(match[1]), int(shared[1]) if shared else 0, *frame
            )
            kernels.append(usage)
    return kernels


_INFO_BY_SIZE, _MAX_THREADS = 0x04, 0x05  # how ptxas notes __launch_bounds__ in .nv.info.<kernel>


def launch_bounds(cubin: bytes) -> dict[str, int]:
    """Threads a block of every kernel of a cubin that has ``__launch_bounds__``."""
    (sections_at,) = struct.unpack_from("<Q", cubin, 0x28)
    size, count, names_index = struct.unpack_from("<3H", cubin, 0x3A)

    def section(index: int) -> tuple[int, int, int]:
        name, _, _, _, at, length = struct.unpack_from("<IIQQQQ", cubin, sections_at + index * size)
        return name, at, length

    _, names_at, _ = section(names_index)
    bounds = {}
    for index in range(count):
        name, at, length = section(index)
        label = cubin[names_at + name : cubin.index(b"\0", names_at + name)].decode()
        if not label.startswith(".nv.info."):
            continue
        place = at
        while place + 4 <= at + length:
            kind, attribute, value = struct.unpack_from("<BBH", cubin, place)
            place += 4
            if kind == _INFO_BY_SIZE:
                if attribute == _MAX_THREADS:
                    x, y, z = struct.unpack_from("<3I", cubin, place)
                    bounds[label.removeprefix(".nv.info.")] = x * y * z
                place += value
    return bounds


def cubin_path(out: Path, source: str, architecture: int) -> Path:
    """Name a file's cubin by its whole path, as files of several folders may have one name."""
    name = "-".join(Path(source).with_suffix("").parts[1:])
    return out / f"{name}.sm_{architecture}.cubin"


def compile_all(entries: Iterable[dict], architectures: Sequence[int], out: Path) -> list[Usage]:
    """Compile every file for every architecture; the kernels of all."""
    out.mkdir(parents=True, exist_ok=True)

    def one(job: tuple[dict, int]) -> list[Usage]:
        entry, architecture = job
        cubin = cubin_path(out, entry["file"], architecture)
        command = cubin_command(entry, architecture, cubin)
        done = subprocess.run(command, cwd=entry["directory"], capture_output=True, text=True)
        if done.returncode != 0:
            raise BuildError(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
        bounds = launch_bounds(cubin.read_bytes())
        kernels = parse_report(done.stdout + done.stderr)
        return [replace(kernel, threads=bounds.get(kernel.kernel)) for kernel in kernels]

    jobs = [(entry, architecture) for entry in entries for architecture in architectures]
    with ThreadPoolExecutor(int(os.environ.get("MAX_JOBS") or os.cpu_count() or 1)) as pool:
        return [kernel for kernels in pool.map(one, jobs) for kernel in kernels]


def table(kernels: Sequence[Usage], names: dict[str, str]) -> str:
    """A line a kernel; registers and warps for each architecture, the worst of the rest."""
    architectures = sorted({kernel.architecture for kernel in kernels})
    by_name: dict[str, dict[int, Usage]] = {}
    for kernel in kernels:
        by_name.setdefault(names[kernel.kernel], {})[kernel.architecture] = kernel

    def each(usages: dict[int, Usage], field: str) -> str:
        values = (getattr(usages.get(a), field, "-") for a in architectures)
        return " ".join(f"{value!s:>3}" for value in values)

    def worst(usages: dict[int, Usage], field: str) -> str:
        return str(max(getattr(usage, field) for usage in usages.values()))

    header = ("kernel", "threads", "registers", "warps/SM", "shared", "stack", "spills")
    lines = [header]
    for name, usages in sorted(by_name.items()):
        threads = next(iter(usages.values())).threads
        spills = max(usage.spill_stores + usage.spill_loads for usage in usages.values())
        fields = (each(usages, "registers"), each(usages, "warps"))
        sizes = (worst(usages, "shared"), worst(usages, "stack"), str(spills))
        lines.append((name, str(threads or "-"), *fields, *sizes))
    columns = ", ".join(f"sm_{a}" for a in architectures)
    note = f"{len(by_name)} kernels; registers and warps/SM for {columns}; sizes in bytes"
    return f"{_columns(lines)}\n{note}"


def _columns(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells below each other, the first to the left."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def access_table(codes: Iterable[sass.Code], names: dict[str, str]) -> str:
    """A line a kernel: how wide it accesses each memory, its matrix products, its length."""
    memories = [memory for memory in sass.MEMORIES if memory != "local"]
    lines = [("kernel", *memories, "local", "matrix", "instructions")]
    for code in sorted(codes, key=lambda code: names[code.kernel]):
        widths = [sass.show(code.widths(memory)) for memory in (*memories, "local")]
        counts = (str(code.matrix or "-"), str(len(code.opcodes)))
        lines.append((names[code.kernel], *widths, *counts))
    return f"{_columns(lines)}\nbytes a thread x instructions in the code, all branches counted"


def launch_table(works: Iterable[tuple[str, Sequence]], usages: dict[str, Usage]) -> str:
    """A line a launch of each work, in its order: what it asks for, and what then fits."""
    header = ("launch", "blocks", "threads", "registers", "shared", "blocks/SM", "warps/SM")
    lines = [(*header, "bound", "waves")]
    for work, launches in works:
        lines.append((f"{work}: {len(launches)}", *[""] * (len(lines[0]) - 1)))
        for launch in launches:
            usage = usages.get(launch.kernel)
            if usage is None:  # a call of cuFFT
                lines.append((f"  {launch.kernel}", *[""] * (len(lines[0]) - 1)))
                continue
            fits = occupancy(usage, launch.threads, launch.shared, launch.blocks)
            sizes = (launch.blocks, launch.threads, usage.registers, usage.shared + launch.shared)
            cells = (*sizes, fits.blocks, fits.warps, fits.bound, f"{fits.waves:.2f}")
            lines.append((f"  {launch.kernel}", *map(str, cells)))
    return f"{_columns(lines)}\non sm_90, {_H200_MULTIPROCESSORS} multiprocessors"


def failures(kernels: Sequence[Usage], names: dict[str, str]) -> list[str]:
    """A line for every kernel that keeps in device memory what belongs into registers."""
    return [
        f"{names[k.kernel]} on sm_{k.architecture}: stack frame of {k.stack} bytes, "
        f"{k.spill_stores} bytes of spill stores, {k.spill_loads} of spill loads"
        for k in kernels
        if k.stack or k.spill_stores or k.spill_loads
    ]


def uncertain(codes: Iterable[sass.Code], names: dict[str, str]) -> list[str]:
    """A line for every kernel that finds out at run time which memory an address is in."""
    found = [(names[code.kernel], code.widths("generic")) for code in codes]
    return [f"{name} on sm_90: generic accesses, {sass.show(w)}" for name, w in found if w]


def launches_of(usages: dict[str, Usage]) -> str:
    """The table of launches at real sizes, from the stand-in, which is compiled for it."""
    import launches

    ops, library = launches.operators()
    works = (
        (name, launches.record(ops, library, work, _H200_MULTIPROCESSORS))
        for name, work in launches.by_work(ops)
    )
    return launch_table(works, usages)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database", type=Path, help="default: that of the last build")
    parser.add_argument("--arch", type=int, nargs="+", default=ARCHITECTURES, metavar="90")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "kernels", help="cubins")
    parser.add_argument("--launches", action="store_true", help="at real sizes; compiles a library")
    options = parser.parse_args(arguments)
    if unknown := set(options.arch) - set(_SHARED_KIB):
        parser.error(f"architectures are {sorted(_SHARED_KIB)}, not {sorted(unknown)}")
    try:
        entries = cuda_sources(options.database or newest_database(ROOT / "build"))
        kernels = compile_all(entries, options.arch, options.out)
        if not kernels:
            raise BuildError("the assembler reported no kernel; is its report written otherwise?")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    names = readable(sorted({kernel.kernel for kernel in kernels}))
    print(table(kernels, names))
    failed = failures(kernels, names)
    tool = sass.disassembler()
    if tool is None:
        print("\nno cuobjdump here (it comes with CUDA, and with Triton): no table of accesses")
    elif 90 in options.arch:
        cubins = [cubin_path(options.out, e["file"], 90) for e in entries]
        codes = sass.instructions(cubins, tool)
        print(f"\n{access_table(codes.values(), names)}")
        failed += uncertain(codes.values(), names)
    if options.launches:
        print(f"\n{launches_of({names[k.kernel]: k for k in kernels if k.architecture == 90})}")
    for line in failed:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
