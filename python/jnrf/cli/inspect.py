"""``jnrf inspect``: what is in a corpus, and what a model could not learn from it."""

from __future__ import annotations

import argparse

from jnrf_ext.installed import DEFAULT_PACKAGE

NAME = "inspect"
HELP = "show what a corpus holds: labels, lengths, what cannot be represented"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "corpus",
        metavar="CORPUS",
        help="brat folder; or file or folder of JSON, token JSON or BIO columns",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--tokenizer",
        metavar="FILE|PACKAGE",
        help="what wordpieces are counted with: a tokenizer.json or an installed package "
        f"(default: {DEFAULT_PACKAGE} where it is installed)",
    )
    add_reading_arguments(parser)


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """How brat is read, for every command that reads it."""
    parser.add_argument(
        "--on-error",
        choices=("raise", "count"),
        default="raise",
        help="a faulty .ann line: stop at it (raise, the default) or count it and go on",
    )
    parser.add_argument(
        "--newlines",
        choices=("auto", "raw", "translated"),
        default="auto",
        help="whether offsets count \\r\\n as two characters (raw) or one (translated); by default "
        "whatever agrees with the mentions of a document",
    )


def run(args: argparse.Namespace) -> int:
    """Read, summarize, print."""
    import json

    from jnrf.corpora import open_corpus
    from jnrf.corpora.notices import tell_if_nothing
    from jnrf.corpora.summary import summarize

    tokenizer, name = choose_tokenizer(args.tokenizer)
    documents = open_corpus(args.corpus, args.on_error, args.newlines)
    tell_if_nothing(args.corpus, documents)
    summary = {"path": str(args.corpus), "tokenizer": name, **summarize(documents, tokenizer)}
    if args.json:
        print(json.dumps(summary, indent=1))
    else:
        from rich.console import Console

        from jnrf.corpora.tables import render

        Console(highlight=False).print(render(summary))
    return 0


def choose_tokenizer(given: str | None):
    """(Tokenizer, its name), or (None, None) where none was named and the default is missing."""
    from jnrf_ext.errors import InputError
    from jnrf_ext.text.tokenizer import Tokenizer

    if given is None:
        try:
            return Tokenizer.from_package(DEFAULT_PACKAGE), DEFAULT_PACKAGE
        except InputError:
            return None, None
    return Tokenizer.from_source(given), given
