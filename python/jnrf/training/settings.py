"""Settings as nested dataclasses: help texts, YAML, command-line overrides, checked values.

A setting's help is the ``#:`` comment above its field, so that it is written once, where it is
defined. Values come as YAML or as text from the command line and are converted to the field's type.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import inspect
import types
import typing
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import yaml

from jnrf_ext.errors import InputError, system_reason
from jnrf_ext.shown import kind_of, without_quotes

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")
_TRUE, _FALSE, _NONE = ("true", "yes", "on", "1"), ("false", "no", "off", "0"), ("none", "null", "")


@cache
def help_texts(cls: type) -> dict[str, str]:
    """The ``#:`` comment above each field of a dataclass (or its bases), joined to one line."""
    texts: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        try:
            lines = inspect.getsource(base).splitlines()
        except (OSError, TypeError):  # a builtin or generated class has no source
            continue
        comment: list[str] = []
        for line in map(str.strip, lines):
            if line.startswith("#:"):
                comment.append(line[2:].strip())
                continue
            name, colon, _ = line.partition(":")
            if comment and colon and name.isidentifier():
                texts[name] = " ".join(comment)
            comment = []
    return getattr(cls, "inherited_help", {}) | texts


@cache
def hints(cls: type) -> dict[str, Any]:
    """Field types with names resolved."""
    return typing.get_type_hints(cls)


def nearest(name: str, known: list[str]) -> str:
    """A hint to the valid name that looks most like ``name``, or a list of them all.

    Upper and lower case count as equal, and the dashes of options do not count. A name that ends
    in the same part after its last dot goes before all others: --seed is nearest to --run.seed.
    """
    folded = {valid.casefold().lstrip("-"): valid for valid in reversed(known)}
    wanted = name.casefold().lstrip("-")
    end = wanted.rpartition(".")[2]
    alike = [valid for valid in folded if valid.rpartition(".")[2] == end]
    close = difflib.get_close_matches(wanted, alike or folded, n=1, cutoff=0.0 if alike else 0.5)
    return f"did you mean {folded[close[0]]}?" if close else f"known are {', '.join(known)}"


