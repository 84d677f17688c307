"""``jnrf convert``: a corpus from one format into another.

Nothing that stands in OUT is written over without ``--overwrite``, and OUT holds no other documents
than those that were written.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from jnrf.cli.inspect import add_reading_arguments
from jnrf.corpora import FORMATS
from jnrf_ext.documents.mention_text import UNITS

NAME = "convert"
HELP = "convert a corpus between brat folders, JSON, token JSON and BIO columns; PHEE into these"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "corpus",
        metavar="IN",
        help="brat folder; or file or folder of JSON (doccano's, spaCy's and PHEE's too), token "
        "JSON or columns",
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
    parser.add_argument(
        "--words",
        choices=("split", "spaces"),
        help="words of tokens and columns: runs of letters and digits, punctuation apart (split); "
        "or what stands between white space (spaces); by default spaces where IN is of tokens, "
        "else split",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="write over files in OUT that have the names of those to be written",
    )
    add_reading_arguments(parser)
    json = parser.add_argument_group("JSON files")
    json.add_argument(
        "--offsets",
        choices=UNITS,
        default=UNITS[0],
        help="what offsets in documents of JSON count: characters (code points, the default), or "
        "units of UTF-16 (JavaScript, Java) or UTF-8 (Go, C)",
    )
    json.add_argument(
        "--phee-labels",
        choices=("n2c2", "own"),
        default="n2c2",
        help="labels for PHEE: those of n2c2 2018 as far as it has them (n2c2, the default), or "
        "its own",
    )
    json.add_argument(
        "--phee-words",
        type=int,
        metavar="N",
        help="documents for PHEE: of several abstracts, N words or some more (by default each "
        "abstract is one)",
    )


def run(args: argparse.Namespace) -> int:
    """Read, write, and say what was carried over and what was not."""
    from collections import Counter

    from jnrf.corpora.notices import tell_if_nothing
    from jnrf.corpora.places import claim, files_of
    from jnrf_ext.errors import InputError

    source, out = Path(args.corpus), Path(args.out)
    if out.exists() and source.exists() and out.samefile(source):
        raise InputError(f"IN and OUT are both {source}; write to another place")
    _check_name(out, args.to)
    kind, documents = _read(source, args)
    tell_if_nothing(source, documents)
    lost: Counter[str] = Counter()
    if args.to == "brat":
        documents = _named_for_brat(documents, lost)
    claim(out, files_of(documents, out, args.to), args.overwrite, source)
    words = args.words or ("spaces" if kind in ("tokens", "columns") else "split")
    lost.update(_write(documents, out, args.to, args.scheme, words))
    mentions = sum(len(document.mentions) for document in documents)
    relations = sum(len(document.relations) for document in documents)
    print(f"{len(documents):,} documents, {mentions:,} mentions, {relations:,} relations -> {out}")
    warnings: Counter[str] = sum((document.warnings for document in documents), Counter())
    for kind, count in sorted(warnings.items()):
        print(f"  {count:,} x {kind}")
    if lost:
        print(f"changed or left out, as --to {args.to} cannot hold it:")
        for kind, count in sorted(lost.items()):
            print(f"  {count:,} x {kind}")
    return 0


def _read(source: Path, args: argparse.Namespace) -> tuple[str, list]:
    """The format of IN, and its documents."""
    from jnrf.corpora import read_corpus, roles
    from jnrf.corpora.json import Reading, is_json, read_json_folder, read_json_or_tokens
    from jnrf_ext.errors import InputError

    if args.phee_words is not None and args.phee_words < 1:
        raise InputError("--phee-words must be at least 1")
    reading = Reading(args.offsets, args.phee_labels, args.phee_words)
    if reading == Reading():
        return read_corpus(source, args.on_error, args.newlines)
    if source.is_dir() and any(is_json(path) for path in source.iterdir()):
        read = read_json_folder
    elif source.is_file() and is_json(source):
        read = read_json_or_tokens
    else:
        raise InputError(
            "--offsets, --phee-labels and --phee-words are for .json and .jsonl files, which "
            f"{source} is not; leave them out"
        )
    tokens, documents = read(source, reading)
    roles.agree(documents)
    return "tokens" if tokens else "json", documents


def _named_for_brat(documents: list, lost) -> list:
    """The documents with names and ids that brat can hold; ``lost`` counts what was changed."""
    from jnrf_ext.documents.brat_names import BratNames

    names = BratNames()
    fitting = [names.fit(document) for document in documents]
    lost.update(+names.changed)
    return fitting


def _check_name(out: Path, format: str) -> None:
    """A file name of another format is a slip: it would become the name of a folder."""
    from jnrf.corpora import columns, json, tokens
    from jnrf_ext.errors import InputError

    suffix = out.suffix.lower()
    suffixes = {"json": json.SUFFIXES, "tokens": tokens.SUFFIXES, "columns": columns.SUFFIXES}
    if suffix in suffixes.get(format, ()):
        return
    for what, names in (("JSON", json.SUFFIXES), ("column", columns.SUFFIXES)):
        if suffix in names:
            raise InputError(
                f"{out} is named like a {what} file, which --to {format} does not write; name a "
                "folder, or choose another --to"
            )


def _write(documents: list, out: Path, format: str, scheme: str, words: str):
    """Write, and return what was lost, by kind."""
    from collections import Counter

    from jnrf.corpora.brat import write_folder
    from jnrf.corpora.columns import write_columns
    from jnrf.corpora.json import write_json
    from jnrf.corpora.tokens import write_tokens

    if format == "tokens":
        return write_tokens(documents, out, words=words)
    if format == "columns":
        return write_columns(documents, out, scheme, words=words)
    (write_folder if format == "brat" else write_json)(documents, out)
    return Counter()
