"""The table of `make kernels`: the assembler's report, kernels' names, and what is a failure."""

from __future__ import annotations

import json
import shutil

import pytest
import sass
from kernel_resources import (
    BuildError,
    Usage,
    cubin_command,
    cubin_path,
    cuda_sources,
    failures,
    main,
    parse_report,
    table,
)

# What ptxas 13.0 printed of a kernel that spills, of one that calls a function that was not
# inlined, and of one with neither.
REPORT = """\
ptxas info    : 24 bytes gmem
ptxas info    : Compiling entry function '_Z5callsPf' for 'sm_90'
ptxas info    : Function properties for _Z5callsPf
    32 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 18 registers, used 0 barriers, 32 bytes cumulative stack size
ptxas info    : Compile time = 5.920 ms
ptxas info    : Function properties for _Z6helperf
    8 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads
ptxas info    : Compiling entry function '_Z5spillPfi' for 'sm_90a'
ptxas info    : Function properties for _Z5spillPfi
    808 bytes stack frame, 1632 bytes spill stores, 1428 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 808 bytes cumulative stack size
ptxas info    : Compiling entry function '_Z4goodPf' for 'sm_80'
ptxas info    : Function properties for _Z4goodPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 39 registers, used 1 barriers, 128 bytes smem, 424 bytes cmem[0]
"""

SPILLS = """
__global__ void __launch_bounds__(128) spill(float* x, int n) {
  float r[300];
  for (int i = 0; i < 300; ++i) r[i] = x[i * 128 + threadIdx.x];
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < 300; ++j) r[j] = r[j] * r[(j * 7 + 1) % 300] + x[i];
  for (int i = 0; i < 300; ++i) x[i * 128 + threadIdx.x] = r[i];
}
"""
GOOD = """
__global__ void __launch_bounds__(192) good(float* x) {
  __shared__ float s[64];
  s[threadIdx.x % 64] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = s[(threadIdx.x + 1) % 64];
}
"""
GENERIC = """
__global__ void generic(float* x, float* y, int far) {
  __shared__ float s[64];
  float* to = far ? x : s;
  to[threadIdx.x % 64] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = to[(threadIdx.x + 1) % 64];
}
"""


def usage(**fields) -> Usage:
    zero = dict(registers=32, shared=0, stack=0, spill_stores=0, spill_loads=0)
    return Usage(**{"kernel": "k", "architecture": 90, **zero, **fields})


def test_parse_report():
    assert parse_report(REPORT) == [
        Usage("_Z5callsPf", 90, 18, 0, 32 + 8, 4, 4),
        Usage("_Z5spillPfi", 90, 255, 0, 808, 1632, 1428),
        Usage("_Z4goodPf", 80, 39, 128, 0, 0, 0),
    ]


def test_failures():
    kernels = parse_report(REPORT)
    names = {kernel.kernel: kernel.kernel for kernel in kernels}
    found = failures(kernels, names)
    assert [line.split()[0] for line in found] == ["_Z5callsPf", "_Z5spillPfi"]
    assert "1632 bytes of spill stores" in found[1]


@pytest.mark.parametrize(
    ("fields", "warps"),
    [
        (dict(registers=32), 64),
        (dict(registers=33), 48),  # 40 registers a thread, whole quarters of 4 warps
        (dict(registers=64), 32),
        (dict(registers=255), 8),
        (dict(registers=32, threads=192), 60),  # ten blocks of six warps
        (dict(registers=32, threads=32), 32),  # 32 blocks at most
        (dict(registers=32, threads=256, shared=48 * 1024), 32),  # 4 blocks of 49 KiB in 228
        (dict(registers=32, threads=256, shared=48 * 1024, architecture=80), 24),
        (dict(registers=32, architecture=86), 48),
        (dict(registers=32, threads=32, architecture=86), 16),  # 16 blocks at most
        (dict(registers=32, threads=32, architecture=120), 24),
        (dict(registers=32, threads=256, shared=48 * 1024, architecture=89), 16),
        (dict(registers=200, threads=512), 0),  # cannot be launched with its own bound
    ],
)
def test_warps(fields, warps):
    assert usage(**fields).warps == warps


def test_files_of_one_name_in_two_folders_have_a_cubin_each(tmp_path):
    sources = [f"/work/csrc/{family}/cuda/launchers.cu" for family in ("select", "positions")]
    paths = {cubin_path(tmp_path, source, 90) for source in sources}
    assert len(paths) == 2
    assert all(path.parent == tmp_path for path in paths)


def test_table_has_a_line_a_kernel():
    kernels = [
        usage(),
        usage(architecture=80, registers=40, stack=8),
        usage(kernel="m", shared=9, spill_loads=5),
    ]
    lines = table(kernels, {"k": "short", "m": "other"}).splitlines()
    assert lines[0].split()[0] == "kernel"
    assert lines[1].split() == ["other", "-", "-", "32", "-", "64", "9", "0", "5"]
    assert lines[2].split() == ["short", "-", "40", "32", "48", "64", "0", "8", "0"]


def test_command_of_the_build():
    entry = {
        "file": "/w/x.cu",
        "command": 'nvcc -DA=1 -I/w "--generate-code=arch=compute_90,code=[sm_90]" '
        "-Werror=all-warnings -Xptxas=--warn-on-spills -x cu -c /w/x.cu -o x.o",
    }
    command = cubin_command(entry, 80, "/out/x.cubin")
    assert command[:4] == ["nvcc", "-DA=1", "-I/w", "-Werror=all-warnings"]
    assert "-gencode=arch=compute_80,code=sm_80" in command
    assert "x.o" not in command
    assert "-c" not in command
    assert not any("90" in word for word in command)
    assert command.count("-Werror=all-warnings") == 1
    entry["command"] = entry["command"].replace("-Werror=all-warnings", "")
    assert "-Werror=all-warnings" in cubin_command(entry, 80, "/out/x.cubin")


def test_a_build_without_cuda_is_an_error(tmp_path):
    database = tmp_path / "compile_commands.json"
    database.write_text(json.dumps([{"file": "a.cpp", "command": "c++ a.cpp", "directory": "/"}]))
    with pytest.raises(BuildError, match="JNRF_CUDA=on"):
        cuda_sources(database)


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc")
def test_compiles_and_judges(tmp_path, capsys):
    def run(name: str, source: str) -> int:
        file = tmp_path / name
        file.write_text(source)
        command = f"nvcc -Werror=all-warnings -x cu -c {file} -o {file}.o"
        entry = {"file": str(file), "command": command, "directory": str(tmp_path)}
        database = tmp_path / "compile_commands.json"
        database.write_text(json.dumps([entry]))
        return main(["--database", str(database), "--out", str(tmp_path / "out"), "--arch", "90"])

    assert run("good.cu", GOOD) == 0
    line = capsys.readouterr().out.splitlines()[1].split()
    assert line[:2] == ["good", "192"]
    assert line[4:] == ["256", "0", "0"]

    if sass.disassembler():
        assert run("generic.cu", GENERIC) == 1
        printed = capsys.readouterr()
        assert "FAILED: generic on sm_90: generic accesses, 4x" in printed.err
        line = next(x for x in printed.out.splitlines()[2:] if x.startswith("generic "))
        assert line.split()[1:6] == ["-", "4x1", "-", "-", "4x2"]

    assert run("spills.cu", SPILLS) == 1
    assert "FAILED: spill on sm_90" in capsys.readouterr().err

    assert run("warns.cu", "__global__ void f() { int unused; }") == 2
    assert "unused" in capsys.readouterr().err
