"""``jnrf convert``: a corpus from one format into another."""

from __future__ import annotations

import argparse
from pathlib import Path

from jnrf.cli.inspect import add_reading_arguments

NAME = "convert"
HELP = "convert a corpus between brat folders and JSON"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("corpus", metavar="IN", help="brat folder, or JSON that convert wrote")
    parser.add_argument(
        "out",
        metavar="OUT",
        help="folder to write; with --to json also a file NAME.json or NAME.jsonl",
    )
    parser.add_argument("--to", choices=("brat", "json"), required=True, help="format of OUT")
    add_reading_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read, write, and say what was carried over and what was not."""
    from collections import Counter

    from jnrf.corpora import open_corpus
    from jnrf.corpora.brat import write_folder
    from jnrf.corpora.json import is_json, write_json
    from jnrf_ext.errors import InputError

    source, out = Path(args.corpus), Path(args.out)
    if out.exists() and source.exists() and out.samefile(source):
        raise InputError(f"IN and OUT are both {source}; write to another place")
    if args.to == "brat" and is_json(out):
        raise InputError(f"{out} is named like a JSON file; name a folder for brat, or --to json")
    documents = open_corpus(source, args.on_error, args.newlines)
    written = write_folder(documents, out) if args.to == "brat" else write_json(documents, out)
    mentions = sum(len(document.mentions) for document in documents)
    relations = sum(len(document.relations) for document in documents)
    print(f"{written:,} documents, {mentions:,} mentions, {relations:,} relations -> {out}")
    warnings = sum((document.warnings for document in documents), Counter())
    for kind, count in sorted(warnings.items()):
        print(f"  {count:,} x {kind}")
    return 0
