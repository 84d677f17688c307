"""The command as a whole: help, exit statuses, one line for a user's mistake."""

from __future__ import annotations

import json

import pytest

from jnrf.cli import COMMANDS, build_parser, main
from jnrf_ext import InputError


def test_every_command_is_listed_with_what_it_does(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert name.replace("_", "-") in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(capsys, name):
    with pytest.raises(SystemExit, match="0"):
        main([name.replace("_", "-"), "--help"])
    assert "usage: jnrf" in capsys.readouterr().out


def test_building_the_parser_does_not_load_torch():
    import subprocess
    import sys

    code = "import sys, jnrf.cli as c; c.build_parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_mistake_is_one_line_and_status_2(capsys):
    assert main(["inspect", "no/such/folder"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("jnrf inspect: error: ")


@pytest.mark.parametrize("name", ["line\nbreak", "carriage\rreturn", "red \x1b[31m", "two\u2028"])
def test_a_mistake_is_one_line_whatever_a_file_is_called(tmp_path, capsys, name):
    (tmp_path / name).mkdir()
    assert main(["inspect", str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert ascii(name)[1:-1] in said
    assert said.endswith("\n")
    assert said[:-1].isprintable()


def test_a_mistake_has_a_traceback_for_who_asks():
    with pytest.raises(InputError):
        main(["--traceback", "inspect", "no/such/folder"])


def test_an_unknown_option_names_the_nearest(capsys):
    assert main(["train", "--optim.lrr", "1"]) == 2
    assert "did you mean --optim.lr?" in capsys.readouterr().err


def test_info_is_json_for_programs(capsys):
    assert main(["info", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["usable"]["cpu"]["usable"] is True
    assert info["packages"]["torch"]
    cuda = info["usable"]["cuda"]
    assert cuda["usable"] == (cuda["reason"] is None)


def test_info_reads_as_a_table(capsys):
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    assert "CPU kernels" in shown
    assert "CUDA kernels" in shown


@pytest.fixture
def gpus(monkeypatch):
    """GPUs with and without code in a CUDA library that is loaded, by their names."""
    import torch

    from jnrf_ext import _loader

    def show(**errors):
        names = list(errors)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: names[i])
        monkeypatch.setattr(_loader, "gpu_error", lambda i: errors[names[i]])
        monkeypatch.setattr(_loader, "cuda_error", None)

    return show


def test_info_says_which_gpus_have_kernels(gpus, capsys):
    gpus(H100=None, A10="A10 has compute capability 8.6: build again")
    assert main(["info"]) == 0
    [line] = [x for x in capsys.readouterr().out.splitlines() if x.startswith("CUDA kernels")]
    assert line.split(None, 2)[2] == (
        "usable: H100; not usable: A10 has compute capability 8.6: build again"
    )
    assert main(["info", "--json"]) == 0
    cuda = json.loads(capsys.readouterr().out)["usable"]["cuda"]
    assert (cuda["usable"], cuda["reason"], cuda["devices"]) == (True, None, ["H100", "A10"])
    assert cuda["without_kernels"] == {"1": "A10 has compute capability 8.6: build again"}


def test_info_says_that_no_gpu_has_kernels(gpus, capsys):
    gpus(A10="A10 has compute capability 8.6: build again")
    assert main(["info"]) == 0
    [line] = [x for x in capsys.readouterr().out.splitlines() if x.startswith("CUDA kernels")]
    assert line.endswith("not usable: A10 has compute capability 8.6: build again")


def test_importing_a_reference_needs_its_labels(capsys):
    with pytest.raises(SystemExit, match="2"):
        build_parser().parse_args(["import-reference", "state.pt"])
    assert "--labels" in capsys.readouterr().err
