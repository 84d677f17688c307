"""Every remedy that a message names works: each is provoked, done as it says, and tried again.

``texts.py`` collects the texts of the sources that advise something to run, set or give. Each has a
case in one of the ``cases_*.py``, or stands in ``other_texts.py`` with the reason why not.
"""

from __future__ import annotations

import argparse
import re
import sys
from functools import cache
from pathlib import Path

import pytest

try:
    import tomllib
except ModuleNotFoundError:  # before Python 3.11
    import tomli as tomllib
from tiny_model import train_tiny_model

sys.path.append(str(Path(__file__).resolve().parent))

import cases_building  # noqa: F401
import cases_predicting  # noqa: F401
import cases_reading  # noqa: F401
import cases_serving  # noqa: F401
import cases_training  # noqa: F401
import other_texts
import texts
from place import CASES, Place, said_in, words_of

from jnrf import cli
from jnrf.training import settings
from jnrf.training.config import TrainConfig

PACKAGES = texts.ROOT / "pyproject.toml"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a trained model, ``run/best``."""
    return train_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module", autouse=True)
def one_parser():
    """One parser for hundreds of commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "build_parser", cache(cli.build_parser))
        yield


def present(part: str) -> list[texts.Text]:
    """The texts of the sources that have a part."""
    return [text for text in texts.texts() if words_of(part) in words_of(text.text)]


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if case.slow else []) for n, case in CASES.items()],
)
def test_what_a_message_advises_works(name, model, tmp_path, capfd, monkeypatch):
    case = CASES[name]
    gone = [part for part in case.parts if not present(part)]
    assert not gone, f"no source has these texts of {name} any more; change or drop them: {gone}"
    place = Place(tmp_path, model, capfd, monkeypatch)
    case.run(place)
    for part in case.parts:
        assert any(said_in(part, told) for told in place.told), f"{name} does not provoke: {part}"


_WHAT_TO_ADD = """texts that advise something, and no case does it.
Add to one of tests/remedies/cases_*.py a function @remedy(PART of the text) that provokes the text
and does what it advises; or add PART to other_texts.py, with a test elsewhere that does so, or with
the reason why none can:"""


def test_every_text_that_advises_has_a_case():
    parts = [part for case in CASES.values() for part in case.parts]
    known = [*parts, *other_texts.TRIED_ELSEWHERE, *other_texts.NOT_TRIED]
    lacking = [
        text
        for text in texts.texts()
        if not any(words_of(part) in words_of(text.text) for part in known)
    ]
    told = [f"  {t.module}:{t.line} ({', '.join(t.advice)}): {t.text!r}" for t in lacking]
    assert not lacking, "\n".join([_WHAT_TO_ADD, *told])


@pytest.mark.parametrize("part", [*other_texts.TRIED_ELSEWHERE, *other_texts.NOT_TRIED])
def test_texts_without_a_case_are_still_there(part):
    assert present(part), "no source has this text any more; change or drop it"


@pytest.mark.parametrize("part", other_texts.TRIED_ELSEWHERE)
def test_a_test_elsewhere_is_there(part):
    path, _, function = other_texts.TRIED_ELSEWHERE[part].partition("::")
    assert f"def {function}(" in (texts.ROOT / path).read_text(encoding="utf-8")


# ------------------------------------------------------------------ names in texts


def commands() -> dict[str, set[str]]:
    """The options of each command, and of the program itself under ""."""
    parser = cli.build_parser()
    found = {"": {option for action in parser._actions for option in action.option_strings}}
    (commands,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for name, command in commands.choices.items():
        found[name] = {option for action in command._actions for option in action.option_strings}
    return found


#: The commands that a module speaks for; any, for those that several use.
SPEAKS_FOR = {
    "python/jnrf/prediction/": ("predict", "serve", "extract"),
    "python/jnrf/serve/": ("serve", "extract"),
    "python/jnrf/study/": ("study",),
    "python/jnrf/training/": ("train",),
    "python/jnrf/scoring/": ("evaluate",),
}


def speaks_for(module: str) -> tuple[str, ...]:
    """The commands that a module speaks for."""
    if module.startswith("python/jnrf/cli/"):
        return (Path(module).stem.replace("_", "-"),)
    return next((names for start, names in SPEAKS_FOR.items() if module.startswith(start)), ())


@pytest.mark.parametrize("text", texts.texts(), ids=lambda text: f"{text.module}:{text.line}")
def test_options_commands_and_settings_in_a_text_exist(text):
    known = commands()
    named = [name for name in known if name and f"jnrf {name}" in text.text]
    names = [*named, *speaks_for(text.module)] if speaks_for(text.module) else list(known)
    allowed = set().union(*(known.get(name, set()) for name in names), known[""])
    allowed |= other_texts.OPTIONS_OF_OTHERS
    fields = set(settings.flatten(settings.to_dict(TrainConfig())))
    for option in text.advice.get("option", ()):
        option = option.rstrip(".-")
        # In "--on-error count; in training --data.malformed count" the option says whose it is.
        wanted = allowed | {f"--{name}" for name in fields}
        pattern = ".+".join(map(re.escape, option.split("{}")))
        found = any(re.fullmatch(pattern, name) for name in wanted)
        assert found, f"no {option} of jnrf {' or '.join(names)}"
    for setting in text.advice.get("setting", ()):
        assert setting in fields, f"no setting {setting}"


# ------------------------------------------------------------------ packages in texts


def declared() -> set[str]:
    """The requirements that a text may name: the project's own, its extras, and known ones."""
    project = tomllib.loads(PACKAGES.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    requirements = [*project["dependencies"], *(r for group in extras.values() for r in group)]
    names = {texts.requirement(requirement) for requirement in requirements}
    return names | other_texts.KNOWN_PACKAGES | {f"jnrf_ext[{extra}]" for extra in extras}


INSTALLING = [text for text in texts.texts() if "pip install" in text.text]


@pytest.mark.parametrize("text", INSTALLING, ids=lambda text: f"{text.module}:{text.line}")
def test_only_packages_that_the_project_declares_are_advised(text):
    filled = next(
        (names for part, names in other_texts.FILLED_IN.items() if part in text.text), None
    )
    for name in texts.installed_by(text.text):
        names = filled() if name == "{}" and filled else [name]
        assert set(names) <= declared(), (
            f"{text.module}:{text.line} advises pip install {', '.join(names)}, which the project "
            "does not declare: whoever registers such a name is installed"
        )


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "CORPUS", "--tokenizer", "nosuch-tokenizer"),
        ("train", "--train", "CORPUS", "--out", "OUT", "--model.embeddings", "nosuch-embeddings"),
        ("train", "--train", "CORPUS", "--out", "OUT", "--data.tokenizer", "nosuch-tokenizer"),
        ("train", "--train", "CORPUS", "--out", "OUT", "--system", "bert",
         "--model.encoder", "nosuch-encoder"),
        ("extract", "nosuch-model", "He takes aspirin."),
        ("train", "--train", "CORPUS", "--out", "OUT", "--system", "nosuch-system"),
        ("study", "nosuch-study", "--out", "OUT"),
    ],
    ids=lambda words: words[-1],
)  # fmt: skip
def test_a_name_that_somebody_typed_is_never_advised_for_installation(
    words, model, tmp_path, capfd, monkeypatch
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    place = Place(tmp_path, model, capfd, monkeypatch)
    places = {"CORPUS": place.corpus(), "OUT": tmp_path / "out"}
    said = place.fails(*(places.get(word, word) for word in words))
    for package in texts.installed_by(said):
        assert "nosuch" not in package
