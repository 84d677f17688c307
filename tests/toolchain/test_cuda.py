"""Which nvcc is used, what is wrong with it, and which GPUs are compiled for."""

from __future__ import annotations

import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import program

from jnrf_ext.gpu_code import code_for
from toolchain import cuda
from toolchain.cuda import Nvcc, Problem, architectures

NVCC_13 = Nvcc("nvcc", (13, 0), (75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121))
NVCC_12_4 = Nvcc("nvcc", (12, 4), (50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90))
DEFAULT = ["80-real", "86-real", "89-real", "90", "100-real", "120-real"]


def chosen(wanted, nvcc=NVCC_13, visible=()):
    return architectures(wanted, nvcc, visible)[0]


# ------------------------------------------------------------------ architectures


@pytest.mark.parametrize("unset", [None, "", "  ", ";"])
def test_without_a_gpu_all_are_served_that_people_have(unset):
    assert architectures(unset, NVCC_13, []) == (DEFAULT, [])


def test_an_older_nvcc_leaves_out_what_it_does_not_know():
    assert chosen(None, NVCC_12_4) == ["80-real", "86-real", "89-real", "90"]


@pytest.mark.parametrize("nvcc", [NVCC_13, NVCC_12_4])
@given(
    capability=st.sampled_from(
        [
            (8, 0),
            (8, 6),
            (8, 7),
            (8, 9),
            (9, 0),
            (10, 0),
            (10, 3),
            (11, 0),
            (12, 0),
            (12, 1),
            (14, 3),
        ]
    )
)
def test_the_default_has_code_for_every_gpu_since_the_a100(nvcc, capability):
    assert code_for(chosen(None, nvcc), capability)


@pytest.mark.parametrize(
    ("visible", "words"),
    [
        ([(8, 6)], ["86-real"]),
        ([(8, 0), (9, 0)], ["80-real", "90-real"]),
        ([(12, 1)], ["121-real"]),
        ([(7, 5), (8, 9)], ["89-real"]),
        ([(7, 5)], DEFAULT),  # of no use here, but perhaps elsewhere
    ],
)
def test_a_visible_gpu_narrows_the_default(visible, words):
    found, notes = architectures(None, NVCC_13, visible)
    assert found == words
    assert len(notes) == ((7, 5) in visible)


@pytest.mark.parametrize(
    ("capability", "words"),
    [((9, 3), ["90-real"]), ((8, 8), ["87-real"]), ((12, 0), ["90-virtual"])],
)
def test_a_visible_gpu_that_nvcc_does_not_know_runs_all_the_same(capability, words):
    found, _ = architectures(None, NVCC_12_4, [capability])
    assert found == words
    assert code_for(found, capability)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("9.0", ["90-real"]),
        ("8.0;9.0", ["80-real", "90-real"]),
        ("8.0 9.0", ["80-real", "90-real"]),
        ("9.0,8.0", ["80-real", "90-real"]),
        ("8.0;9.0+PTX", ["80-real", "90"]),
        ("8.6+ptx", ["86"]),
        ("9.0;9.0+PTX", ["90"]),
        ("90", ["90-real"]),  # as CMake writes it
        ("12.0+PTX", ["120"]),
        ("9.0a", ["90a-real"]),
        ("8.0;9.0a+PTX;10.0f", ["80-real", "90a", "100f-real"]),
        ("7.5;8.0", ["80-real"]),  # set for all extensions of an image
        ("Ampere", ["80-real", "86"]),
        ("Ampere+Tegra", ["87-real"]),
        ("ada;Hopper", ["89", "90"]),
        ("Turing;Ada", ["89"]),
        ("Blackwell", ["100-real", "103-real", "120-real", "121"]),
        ("all-major", ["80-real", "90-real", "100-real", "110-real", "120-real", "121-virtual"]),
    ],
)
def test_the_variable_wins_as_torch_reads_it(wanted, words):
    assert chosen(wanted) == words
    assert chosen(wanted, visible=[(8, 9)]) == words


def test_all_is_all_that_nvcc_knows_and_the_kernels_run_on():
    assert chosen("all") == [f"{n}-real" for n in NVCC_13.known[1:-1]] + ["121"]
    assert chosen("ALL", NVCC_12_4) == ["80-real", "86-real", "87-real", "89-real", "90"]


def test_native_is_the_gpu_that_is_here():
    assert chosen("native", visible=[(8, 9)]) == ["89-real"]
    assert chosen("native;9.0+PTX", visible=[(8, 9)]) == ["89-real", "90"]
    with pytest.raises(Problem, match="native, but nvidia-smi shows no GPU"):
        chosen("native")


