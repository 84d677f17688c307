"""``jnrf extract``: what a model finds in one text."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jnrf_ext.documents.document import Document

NAME = "extract"
HELP = "print the mentions and relations that a model finds in one text"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, text, and the form of the output."""
    parser.add_argument("model", metavar="MODEL", help="model folder (RUN/best), or hub id")
    # Not optional: argparse would take options between MODEL and TEXT for the end of both.
    parser.add_argument(
        "text", metavar="TEXT", help="the text itself; - reads standard input (- < FILE: a file)"
    )
    parser.add_argument(
        "--to", choices=("text", "json", "brat"), default="text", help="form of the output [text]"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def run(args: argparse.Namespace) -> int:
    """Extract and print."""
    from jnrf.device import choose_device
    from jnrf_ext import JNRF

    model = JNRF.from_pretrained(args.model, device=choose_device(args.device))
    _tell_of_a_path(args.model, args.text)
    document = model.extract(args.text if args.text != "-" else _read_stdin())
    if args.to == "brat":
        document = _fitting_brat(document)
    forms: dict[str, Callable[[Document], str]] = {
        "text": str,
        "json": lambda d: d.to_json(),
        "brat": lambda d: d.to_brat(),
    }
    shown = forms[args.to](document)
    sys.stdout.write(shown if not shown or shown.endswith("\n") else shown + "\n")
    return 0


def _tell_of_a_path(model: str, text: str) -> None:
    """A line on stderr where the text is the path of a file or folder, which is not opened."""
    try:
        path = Path(text)
        kind = "folder" if path.is_dir() else "file" if path.is_file() else None
    except (OSError, ValueError):  # too long, or with a NUL: a text
        return
    if kind is None or not text:
        return
    name, place = shlex.quote(model), shlex.quote(text)
    if kind == "file":
        how = f"to read it: jnrf extract {name} - < {place}"
    else:
        how = f"for the notes in it: jnrf predict {name} {place} --out DIR"
    print(
        f"jnrf extract: warning: {text} is taken as the text, though a {kind} has that name; {how}",
        file=sys.stderr,
    )


def _fitting_brat(document):
    """The document with names that brat can hold; those that changed are told."""
    from jnrf_ext.documents.brat_names import BratNames

    names = BratNames()
    fitting = names.fit(document)
    for kind, count in (+names.changed).items():
        print(f"jnrf extract: {count:,} x {kind}, as brat cannot hold it", file=sys.stderr)
    return fitting


def _read_stdin() -> str:
    from jnrf_ext.errors import InputError

    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input: not UTF-8 at byte {error.start}; convert it") from None
