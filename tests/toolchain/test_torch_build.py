"""Which torch `make` installs, and what it says before."""

from __future__ import annotations

import subprocess

import pytest

from toolchain import cuda, needs, torch_build
from toolchain.torch_build import CPU_INDEX, TESTED, TESTED_CPU, attempts, plan


def test_with_a_gpu_torch_is_pypi_s():
    assert attempts(True, True) == attempts(True, False) == [[f"torch=={TESTED}"]]


def test_without_a_gpu_it_is_the_cpu_build_wherever_one_is():
    first, second, last = attempts(False, True)
    assert first == ["--extra-index-url", CPU_INDEX, f"torch=={TESTED}+cpu"]
    assert second == ["--extra-index-url", CPU_INDEX, f"torch=={TESTED_CPU}+cpu"]
    assert last == [f"torch=={TESTED}"]
    assert attempts(False, False) == [first[2:], second[2:], last]


@pytest.fixture
def pip(monkeypatch):
    """Notes what pip is asked for; it has what ``has`` says."""
    asked: list[list[str]] = []

    def run(command, **_):
        assert command[1:5] == ["-m", "pip", "install", "-q"]
        asked.append(command[5:])
        return subprocess.CompletedProcess(command, int(command[-1] not in run.has))

    run.has = set()
    monkeypatch.setattr(torch_build.subprocess, "run", run)
    monkeypatch.setattr(torch_build, "answers", lambda url: True)
    monkeypatch.setattr(needs, "gpu_is_visible", lambda: False)
    monkeypatch.setattr(torch_build.platform, "system", lambda: "Linux")
    return run, asked


def test_the_first_that_pip_finds_is_taken(pip, capsys):
    run, asked = pip
    run.has = {f"torch=={TESTED_CPU}+cpu"}
    assert torch_build.main([]) == 0
    assert [words[-1] for words in asked] == [f"torch=={TESTED}+cpu", f"torch=={TESTED_CPU}+cpu"]
    assert capsys.readouterr().out == ""


def test_without_any_cpu_build_the_other_is_taken_and_its_size_said(pip, capsys):
    run, asked = pip
    run.has = {f"torch=={TESTED}"}
    assert torch_build.main([]) == 0
    assert asked[-1] == [f"torch=={TESTED}"]
    (line,) = capsys.readouterr().out.splitlines()
    assert "no CPU build of torch" in line
    assert "3.0 GB" in line


def test_what_is_named_is_what_pip_gets(pip):
    run, asked = pip
    run.has = {"torch>=2.11"}
    assert torch_build.main(["torch>=2.11"]) == 0
    assert torch_build.main(["torch==0"]) == 1
    assert asked == [["torch>=2.11"], ["torch==0"]]


@pytest.mark.parametrize(("system", "gpu"), [("Linux", True), ("Darwin", False)])
def test_elsewhere_pip_gets_the_plain_version(pip, monkeypatch, system, gpu):
    run, asked = pip
    monkeypatch.setattr(torch_build.platform, "system", lambda: system)
    monkeypatch.setattr(needs, "gpu_is_visible", lambda: gpu)
    run.has = {f"torch=={TESTED}"}
    assert torch_build.main([]) == 0
    assert asked == [[f"torch=={TESTED}"]]


def test_a_plan_names_gigabytes_and_minutes():
    light = plan(torch_build._CPU_MB, 0, 2)
    heavy = plan(torch_build._CUDA_MB, 6, 2)
    assert "the CPU's kernels, about" in light
    assert "those for 6 kinds of GPU" in heavy
    gigabytes = [float(text.split("about ")[1].split(" GB")[0]) for text in (light, heavy)]
    minutes = [int(text.split("about ")[2].split(" min")[0]) for text in (light, heavy)]
    assert gigabytes[0] < 1 < gigabytes[1]
    assert 0 < minutes[0] < minutes[1]
    assert "1 kind of GPU" in plan(torch_build._CUDA_MB, 1, 1)


def test_a_plan_says_what_the_build_would_stop_at(monkeypatch):
    def refuse():
        raise cuda.Problem("JNRF_CUDA=on, but no nvcc")

    monkeypatch.setattr(cuda, "find_nvcc", refuse)
    assert torch_build.main(["--plan"]) == "JNRF_CUDA=on, but no nvcc"


@pytest.mark.parametrize("jobs", ["x", "0", "-2", "1.5", "\u00b2"])
def test_a_plan_refuses_a_number_of_compilers_that_is_none(monkeypatch, jobs):
    monkeypatch.setenv("MAX_JOBS", jobs)
    said = torch_build.main(["--plan"])
    assert said.startswith(f"MAX_JOBS={jobs!r} is no number of compilers")


def test_compilers_are_as_many_as_asked_for_or_one_a_core():
    assert needs.compilers_at_once({"MAX_JOBS": "3"}) == 3
    cores = needs.compilers_at_once({})
    assert cores == needs.compilers_at_once({"MAX_JOBS": ""}) >= 1


def test_an_address_that_nobody_answers():
    assert torch_build.answers("http://127.0.0.1:9/", seconds=2) is False
    assert torch_build.answers("nonsense") is False
