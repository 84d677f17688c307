"""Scores as tables for a terminal, a pipe or a log: 80 columns are enough."""

from __future__ import annotations

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jnrf.scoring.scores import Counts, Level, Rates, Scores

_LEVELS = ("strict", "lenient")
_NAMED = 5


def render(scores: Scores) -> Group:
    """Both tasks' tables, by type and overall, strict and lenient, and the headline beneath.

    A rich renderable: ``rich.print(render(scores))``.
    """
    headline = scores.relations["lenient"].micro
    return Group(
        _table("Mentions", scores.mentions),
        _table("Relations", scores.relations),
        *(Text(line) for line in _notes(scores)),
        Text(f"Headline: relations, lenient micro F1 {headline.f1:.4f}", style="bold"),
    )


def _table(title: str, levels: dict[str, Level]) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
    )
    table.add_column("\ntype", overflow="fold")
    table.add_column("\ngold", justify="right", no_wrap=True)
    for level in _LEVELS:
        for name in (f"{level}\nP", "\nR", "\nF1"):
            table.add_column(name, justify="right", no_wrap=True)
    pair = [levels[level] for level in _LEVELS]
    for name, counts in pair[0].by_type.items():
        _row(table, name, [level.by_type[name] for level in pair], counts)
    if not pair[0].by_type:
        table.add_row("none annotated", "0")
    table.add_section()
    _row(table, "overall, micro", [level.micro for level in pair], pair[0].micro)
    _row(table, "mean of documents", [level.macro for level in pair])
    if pair[0].macro_types is not None:
        _row(table, "mean of types", [level.macro_types for level in pair])
    return table


def _row(
    table: Table, name: str, pair: list[Counts] | list[Rates], counts: Counts | None = None
) -> None:
    figures = [
        f"{figure:.4f}" for rates in pair for figure in (rates.precision, rates.recall, rates.f1)
    ]
    # Text, not str: a type name may look like rich's markup.
    table.add_row(Text(name), str(counts.tp + counts.fn) if counts else "", *figures)


def _notes(scores: Scores) -> list[str]:
    lines = [f"{scores.documents} documents, {scores.mode} rules"]
    for what, names in (
        ("without a prediction, counted as nothing found", scores.missing),
        ("of the gold skipped for want of a prediction", scores.skipped_gold),
        ("of the prediction skipped for want of gold", scores.skipped_predicted),
    ):
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            lines.append(f"{len(names)} {what}: {', '.join(names[:_NAMED])}{more}")
    return lines
