"""Scores as tables for a terminal, a pipe or a log: 80 columns are enough."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jnrf.scoring.errors import MENTION_CAUSES, RELATION_CAUSES, Cause, ErrorAnalysis, TaskErrors
from jnrf.scoring.labels import LabelLevelReport
from jnrf.scoring.scores import Counts, Level, Rates, Scores, TypeScores

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
    table = _empty_table(title)
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
    of_types = [level.macro_types for level in pair if level.macro_types is not None]
    if of_types:
        _row(table, "mean of types", of_types)
    return table


def _empty_table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
    )


def render_types(title: str, scores: TypeScores) -> Table:
    """Scores by type and overall, of entities or of relations."""
    table = _with_rates(title, "type")
    for name, counts in scores.by_type.items():
        _row(table, name, [counts], counts)
    if not scores.by_type:
        table.add_row("none annotated", "0")
    table.add_section()
    _row(table, "overall, micro", [scores.micro], scores.micro)
    _row(table, "mean of types", [scores.macro_types])
    return table


def render_labels(title: str, report: LabelLevelReport) -> Table:
    """Scores of single tokens by label; the title should say that they are no scores of spans."""
    table = _with_rates(title, "label")
    for name, counts in report.by_label.items():
        _row(table, name, [counts], counts)
    table.add_section()
    _row(table, "macro (labels)", [report.macro])
    _row(table, "weighted (tokens)", [report.weighted])
    table.add_row("accuracy", "", "", "", f"{report.accuracy:.4f}")
    return table


def render_errors(analysis: ErrorAnalysis) -> Group:
    """Errors by cause of mentions and relations, and relations by distance; strict throughout."""
    return Group(
        _causes(
            "Mention errors by cause", analysis.mentions, MENTION_CAUSES, analysis.relations.micro
        ),
        _causes("Relation errors by cause", analysis.relations, RELATION_CAUSES),
        _distances("Relations by the words between head and tail", analysis.by_distance),
        *map(Text, _ERRORS_EXPLAINED),
    )


def _causes(
    title: str, errors: TaskErrors, causes: dict[str, Cause], relations: Counts | None = None
) -> Table:
    """The table of a task; ``relations`` are the counts of those where the task is mentions."""
    table = _empty_table(f"{title}, strict")
    table.add_column("\ncause", overflow="fold")
    for name in ("\ngold", "\npredicted", "\nshare", "across\nsentences", "F1 if\nmended"):
        table.add_column(name, justify="right", no_wrap=True)
    if relations:
        table.add_column("relations\nF1 then", justify="right", no_wrap=True)
    micro = errors.micro
    now = [f"{counts.f1:.4f}" for counts in (micro, relations) if counts]
    table.add_row("right (F1: as it is)", str(micro.tp), str(micro.tp), "", "", *now)
    table.add_section()
    for key, found in errors.causes.items():
        table.add_row(
            causes[key].label,
            str(found.gold),
            str(found.predicted),
            f"{100 * found.share:.1f}%",
            str(found.across_sentences),
            *(
                f"{f1:.4f}"
                for f1 in (found.f1_if_mended, found.relations_f1_if_mended)
                if f1 is not None
            ),
        )
    table.add_section()
    table.add_row("all", str(micro.tp + micro.fn), str(micro.tp + micro.fp))
    return table


def _distances(title: str, rows: dict[str, Counts]) -> Table:
    table = _empty_table(f"{title}, strict")
    table.add_column("words")
    for name in ("gold", "found", "missed", "spurious", "P", "R", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, counts in rows.items():
        numbers = (counts.tp + counts.fn, counts.tp, counts.fn, counts.fp)
        rates = (counts.precision, counts.recall, counts.f1)
        table.add_row(name, *map(str, numbers), *(f"{rate:.4f}" for rate in rates))
    return table


#: A person reads these below the tables of errors.
_ERRORS_EXPLAINED = (
    "gold: not found for this cause; predicted: not right for it; share: of all errors, gold and "
    "predicted; across sentences: of these, those that reach over the end of a sentence",
    "F1 if mended: strict micro F1 if the errors of this cause, and no others, were put right: its "
    "gold predicted exactly, its predictions gone. Of several causes that fit the first counts.",
    "relations F1 then: at most; with the relations put right that only such mentions spoil",
    "inexact: predicted, but with other boundaries or another type",
    "words: between head and tail in one sentence, punctuation marks too; missed and spurious "
    "there: not found and not right, whatever the cause",
)


def _with_rates(title: str, first: str) -> Table:
    table = _empty_table(title)
    table.add_column(first, overflow="fold")
    for name in ("gold", "P", "R", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _row(
    table: Table, name: str, groups: list[Counts] | list[Rates], counts: Counts | None = None
) -> None:
    figures = [
        f"{figure:.4f}" for rates in groups for figure in (rates.precision, rates.recall, rates.f1)
    ]
    # Text, not str: a type name may look like rich's markup.
    table.add_row(Text(name), str(counts.tp + counts.fn) if counts else "", *figures)


#: A person reads these below the tables.
_RULES = {
    "official": "the 2018 n2c2 script's figures, quirks included, as published ones are",
    "corrected": "each prediction counts for one gold item; what is missing counts too",
}
_LEVELS_EXPLAINED = "strict: type and both ends agree; lenient: type, and at least one character"


def _notes(scores: Scores) -> list[str]:
    return [
        f"{scores.documents} documents, {scores.mode} rules: {_RULES[scores.mode]}",
        _LEVELS_EXPLAINED,
        *one_sided(scores.missing, scores.skipped_gold, scores.skipped_predicted),
    ]


def one_sided(
    missing: Sequence[str], skipped_gold: Sequence[str], skipped_predicted: Sequence[str]
) -> list[str]:
    """A line for each kind of documents that stand on one side only, by :class:`Scores`' names."""
    lines = []
    for what, names in (
        ("without a prediction, counted as nothing found", missing),
        ("of the gold skipped for want of a prediction", skipped_gold),
        ("of the prediction skipped for want of gold", skipped_predicted),
    ):
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            lines.append(f"{len(names)} {what}: {', '.join(names[:_NAMED])}{more}")
    return lines
