"""Which GPUs have code in a library, by the architectures that it was compiled for."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import sass
from hypothesis import given
from hypothesis import strategies as st

from jnrf_ext import _loader
from jnrf_ext.gpu_code import code_for, missing_code, spoken

DEFAULT = ["80-real", "86-real", "89-real", "90", "100-real", "120-real"]
CAPABILITIES = st.tuples(st.integers(5, 13), st.integers(0, 9))


@pytest.mark.parametrize(
    ("built", "capability", "runs"),
    [
        (["90-real"], (9, 0), "9.0"),
        (["90-real"], (8, 0), None),  # an A100 with an H100's code
        (["90-real"], (8, 9), None),
        (["90-real"], (10, 0), None),  # machine code of an older major version
        (["80-real"], (8, 6), "8.0"),
        (["86-real"], (8, 0), None),  # of a higher minor version
        (["80-real", "86-real"], (8, 9), "8.6"),
        (["90"], (9, 0), "9.0"),
        (["90"], (12, 0), "PTX 9.0"),
        (["90"], (8, 9), None),
        (["80-virtual"], (8, 0), "PTX 8.0"),
        (["80-virtual", "90-virtual"], (10, 3), "PTX 9.0"),
        (["80-virtual", "100-real"], (10, 3), "10.0"),  # machine code first
        (["90a-real"], (9, 0), "9.0a"),
        (["100a"], (10, 3), None),  # for one architecture alone, its PTX too
        (["100f-real"], (10, 3), "10.0f"),
        (["100f-virtual"], (11, 0), None),
        ([], (9, 0), None),
        (DEFAULT, (7, 5), None),  # T4
        (DEFAULT, (8, 0), "8.0"),  # A100
        (DEFAULT, (8, 6), "8.6"),  # A10
        (DEFAULT, (8, 7), "8.6"),  # Orin
        (DEFAULT, (8, 9), "8.9"),  # L40S
        (DEFAULT, (9, 0), "9.0"),  # H100
        (DEFAULT, (10, 0), "10.0"),  # B200
        (DEFAULT, (10, 3), "10.0"),  # B300
        (DEFAULT, (11, 0), "PTX 9.0"),  # Thor
        (DEFAULT, (12, 0), "12.0"),  # RTX 5090
        (DEFAULT, (12, 1), "12.0"),  # Spark
        (DEFAULT, (13, 0), "PTX 9.0"),  # what comes
    ],
)
def test_code_for(built, capability, runs):
    assert code_for(built, capability) == runs


def test_ptx_needs_a_driver_that_is_as_new_as_its_compiler():
    assert code_for(["90"], (12, 0), ptx_runs=False) is None
    assert code_for(["90"], (9, 0), ptx_runs=False) == "9.0"


@given(st.lists(st.tuples(CAPABILITIES, st.sampled_from(["", "-real", "-virtual"]))), CAPABILITIES)
def test_code_is_of_the_same_major_version_and_ptx_no_newer(built, capability):
    words = [f"{major}{minor}{ending}" for (major, minor), ending in built]
    runs = code_for(words, capability)
    machine = [
        b for b, end in built if end != "-virtual" and b[0] == capability[0] and b <= capability
    ]
    ptx = [b for b, end in built if end != "-real" and b <= capability]
    best = (max(machine), "") if machine else (max(ptx), "PTX ") if ptx else None
    assert runs == (best and "{}{}.{}".format(best[1], *best[0]))


def test_what_is_there_is_said_as_people_say_it():
    assert spoken(DEFAULT) == "8.0, 8.6, 8.9, 9.0, 10.0, 12.0, PTX 9.0"
    assert spoken(["90a-real", "100-virtual"]) == "9.0a, PTX 10.0"


def test_missing_code_names_the_variable_its_value_and_the_command():
    text = missing_code(["90-real"], "NVIDIA A10", (8, 6))
    assert "NVIDIA A10 has compute capability 8.6" in text
    assert "(it has 9.0)" in text
    assert 'TORCH_CUDA_ARCH_LIST="8.6" pip install .' in text
    assert "\n" not in text


def test_no_build_is_advised_for_a_gpu_that_no_build_serves():
    text = missing_code(DEFAULT, "Tesla T4", (7, 5))
    assert "need 8.0 or newer" in text
    assert "TORCH_CUDA_ARCH_LIST" not in text


def test_what_cmake_does_not_write_is_an_error():
    with pytest.raises(ValueError, match="'sm_90' is no architecture"):
        code_for(["sm_90"], (9, 0))


@pytest.mark.skipif(not _loader.cuda_library_exists(), reason="the CUDA library was not compiled")
@pytest.mark.skipif(sass.disassembler() is None, reason="needs cuobjdump, of CUDA or Triton")
def test_the_library_has_the_code_that_its_build_noted():
    library = Path(_loader.__file__).with_name("_C_cuda.so")

    def listed(kind: str) -> set[str]:
        command = [sass.disassembler(), f"--list-{kind}", str(library)]
        printed = subprocess.run(command, capture_output=True, text=True).stdout
        found = re.findall(r"\.sm_(\d+)(\d)([af]?)\.", printed)
        return {f"{major}.{minor}{suffix}" for major, minor, suffix in found}

    noted = spoken(_loader.build_info()["cuda_architectures"]).split(", ")
    assert listed("elf") == {name for name in noted if not name.startswith("PTX")}
    assert listed("ptx") == {name.split()[1] for name in noted if name.startswith("PTX")}
