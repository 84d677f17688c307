"""Where a remedy is tried: a folder, a corpus, a model, commands that fail and that work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny_corpus import TINY, write_corpus

from jnrf import cli
from jnrf_ext.errors import InputError

TEXT = "He takes aspirin 81 mg for chest pain.\n"
#: Options of a training that takes a moment.
QUICK = (
    "--run.epochs",
    1,
    *(word for name, value in TINY.items() for word in (f"--{name}", value)),
)


class Place:
    """A folder of a case's own; everything that was said in it is in :attr:`told`."""

    def __init__(self, path: Path, model: Path, captured, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.model = model
        self.patch = patch
        self.told: list[str] = []
        self._captured = captured

    def corpus(self, name: str = "corpus", **options) -> Path:
        """A small brat corpus."""
        return write_corpus(self.path / name, **options)

    def write(self, name: str, content: str | bytes) -> Path:
        """A file."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def jnrf(self, *words) -> tuple[int, str]:
        """The exit status of a command, and what it said."""
        words = [str(word) for word in words]
        try:
            status = cli.main(words)
        except SystemExit as end:
            status = end.code
        captured = self._captured.readouterr()
        said = captured.out + captured.err
        self.told.append(said)
        return status or 0, said

    def fails(self, *words) -> str:
        """A command that ends with a user's mistake, told in its last line, which is returned."""
        status, said = self.jnrf(*words)
        assert status == 2, f"{shlex.join(map(str, words))}: {status}, {said}"
        last = said.splitlines()[-1]
        assert last.startswith("jnrf "), said
        return last

    def works(self, *words) -> str:
        """A command that ends well; returns what it said."""
        status, said = self.jnrf(*words)
        assert status == 0, f"{shlex.join(map(str, words))}: {said}"
        return said

    def refused(self, call: Callable, *arguments) -> str:
        """The one line of a call that is a user's mistake."""
        with pytest.raises(InputError) as error:
            call(*arguments)
        self.told.append(str(error.value))
        return str(error.value)

    def without(self, *modules: str):
        """While entered, these modules are not installed."""
        patch = pytest.MonkeyPatch.context()
        entered = patch.__enter__()
        for name in modules:
            entered.setitem(__import__("sys").modules, name, None)
        return _Leaving(patch)


@dataclass
class _Leaving:
    patch: object

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error) -> None:
        self.patch.__exit__(*error)


@dataclass(frozen=True)
class Case:
    """How to provoke texts, and what they advise, done."""

    parts: tuple[str, ...]
    run: Callable[[Place], None]
    slow: bool


#: Every case, by name.
CASES: dict[str, Case] = {}


def remedy(*parts: str, slow: bool = False) -> Callable:
    """Make a function the case of the texts that have one of these parts.

    A part is stable words of the text as the source has it, "{}" for what is filled in. The
    function provokes each of the texts, does what it advises, and sees that
    what failed works then.
    """

    def add(run: Callable[[Place], None]) -> Callable[[Place], None]:
        assert run.__name__ not in CASES, run.__name__
        CASES[run.__name__] = Case(parts, run, slow)
        return run

    return add


def words_of(text: str) -> str:
    """A text on one line: tables and terminals wrap it."""
    return " ".join(text.split())


def said_in(part: str, told: str) -> bool:
    """Whether a text with that part was said."""
    pattern = ".*?".join(map(re.escape, words_of(part).split("{}")))
    return re.search(pattern, words_of(told)) is not None
