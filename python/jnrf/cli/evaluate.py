"""``jnrf evaluate``: scores of predictions against gold, by one metric or all."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from jnrf.cli.inspect import add_reading_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from jnrf_ext.documents.document import Document

NAME = "evaluate"
HELP = "score predicted annotations against gold ones"

METRICS = ("n2c2", "entities", "relations", "labels")

EXPLANATION = (
    "strict: type and both ends of a mention are the gold's; lenient: the type is, and at least "
    "one character is shared. A relation is right when its type and both of its mentions are. "
    "P (precision): the share of what was predicted that is right; R (recall): the share of the "
    "gold that was found; F1: their harmonic mean."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = EXPLANATION
    parser.add_argument(
        "gold", metavar="GOLD", help="gold annotations: a brat folder, JSON, token JSON or columns"
    )
    parser.add_argument(
        "predicted",
        metavar="PRED",
        help="predictions in any of these formats, documents of equal ids; .ann files need no .txt",
    )
    parser.add_argument(
        "--mode",
        choices=("official", "corrected"),
        default="corrected",
        help="'official': the n2c2 2018 track 2 script's figures, quirks included (brat only); "
        "'corrected' (default): one-to-one matching, documents without a prediction count as not "
        "found, malformed lines are errors",
    )
    parser.add_argument(
        "--metric",
        choices=(*METRICS, "all"),
        default="n2c2",
        help="n2c2 (default): mentions and relations, strict and lenient; entities: strict spans "
        "(seqeval's); relations: strict, with entity types and with boundaries only; labels: BIO "
        "labels of tokens, O included (arXiv 2210.12770), which are no scores of spans",
    )
    parser.add_argument(
        "--tokens",
        choices=("words", "whitespace"),
        help="tokens of the labels metric: runs of letters and digits, or what stands between "
        "white space (default: whitespace where GOLD is token JSON or columns, else words)",
    )
    parser.add_argument(
        "--errors",
        action="store_true",
        help="also count the errors by cause, and what strict F1 would be without each; relations "
        "by the words between their mentions",
    )
    add_reading_arguments(parser)
    # None tells that they were not given: official mode has none of it.
    parser.set_defaults(on_error=None, newlines=None)
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE as JSON too")


def run(args: argparse.Namespace) -> int:
    """Print the tables; write the JSON where it was asked for."""
    from rich.console import Console
    from rich.text import Text

    from jnrf.scoring import n2c2, tables
    from jnrf.scoring.folders import read_corrected
    from jnrf_ext.errors import InputError
    from jnrf_ext.files import write_atomically

    console = Console(highlight=False)
    wanted = METRICS if args.metric == "all" else (args.metric,)
    figures: dict[str, dict] = {}
    errors: dict[str, dict] = {}
    if args.mode == "official":
        if wanted != ("n2c2",):
            raise InputError(f"--metric {args.metric} has no official mode; leave out --mode")
        if args.errors:
            raise InputError("--errors has no official mode; leave out --mode")
        for option, value in (("--on-error", args.on_error), ("--newlines", args.newlines)):
            if value is not None:
                raise InputError(
                    f"{option} does not apply to --mode official, which reads lines as the n2c2 "
                    f"script does; leave it out"
                )
        scores = n2c2.score_folders(args.gold, args.predicted, args.mode)
        console.print(tables.render(scores))
        figures["n2c2"] = scores.to_dict()
    else:
        format, gold, predicted, skipped = read_corrected(
            Path(args.gold), Path(args.predicted), args.on_error or "raise", args.newlines or "auto"
        )
        tokens = args.tokens or ("whitespace" if format in ("tokens", "columns") else "words")
        for metric in wanted:
            for name, shown, data in _score(metric, gold, predicted, skipped, tokens):
                console.print(shown)
                figures[name] = data
        if args.errors:
            from jnrf.scoring.errors import analyse

            analysis = analyse(gold, predicted)
            console.print(tables.render_errors(analysis))
            errors["errors"] = analysis.to_dict()
        if "n2c2" not in wanted:  # whose tables say so themselves
            missing = sorted({d.id for d in gold} - {d.id for d in predicted})
            for line in tables.one_sided(missing, (), skipped):
                console.print(Text(line))
        for side, documents in (("gold", gold), ("predictions", predicted)):
            for line in _warnings(side, documents):
                console.print(Text(line))
    if args.json:
        data = (figures["n2c2"] if wanted == ("n2c2",) else figures) | errors
        write_atomically(args.json, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    return 0


def _warnings(side: str, documents: Iterable[Document]) -> list[str]:
    """A heading, and a line for each kind of what the reader counted, if there is any."""
    warnings = sum((document.warnings for document in documents), Counter())
    lines = [f"  {count:,} x {kind}" for kind, count in sorted(warnings.items())]
    return [f"{side}, as it was read:", *lines] if lines else []


def _score(
    metric: str,
    gold: list[Document],
    predicted: list[Document],
    skipped: list[str],
    tokens: str,
) -> list[tuple[str, RenderableType, dict]]:
    """Name, table and figures of each score of a metric."""
    from jnrf.scoring import entities, n2c2, relations
    from jnrf.scoring.metrics import score_labels
    from jnrf.scoring.tables import render, render_labels, render_types

    if metric == "n2c2":
        scores = n2c2.score(gold, predicted, skipped_predicted=skipped)
        return [("n2c2", render(scores), scores.to_dict())]
    if metric == "labels":
        labels = score_labels(gold, predicted, tokens)
        return [
            (name, render_labels(f"Token labels ({tokens}), {what}", report), report.to_dict())
            for name, what, report in (
                ("labels", "O included; not span F1", labels.plain),
                ("labels_merged", "B and I merged; not span F1", labels.merged),
            )
        ]
    if metric == "entities":
        scored = [("entities", "Entities, strict", entities.score(gold, predicted))]
    else:
        scored = [
            (f"relations_{name}", f"Relations, strict, {what}", relations.score(gold, predicted, t))
            for name, what, t in (
                ("strict", "with entity types", True),
                ("boundaries", "boundaries only", False),
            )
        ]
    return [(name, render_types(what, scores), scores.to_dict()) for name, what, scores in scored]
