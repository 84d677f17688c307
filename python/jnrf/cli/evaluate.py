"""``jnrf evaluate``: scores of a prediction folder against a gold folder."""

from __future__ import annotations

import argparse

NAME = "evaluate"
HELP = "score predicted .ann files against gold ones"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("gold", metavar="GOLD", help="brat folder with the gold annotations")
    parser.add_argument("predicted", metavar="PRED", help="folder with .ann files of equal names")
    parser.add_argument(
        "--mode",
        choices=("official", "corrected"),
        default="corrected",
        help="'official': the n2c2 2018 track 2 script's figures, quirks included; 'corrected' "
        "(default): one-to-one matching, documents without a prediction count as not found, "
        "malformed lines are errors",
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE as JSON too")


def run(args: argparse.Namespace) -> int:
    """Print the tables; write the JSON where it was asked for."""
    from rich.console import Console

    from jnrf.scoring import n2c2, tables
    from jnrf_ext.files import write_atomically

    scores = n2c2.score_folders(args.gold, args.predicted, args.mode)
    Console(highlight=False).print(tables.render(scores))
    if args.json:
        write_atomically(args.json, scores.to_json())
    return 0
