"""Reading a study file's mappings: every mistake names the file and the key."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import overload

from jnrf.training import settings
from jnrf_ext.errors import InputError
from jnrf_ext.shown import kind_of

#: Settings that a study gives each run itself
OWN = ("data.train", "data.dev", "data.test", "run.out", "run.seed")

#: Filled in by the study itself, with the training documents of a run's sister corpora.
OTHER_TRAIN = "OTHER_TRAIN"

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)


class Fields:
    """A mapping of a study file and where it stands, ``study.yaml: corpora.phee`` say."""

    def __init__(self, data: object, path: Path, key: str = ""):
        self.path, self.key = path, key
        if data is None:
            data = {}
        if not isinstance(data, dict):
            raise self.error("", f"must be a mapping of `name: value` lines, not {kind_of(data)}")
        self.data = {str(name): value for name, value in data.items()}

    def where(self, name: str = "") -> str:
        """The dotted key of one of the fields, or of the mapping itself."""
        return ".".join(part for part in (self.key, name) if part)

    def error(self, name: str, text: str) -> InputError:
        """An error about one of the fields, or the mapping itself, to be raised."""
        where = self.where(name)
        return InputError(f"{self.path}: {where + ': ' if where else ''}{text}")

    def only(self, *known: str) -> Fields:
        """Itself; other keys than these are an error."""
        for name in self.data:
            if name not in known:
                raise self.error(name, f"unknown key; {settings.nearest(name, [*known])}")
        return self

    def sub(self, name: str) -> Fields:
        """The mapping under a key; empty where there is none."""
        return Fields(self.data.get(name), self.path, self.where(name))

    def named(self, name: str) -> dict[str, Fields]:
        """The mappings under the names under a key, at least one; names make folders."""
        group = self.sub(name)
        if not group.data:
            raise self.error(name, "is missing or empty; name at least one")
        for inner in group.data:
            if not _NAME.fullmatch(inner):
                raise group.error(
                    inner, "names make folders: use letters, digits and any of . _ + -"
                )
        return {inner: group.sub(inner) for inner in group.data}

    def text(self, name: str) -> str | None:
        """A path or word; None where the key is not there."""
        value = self.data.get(name)
        if value is not None and not isinstance(value, str):
            raise self.error(name, f"{value!r} is not text")
        return value

    @overload
    def whole(self, name: str, default: int, least: int = 0) -> int: ...

    @overload
    def whole(self, name: str, default: None = None, least: int = 0) -> int | None: ...

    def whole(self, name: str, default: int | None = None, least: int = 0) -> int | None:
        """A whole number of at least ``least``; the default where it is null or not there."""
        value = self.data.get(name)
        if value is None:
            value = default
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(name, f"{value!r} is not a whole number of at least {least}")
        return value

    def texts(self, name: str) -> list[str]:
        """One text or a list of them."""
        value = self.data.get(name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(item, str) for item in values):
            raise self.error(name, f"{value!r} is not text or a list of texts")
        return values

    def numbers(self, name: str) -> list[int]:
        """Whole numbers, each once: ``[1, 2]``, ``3``, or a range as text, ``0-9``."""
        value = self.data.get(name)
        if isinstance(value, str) and (match := re.fullmatch(r"(\d+)-(\d+)", value)):
            values = list(range(int(match[1]), int(match[2]) + 1))
        else:
            values = value if isinstance(value, list) else [] if value is None else [value]
        whole = all(isinstance(i, int) and not isinstance(i, bool) and i >= 0 for i in values)
        if not whole or len(set(values)) != len(values) or (not values and value is not None):
            raise self.error(name, f"{value!r} is no list of whole numbers, each once; try [1, 2]")
        return values

    def settings(self) -> dict[str, object]:
        """All of it as settings of a run, dotted; nested sections are taken too."""
        flat = settings.flatten(self.data)
        for name in flat:
            if name in OWN:
                raise self.error(name, "is what the study gives each run itself; leave it out")
            if "." not in name:
                raise self.error(name, "settings have a section and a name, run.epochs say")
        return flat


def expand(value: object, variables: Mapping[str, str], path: Path, key: str = "") -> object:
    """``value`` with every ``${NAME}`` in its texts replaced, from ``variables`` or else the
    environment; a name that neither has is an error."""
    if isinstance(value, dict):
        inner = f"{key}." if key else ""
        return {k: expand(v, variables, path, f"{inner}{k}") for k, v in value.items()}
    if isinstance(value, list):
        return [expand(item, variables, path, key) for item in value]
    if not isinstance(value, str):
        return value

    def filled(match: re.Match) -> str:
        name = match[1]
        if name == OTHER_TRAIN:
            return match[0]
        found = variables.get(name, os.environ.get(name))
        if found is None:
            raise InputError(
                f"{path}: {key}: ${{{name}}} is not set; give --set {name}=VALUE, or set it in the "
                "environment"
            )
        return found

    return _VARIABLE.sub(filled, value)