def convert(value: Any, hint: Any, key: str) -> Any:
    """``value`` (text, or what YAML made of it) as the type ``hint``; else an InputError.

    YAML 1.1 reads ``1e-3`` as text; here it becomes the number that was meant.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    text = str(value).strip()
    if origin in (typing.Union, types.UnionType):
        if type(None) in arguments and (value is None or text.lower() in _NONE):
            return None
        literals = [a for a in arguments if typing.get_origin(a) is Literal]
        words = [word for literal in literals for word in typing.get_args(literal)]
        if text in words:
            return text
        options = [a for a in arguments if a is not type(None)]
        try:
            return convert(value, options[0], key)
        except InputError as error:
            raise InputError(f"{error}" + f", nor {' or '.join(words)}" * bool(words)) from None
    if origin is Literal:
        if value not in arguments:
            raise InputError(f"{key}: {text!r} is not a valid value; {nearest(text, [*arguments])}")
        return value
    if origin in (list, tuple):
        items = value if isinstance(value, (list, tuple)) else text.strip("[]()").split(",")
        items = [i for i in items if str(i).strip()]
        if origin is tuple and len(items) != len(arguments):
            raise InputError(f"{key}: {text!r} must be {len(arguments)} values separated by commas")
        kinds = arguments if origin is tuple else arguments * len(items)
        return origin(convert(i, kind, key) for i, kind in zip(items, kinds, strict=True))
    if hint is bool:
        if text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        raise InputError(f"{key}: {text!r} is not a yes or no; give true or false")
    names = {int: "a whole number", float: "a number", str: "text"}
    if isinstance(value, bool) or (hint is str and not isinstance(value, (str, int, float))):
        raise InputError(f"{key}: {text!r} is not {names[hint]}")
    try:
        return hint(text)
    except ValueError:
        raise InputError(f"{key}: {text!r} is not {names[hint]}") from None


def from_dict(cls: type[Config], data: Any, prefix: str = "") -> Config:
    """Build a (nested) dataclass from plain data; keys that it lacks are InputErrors."""
    if not isinstance(data, dict):
        where = prefix.rstrip(".") or "the configuration"
        raise InputError(f"{where} must be settings as `name: value` lines, not {kind_of(data)}")
    names = [f.name for f in dataclasses.fields(cls)]
    values = {}
    for name, value in data.items():
        if name not in names:
            known = [prefix + n for n in names]
            raise InputError(
                f"unknown setting {prefix}{name}; {nearest(prefix + str(name), known)}"
            )
        hint = hints(cls)[name]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            values[name] = from_dict(hint, value or {}, f"{prefix}{name}.")
        else:
            values[name] = convert(value, hint, prefix + name)
    return cls(**values)


def to_dict(config: Any) -> dict[str, Any]:
    """Plain YAML and JSON types, tuples as lists; :func:`from_dict` is the inverse."""
    data = dataclasses.asdict(config)
    return {
        section: {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        for section, values in data.items()
    }


def to_yaml(config: Any, comments: bool = True) -> str:
    """YAML with the help of each setting as a comment behind it."""
    lines = []
    for section, values in to_dict(config).items():
        kind: type = type(getattr(config, section))
        texts = help_texts(kind)
        lines.append(f"{section}:")
        for name, value in values.items():
            shown = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
            help_text = f"  # {texts[name]}" if comments and name in texts else ""
            # safe_dump ends a lone scalar with "...", the end of a document.
            lines.append(f"  {name}: {shown.removesuffix('...' + chr(10)).strip()}{help_text}")
    return "\n".join(lines) + "\n"


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping."""
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        reason = system_reason(error, "check the path")
        raise InputError(f"cannot read settings from {path}: {reason}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not UTF-8 text"
        raise InputError(f"{path}{line}: not valid YAML ({without_quotes(problem)})") from error
    if data is not None and not isinstance(data, dict):
        raise InputError(f"{path}: holds no settings; `jnrf train --print-config` shows the format")
    return data or {}


def merge(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """``base`` with the dotted keys of ``overrides`` ({"optim.lr": "1e-3"}) in their sections."""
    merged = {k: dict(v) if isinstance(v, dict) else v for k, v in base.items()}
    for key, value in overrides.items():
        section, _, name = key.partition(".")
        if not isinstance(merged.get(section), dict):
            merged[section] = {}
        merged[section][name] = value
    return merged


def flatten(data: dict[str, Any]) -> dict[str, Any]:
    """Nested sections as dotted keys; the inverse of :func:`merge` into nothing."""
    flat = {}
    for section, values in data.items():
        for name, value in (values if isinstance(values, dict) else {"": values}).items():
            flat[f"{section}.{name}".rstrip(".")] = value
    return flat


def add_overrides(parser: argparse.ArgumentParser, cls: type, first: Sequence[str] = ()) -> None:
    """One option ``--section.name`` a setting, grouped by section; values are converted later.

    Those named in ``first`` are a group of their own, before the others.
    """
    defaults = cls()
    ahead = parser.add_argument_group("settings that matter first") if first else None
    for section in dataclasses.fields(cls):
        settings = hints(cls)[section.name]
        others = parser.add_argument_group(f"{section.name} settings")
        for setting in dataclasses.fields(settings):
            early = f"{section.name}.{setting.name}" in first
            group = ahead if ahead is not None and early else others
            default = getattr(getattr(defaults, section.name), setting.name)
            shown = yaml.safe_dump(default, default_flow_style=True).split("\n")[0]
            text = help_texts(settings).get(setting.name, "").replace("%", "%%")
            hint = hints(settings)[setting.name]
            choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
            # A yes-no setting may stand alone: --run.deterministic
            alone: dict[str, Any] = {"nargs": "?", "const": "true"} if hint is bool else {}
            group.add_argument(
                f"--{section.name}.{setting.name}",
                metavar="{" + ",".join(choices) + "}" if choices else "VALUE",
                default=argparse.SUPPRESS,
                help=f"{text} [{shown}]".strip(),
                **alone,
            )


def given_overrides(args: argparse.Namespace) -> dict[str, str]:
    """The dotted settings that the command line gave."""
    return {key: value for key, value in vars(args).items() if "." in key}
