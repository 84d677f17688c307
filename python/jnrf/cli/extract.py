"""``jnrf extract``: what a model finds in one text."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

NAME = "extract"
HELP = "print the mentions and relations that a model finds in one text"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, text, and the form of the output."""
    parser.add_argument("model", metavar="MODEL", help="model folder (RUN/best), or hub id")
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", default="-", help="the text; - reads standard input"
    )
    parser.add_argument("--file", metavar="FILE", help="read the text from a file instead")
    parser.add_argument(
        "--to", choices=("text", "json", "brat"), default="text", help="form of the output [text]"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def run(args: argparse.Namespace) -> int:
    """Extract and print."""
    from jnrf.device import choose_device
    from jnrf_ext import JNRF
    from jnrf_ext.errors import InputError

    if args.file is not None and args.text != "-":
        raise InputError("both a TEXT and --file were given; leave one away")
    model = JNRF.from_pretrained(args.model, device=choose_device(args.device))
    document = model.extract(args.text if args.text != "-" else _read(args.file))
    forms = {"text": str, "json": lambda d: d.to_json(), "brat": lambda d: d.to_brat()}
    shown = forms[args.to](document)
    sys.stdout.write(shown if not shown or shown.endswith("\n") else shown + "\n")
    return 0


def _read(file: str | None) -> str:
    """The text of a file, or that of standard input."""
    from jnrf_ext.errors import InputError

    data = sys.stdin.buffer.read() if file is None else Path(file).read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = file or "standard input"
        raise InputError(f"{where}: not UTF-8 at byte {error.start}; convert it") from None
