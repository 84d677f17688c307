"""``jnrf systems``: what can be trained, what was measured of it, and what it is made of."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jnrf.measured import F1, Measured

NAME = "systems"
HELP = "compare the systems that `jnrf train --system NAME` trains, and list what each is made of"


#: Columns of a terminal that the figures are made for
_WIDTH = 88
#: What is said of a system that tags mentions alone
FINDS_NO_RELATIONS = "mentions only, no relations"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--json`` for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def collect() -> list[dict]:
    """A row a system, as plain JSON types; parameters are None where weights are not installed.

    ``measured`` has what was measured of it, an entry a corpus and machine; often none.
    """
    from jnrf import measured
    from jnrf.systems import count_parameters, describe, load_system, system_names

    rows = []
    for name in system_names():
        system = load_system(name)
        config = system.config
        rows.append(
            {"name": name, "title": system.title, "paper": system.paper}
            | describe(config)
            | {"parameters": count_parameters(config), "measured": measured.load().plain(name)}
        )
    return rows


def figures(names: list[str]) -> Iterator[str]:
    """Lines that compare what was measured, the best first, for each corpus and machine."""
    from jnrf import measured

    for corpus, machine, runs in measured.load().tables():
        counts = "/".join(f"{count:,}" for count in corpus.documents.values())
        yield f"{corpus.title}, {counts} documents ({'/'.join(corpus.documents)})"
        yield f"  {corpus.scored}; {machine}"
        yield from _table(runs)
    yield "F1: micro, lenient/strict, relations end to end, mean of the seeds. time: training"
    yield "in all. train, predict: wordpieces a second. MiB: most memory held."
    known = {run.system for run in measured.load().runs}
    if unknown := [name for name in names if name not in known]:
        yield from textwrap.wrap(
            f"not measured: {', '.join(unknown)}", _WIDTH, break_on_hyphens=False
        )


def _table(runs: list[Measured]) -> Iterator[str]:
    from jnrf.training.progress import duration

    heads = ("F1 mentions", "F1 relations", "time", "train", "predict", "MiB", "seeds")
    rows: list[tuple[str, ...]] = [("system", *heads)]
    for run in runs:
        numbers = (run.speed.training, run.speed.prediction, run.peak_mib)
        row = [run.system, _f1(run.mentions), _f1(run.relations)]
        row.append("" if run.seconds is None else duration(run.seconds))
        row += ["" if number is None else f"{number:,.0f}" for number in numbers]
        rows.append((*row, str(run.seeds)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        shown = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        yield "  ".join((f"  {name:<{widths[0]}}", *shown))


def _f1(f1: F1 | None) -> str:
    return "" if f1 is None else f"{f1.lenient:.3f}/{f1.strict:.3f}"


def run(args: argparse.Namespace) -> int:
    """Print them for a person or, with ``--json``, for a program."""
    import json

    rows = collect()
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in figures([row["name"] for row in rows]):
        console.print(line)
    console.print()
    for row in rows:
        counts = row["parameters"]
        sizes = "needs weights that are not installed"
        if counts:
            sizes = f"{counts['trainable']:,} trained"
            sizes += f", {counts['frozen']:,} frozen" * bool(counts["frozen"])
        console.print(row["name"], style="bold")
        console.print(f"  {row['title']}")
        console.print(f"  {row['paper']}")
        finds = "mentions and relations" if "relations" in row["tasks"] else FINDS_NO_RELATIONS
        lines = {"finds": finds, "encoder": row["encoder"], "tags": row["tag_head"]}
        lines |= {"relations": row["relation_head"], "shared": row["shared"], "parameters": sizes}
        for label, text in lines.items():
            console.print(f"  {label + ':':<12}{text}")
    console.print("\nParameters are counted for the labels of n2c2: 9 entity types, 8 relations.")
    console.print("next: jnrf train --system NAME --train DIR --dev DIR --out RUN")
    return 0
