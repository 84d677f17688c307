"""Launches at real sizes, as the launchers themselves ask for them."""

from __future__ import annotations

import shutil

import pytest
import torch
from cuda_backends import load_host_operators
from kernel_resources import Usage, launch_table, occupancy
from launches import CUFFT, HIDDEN, Launch, by_work, record, symbols


def usage(**fields) -> Usage:
    zero = dict(registers=32, shared=0, stack=0, spill_stores=0, spill_loads=0)
    return Usage(**{"kernel": "k", "architecture": 90, **zero, **fields})


@pytest.mark.parametrize(
    ("fields", "threads", "shared", "blocks", "bound"),
    [
        (dict(registers=30), 256, 0, 8, "warps, registers"),
        (dict(registers=24), 256, 0, 8, "warps"),
        (dict(registers=128), 256, 0, 2, "registers"),
        (dict(registers=32), 32, 0, 32, "blocks"),
        (dict(registers=32), 128, 55_296, 4, "shared memory"),  # 4 x (54 + 1) KiB in 228
        (dict(registers=32, shared=256), 256, 181_392, 1, "shared memory"),
        (dict(registers=255), 256, 181_392, 1, "registers, shared memory"),
        (dict(registers=168), 384, 137_216, 1, "registers, shared memory"),
        (dict(registers=200), 512, 0, 0, "registers"),  # cannot be launched
    ],
)
def test_what_fits_on_a_multiprocessor(fields, threads, shared, blocks, bound):
    fits = occupancy(usage(**fields), threads, shared, 264)
    assert (fits.blocks, fits.bound) == (blocks, bound)
    assert fits.warps == blocks * threads // 32
    assert fits.waves == (2 / blocks if blocks else float("inf"))


def test_a_table_names_each_launch():
    works = [("mixing", [Launch("k", (10, 2, 1), 64, 1024), Launch(CUFFT, (1, 1, 1), 0, 0)])]
    lines = launch_table(works, {"k": usage(shared=24)}).splitlines()
    assert lines[1].strip() == "mixing: 2"
    assert lines[2].split()[:7] == ["k", "20", "64", "32", "1048", "32", "64"]
    assert lines[3].split() == [CUFFT]


@pytest.fixture(scope="module")
def stand_in():
    """The operators, and the library they are in."""
    if shutil.which("nm") is None:
        pytest.skip("needs nm, of binutils")
    load_host_operators()
    (library,) = (path for path in torch.ops.loaded_libraries if "_cuda_on_host" in path)
    return torch.ops.jnrf_on_host, library


@pytest.fixture(scope="module")
def recorded(stand_in) -> dict[str, list[Launch]]:
    """All works, for a device of 132 multiprocessors."""
    ops, library = stand_in
    return {name: record(ops, library, work, 132) for name, work in by_work(ops)}


def test_short_documents_go_together_and_long_ones_by_cufft(recorded):
    short = [launch.kernel for launch in recorded["fourier_mix_norm, 64 x 50-500, float32"]]
    assert len(short) == 8  # whatever the number of documents
    assert short[:2] == ["write_bounds<1000>", "fold_rows<4, float>"]
    assert short[2] == "mix_product<2, 4, float, float>"
    assert CUFFT not in short
    long = [launch.kernel for launch in recorded["fourier_mix_norm, 4096, float32"]]
    assert long.count(CUFFT) == 2
    assert long.count("fold_columns<4, float>") == 2
    assert long.count("column_epilogue<4, float, float>") == 2


@pytest.mark.parametrize(
    ("window", "blocks", "threads"),
    [(2, 512, 128), (3, 683, 128), (4, 512, 128), (6, 683, 96), (8, 512, 128), (16, 256, 256)],
)
def test_short_windows_go_by_one_kernel(stand_in, window, blocks, threads):
    ops, library = stand_in
    x = torch.randn(4096, HIDDEN)
    bounds = torch.tensor([0, 4096], dtype=torch.int32)
    found = record(ops, library, lambda: ops.fourier_mix(x, bounds, 1, True, window, 0), 132)
    assert [launch.kernel for launch in found[1:]] == ["mix_windows<4, float, float>"]
    assert (found[1].blocks, found[1].threads) == (blocks, threads)
    # 16 warps on a multiprocessor of 228 KB, of which each block takes one more.
    assert 512 // threads * (found[1].shared + 1024) <= 228 * 1024


def test_geometry_is_that_of_the_device_asked_for(stand_in):
    ops, library = stand_in
    name, work = next(by_work(ops))

    def folds(multiprocessors: int) -> list[int]:
        found = record(ops, library, work, multiprocessors)
        return [launch.blocks for launch in found if launch.kernel.startswith("fold_rows")]

    assert name.startswith("fourier_mix_norm, 64")
    assert folds(132) == [528, 528]  # four on each
    assert folds(20) == [80, 80]


def test_the_steps_of_a_crf_are_spread_over_blocks(recorded):
    launches = {launch.kernel: launch for launch in recorded["crf_nll, crf_decode, L=4096"]}
    assert launches["crf_pairs<float, float>"].blocks == 129
    assert launches["crf_factors<float, float, 1>"].blocks == 512


def test_recording_runs_nothing_and_ends(stand_in):
    ops, library = stand_in
    x = torch.randn(8, HIDDEN)
    bounds = torch.tensor([0, 8], dtype=torch.int32)
    assert record(ops, library, lambda: ops.fourier_mix(x, bounds), 132)
    mixed = ops.fourier_mix(x, bounds)
    torch.testing.assert_close(mixed, torch.fft.fft2(x).real, rtol=1e-4, atol=1e-3)
    places, names = symbols(library)
    assert len(places) == len(names) > 100
