"""Ctrl-C at any moment of the start: one line, status 130, no traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jnrf.cli import info, main

#: Starts the command as ``python -m jnrf`` or as the console script does, and presses Ctrl-C when
#: the named module is about to be imported.
START = """
import os, runpy, signal, sys

class Hook:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

# A shell that starts tests in the background has them ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
how, wanted, *words = sys.argv[1:]
sys.meta_path.insert(0, Hook())
sys.argv = ["jnrf", *words]
if how == "module":
    runpy.run_module("jnrf", run_name="__main__", alter_sys=True)
from jnrf.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("how", ["module", "script"])
@pytest.mark.parametrize(
    "module",
    [
        "jnrf.cli.parser",
        "argparse",
        "jnrf_ext",
        "yaml",
        "jnrf.cli.train",
        "jnrf.cli.serve",
        "jnrf_ext._loader",
        "torch",
        "torch.nn",
    ],
)
def test_ctrl_c_while_a_module_is_loaded_is_one_line(how, module):
    done = subprocess.run(
        [sys.executable, "-c", START, how, module, "info"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_ctrl_c_that_a_library_reports_in_its_own_words_is_told_as_what_it_was(capsys, monkeypatch):
    def run(args):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ImportError("initialization failed") from error

    monkeypatch.setattr(info, "run", run)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_an_import_that_fails_by_itself_is_no_interrupt(monkeypatch):
    def run(args):
        raise ImportError("no such library")

    monkeypatch.setattr(info, "run", run)
    with pytest.raises(ImportError, match="no such library"):
        main(["info"])
