"""``jnrf convert``: a corpus from one format into another."""

from __future__ import annotations

import argparse
from pathlib import Path

from jnrf.cli.inspect import add_reading_arguments
from jnrf.corpora import FORMATS

NAME = "convert"
HELP = "convert a corpus between brat folders, JSON, token JSON and BIO columns"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "corpus", metavar="IN", help="brat folder; or file or folder of JSON, token JSON or columns"
    )
    parser.add_argument(
        "out",
        metavar="OUT",
        help="folder to write; also a file: NAME.json or NAME.jsonl with --to json, NAME.json with "
        "--to tokens, NAME.tsv with --to columns",
    )
    parser.add_argument(
        "--to",
        choices=FORMATS,
        required=True,
        help="format of OUT; tokens: CoNLL04's and ADE's JSON; columns: a token and its BIO tag a "
        "line",
    )
    parser.add_argument(
        "--scheme", choices=("bio", "iobes"), default="bio", help="tags of columns [bio]"
    )
    add_reading_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read, write, and say what was carried over and what was not."""
    from collections import Counter

    from jnrf.corpora import open_corpus
    from jnrf.corpora.notices import tell_if_nothing
    from jnrf_ext.errors import InputError

    source, out = Path(args.corpus), Path(args.out)
    if out.exists() and source.exists() and out.samefile(source):
        raise InputError(f"IN and OUT are both {source}; write to another place")
    _check_name(out, args.to)
    documents = open_corpus(source, args.on_error, args.newlines)
    tell_if_nothing(source, documents)
    lost = _write(documents, out, args.to, args.scheme)
    mentions = sum(len(document.mentions) for document in documents)
    relations = sum(len(document.relations) for document in documents)
    print(f"{len(documents):,} documents, {mentions:,} mentions, {relations:,} relations -> {out}")
    warnings = sum((document.warnings for document in documents), Counter())
    for kind, count in sorted(warnings.items()):
        print(f"  {count:,} x {kind}")
    if lost:
        print(f"changed or left out, as --to {args.to} cannot hold it:")
        for kind, count in sorted(lost.items()):
            print(f"  {count:,} x {kind}")
    return 0


def _check_name(out: Path, format: str) -> None:
    """A file name of another format is a slip: it would become the name of a folder."""
    from jnrf.corpora import columns, json, tokens
    from jnrf_ext.errors import InputError

    suffixes = {"json": json.SUFFIXES, "tokens": tokens.SUFFIXES, "columns": columns.SUFFIXES}
    if out.suffix in suffixes.get(format, ()):
        return
    for what, names in (("JSON", json.SUFFIXES), ("column", columns.SUFFIXES)):
        if out.suffix in names:
            raise InputError(
                f"{out} is named like a {what} file, which --to {format} does not write; name a "
                "folder, or choose another --to"
            )


def _write(documents: list, out: Path, format: str, scheme: str):
    """Write, and return what was lost, by kind."""
    from collections import Counter

    from jnrf.corpora.brat import write_folder
    from jnrf.corpora.columns import write_columns
    from jnrf.corpora.json import write_json
    from jnrf.corpora.tokens import write_tokens

    if format == "tokens":
        return write_tokens(documents, out)
    if format == "columns":
        return write_columns(documents, out, scheme)
    (write_folder if format == "brat" else write_json)(documents, out)
    return Counter()