def test_families_leave_out_what_nvcc_does_not_know():
    nvcc_12_8 = Nvcc("nvcc", (12, 8), (*NVCC_12_4.known, 100, 101, 120))
    assert chosen("Blackwell", nvcc_12_8) == ["100-real", "120-real"]
    with pytest.raises(Problem, match=r"nvcc 12.4 \(nvcc\) does not know 12.1"):
        chosen("Blackwell", NVCC_12_4)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("sm_90", "'sm_90' of TORCH_CUDA_ARCH_LIST is not understood"),
        ("8.0;9", "'9' of"),
        ("Pascal", r"use compute capabilities \(8.0;9.0\+PTX\), Turing, Ampere\+Tegra, Ampere"),
        ("9.0+SASS", "not understood"),
        ("7.5", "need compute capability 8.0 or newer; unset it, or use JNRF_CUDA=off"),
        ("Turing", "need compute capability 8.0"),
        ("13.0", r'or use TORCH_CUDA_ARCH_LIST="12.1\+PTX"'),
        ("9.3", r'only 8.0, 8.6, .*TORCH_CUDA_ARCH_LIST="9.0\+PTX"'),
    ],
)
def test_words_that_cannot_be_compiled_for(wanted, message):
    with pytest.raises(Problem, match=message) as told:
        chosen(wanted)
    assert "\n" not in str(told.value)


def test_what_a_message_advises_is_understood():
    assert code_for(chosen("12.1+PTX"), (13, 0)) == "PTX 12.1"


def test_spoken_is_what_the_variable_takes():
    assert [cuda.spoken(n) for n in (80, 121, "90a")] == ["8.0", "12.1", "9.0a"]
    for number in NVCC_13.known[1:]:
        assert chosen(cuda.spoken(number)) == [f"{number}-real"]


# ------------------------------------------------------------------ nvcc

WORKS = """
case "$1" in
  --version) echo "Cuda compilation tools, release 12.4, V12.4.131" ;;
  --list-gpu-arch) printf 'compute_80\\ncompute_90\\n' ;;
  *) exit 0 ;;
esac
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Sets the nvcc on the path, and the environment; nothing of this machine's own."""
    which = shutil.which
    # The place of a toolkit that is not on the path.
    monkeypatch.setattr(
        cuda.shutil,
        "which",
        lambda name, path=None: None if path == "/usr/local/cuda/bin" else which(name, path=path),
    )

    def set_up(script=None, **environ):
        if script is not None:
            program(tmp_path / "bin", "nvcc", script)
        return {"PATH": str(tmp_path / "bin"), **environ}

    return set_up


def test_an_nvcc_that_works(machine, tmp_path):
    nvcc, reason = cuda.find_nvcc(machine(WORKS))
    assert nvcc == Nvcc(str(tmp_path / "bin/nvcc"), (12, 4), (80, 90))
    assert reason is None
    assert str(nvcc) == f"nvcc 12.4 ({tmp_path}/bin/nvcc)"


def test_cuda_home_comes_first(machine, tmp_path):
    program(tmp_path / "toolkit/bin", "nvcc", WORKS)
    environ = machine("exit 1", CUDA_HOME=str(tmp_path / "toolkit"))
    assert cuda.find_nvcc(environ)[0].path == str(tmp_path / "toolkit/bin/nvcc")


def test_off_asks_nobody(machine):
    assert cuda.find_nvcc(machine("exit 1", JNRF_CUDA="off")) == (None, "JNRF_CUDA=off")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (None, "no nvcc was found at build time: install the CUDA toolkit, or set CUDA_HOME"),
        ("echo 'libstdc++.so.6: cannot open shared object file' >&2; exit 127", "cannot open"),
        ("echo hello", r"does not work \(hello\): repair the CUDA toolkit"),
        ("exit 0", r"\(it printed nothing\)"),
        (WORKS.replace("12.4", "11.5"), r"nvcc 11.5 .* is too old: install .* 12.0 or newer"),
        (WORKS.replace("compute_80\\ncompute_90", "compute_75"), "no architecture of 80 or newer"),
        (
            WORKS.replace(
                "*) exit 0", "*) echo 'x.h(1): error: #error -- unsupported GNU version!'; exit 1"
            ),
            r"does not work \(x.h\(1\): error: #error -- unsupported GNU version!\)",
        ),
    ],
)
def test_an_nvcc_that_does_not_work(machine, script, reason):
    nvcc, why = cuda.find_nvcc(machine(script))
    assert nvcc is None
    assert re.search(reason, why)
    assert "\n" not in why
    with pytest.raises(Problem, match=f"JNRF_CUDA=on, but .*{reason}.*JNRF_CUDA=auto"):
        cuda.find_nvcc(machine(script, JNRF_CUDA="on"))


def test_another_word_is_an_error(machine):
    with pytest.raises(Problem, match="JNRF_CUDA='yes' is not understood; use auto, on or off"):
        cuda.find_nvcc(machine(WORKS, JNRF_CUDA="yes"))


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc")
def test_the_nvcc_that_is_here_compiles_the_default():
    nvcc = cuda.ask(shutil.which("nvcc"))
    assert nvcc.version >= cuda.OLDEST_NVCC
    words, notes = architectures(None, nvcc, [])
    assert {"80-real", "90"} <= set(words)
    assert notes == []


# ------------------------------------------------------------------ GPUs


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("printf '8.6\\n9.0\\n8.6\\n'", [(8, 6), (9, 0)]),
        ("echo '[N/A]'", []),
        ("exit 9", []),
    ],
)
def test_capabilities_come_from_nvidia_smi(tmp_path, monkeypatch, script, found):
    program(tmp_path, "nvidia-smi", script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert cuda.visible_capabilities() == found
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert cuda.visible_capabilities() == []
