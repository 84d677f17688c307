"""``jnrf synth``: a corpus of invented notes to try everything on."""

from __future__ import annotations

import argparse

NAME = "synth"
HELP = "write invented discharge summaries in n2c2 brat format"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, how much, where."""
    parser.add_argument("out", metavar="OUT", help="folder for the .txt and .ann files")
    parser.add_argument("--documents", type=int, default=50, metavar="N", help="default 50")
    parser.add_argument(
        "--words", type=int, default=2000, metavar="W", help="words a document (default 2000)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="the same seed gives the same notes"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="write over notes in OUT that have the same names"
    )


def run(args: argparse.Namespace) -> int:
    """Generate, write, and say what there is."""
    from collections import Counter
    from pathlib import Path

    from jnrf.corpora.brat import write_folder
    from jnrf.corpora.places import brat_files, claim
    from jnrf.corpora.synth import FIRST_ID, generate

    counts: Counter[str] = Counter()

    def counted():
        for document in generate(args.documents, args.words, args.seed):
            counts["words"] += len(document.text.split())
            counts["mentions"] += len(document.mentions)
            counts["relations"] += len(document.relations)
            yield document

    ids = (str(FIRST_ID + number) for number in range(args.documents))
    claim(Path(args.out), brat_files(ids, Path(args.out)), args.overwrite)
    written = write_folder(counted(), args.out)
    print(
        f"{written} invented documents in {args.out}: {counts['words']:,} words, "
        f"{counts['mentions']:,} mentions, {counts['relations']:,} relations"
    )
    return 0
