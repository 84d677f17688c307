"""Collects the texts of the package that advise something a person can run or set.

Every string of the sources counts, but docstrings and what only explains an option (help texts):
whatever gives an error, a warning or a line for the terminal. Parts that are filled in at run time
stand as ``{}``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jnrf.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]

TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

#: What somebody could type, set or give, by kind.
ADVICE = {
    "option": re.compile(r"(?<![\w-])--(?:[a-z]|\{\})[\w.{}-]*"),
    "command": re.compile(
        rf"\bjnrf (?:{'|'.join(name.replace('_', '-') for name in COMMANDS)})\b"
        rf"|\bmake (?:{'|'.join(TARGETS)})\b"
        r"|\bpip install\b|\biconv\b|\b(?:gunzip|zcat)\b|\btorchrun\b|\bhf download\b"
        r"|\bapt(?:-get)? install\b"
    ),
    "setting": re.compile(
        r"(?<![\w./{}-])(?:data|model|optim|run)\.(?!safetensors|state_dict)[a-z]\w+"
    ),
    "variable": re.compile(r"\b(?:JNRF|CUDA|TORCH|MAX|LOCAL|OMP|HF)_[A-Z0-9_]+\b"),
}
#: What a text begins with, where the fault is: "data.holdout: ..." advises nothing.
_PLACE = re.compile(r"^(?:[\w.]+|\{\}): ")

#: Arguments and variables that explain an option rather than advise it.
_HELP = {"help", "description", "epilog", "title", "usage", "metavar", "HELP", "EXPLANATION"}
#: Calls whose strings are names of options, or keys, rather than texts.
_NO_TEXTS = {
    "add_argument",
    "getattr",
    "compile",
    "set_defaults",
    "startswith",
    "get",
    "setdefault",
}


@dataclass(frozen=True)
class Text:
    """A text of a module (its path below the root) at a line, and what it advises by kind."""

    module: str
    line: int
    text: str

    @property
    def advice(self) -> dict[str, list[str]]:
        """What it advises, by kind of advice."""
        said = _PLACE.sub("", self.text)
        found = {kind: pattern.findall(said) for kind, pattern in ADVICE.items()}
        return {kind: words for kind, words in found.items() if words}


def modules() -> list[Path]:
    """The sources that speak to a person."""
    folders = (ROOT / "jnrf_ext", ROOT / "python" / "jnrf", ROOT / "toolchain")
    return sorted(
        [path for folder in folders for path in folder.rglob("*.py")] + [ROOT / "setup.py"]
    )


@cache
def texts() -> tuple[Text, ...]:
    """All texts with advice."""
    found = []
    for path in modules():
        name = path.relative_to(ROOT).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [
            text
            for line, said in _strings(tree)
            if " " in said.strip()
            and re.search("[a-z]", said)  # else a form, to be filled in
            and not ADVICE["command"].fullmatch(said)  # a name, of a program or a thread
            and (text := Text(name, line, said)).advice
        ]
    return tuple(found)


def _strings(node: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of the strings below a node, joined as the source joins them."""
    said = _said(node)
    if said is not None:
        yield node.lineno, said
        for value in _filled_in(node):
            yield from _strings(value)
        return
    for child in _spoken(node):
        yield from _strings(child)


def _filled_in(node: ast.AST) -> Iterator[ast.AST]:
    """What stands for the ``{}`` of a text; it may be made of texts itself."""
    if isinstance(node, ast.JoinedStr):
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield part.value
    elif isinstance(node, ast.BinOp):
        for side in (node.left, node.right):
            if _said(side) is None:
                yield side
            else:
                yield from _filled_in(side)


def _spoken(node: ast.AST) -> Iterator[ast.AST]:
    """The children of a node without those whose strings nobody is told."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Call) and _name(node.func) in _NO_TEXTS:
        return
    if isinstance(node, ast.Assign) and any(_name(target) in _HELP for target in node.targets):
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.keyword) and child.arg in _HELP):
            yield child


def _name(node: ast.AST) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", "")


def _said(node: ast.AST) -> str | None:
    """The text of a string, an f-string, or a sum of these; else None."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _said(node.left), _said(node.right)
        if left is not None or right is not None:
            return ("{}" if left is None else left) + ("{}" if right is None else right)
    return None


_INSTALL = re.compile(
    r"\bpip install((?: +(?!or\b|and\b|to\b|for\b|which\b|in\b)[\w.\[\],'\"{}<>=~-]+)+)"
)
_FLAG = re.compile(r"-{1,2}[\w-]+")


def installed_by(said: str) -> list[str]:
    """The packages that a text would have somebody install."""
    words = [word for found in _INSTALL.findall(said) for word in found.split()]
    names = [word.strip("'\"`").rstrip(".,;)`'\"") or "." for word in words]
    return [name for name in names if not _FLAG.fullmatch(name)]


def requirement(text: str) -> str:
    """The name of a requirement of pyproject.toml."""
    return re.match(r"[\w.-]+", text)[0]
