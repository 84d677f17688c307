"""A corpus summary as tables for a terminal or a pipe: 80 columns are enough."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jnrf.corpora.summary import WAYS
from jnrf_ext.installed import INSTALL_DEFAULT

_SHOWN_PAIRS = 3
_WAYS_SAID = (
    "Shares are of all mentions, of the fragments of mentions (boundaries), of all relations, or "
    "of all annotations of that kind. Words (model.units word) are runs of letters and digits, and "
    "each letter of scripts that set no spaces; tokens (model.units token) are what white space "
    "parts. Systems that tag wordpieces without a CRF find whole words too. The ends of sentences "
    "matter to systems that cut there (model.segments sentence)."
)


def render(summary: dict) -> Group:
    """A rich renderable of what :func:`jnrf.corpora.summary.summarize` returns.

    ``summary`` has ``path`` and ``tokenizer`` (a name or None) beside that.
    """
    mentions, relations = summary["mentions"], summary["relations"]
    parts: list[RenderableType] = [
        Text(summary["path"], style="bold"),
        Text(
            f"{summary['documents']:,} documents, {sum(mentions.values()):,} mentions, "
            f"{sum(relations.values()):,} relations"
        ),
        Text(),
        _lengths(summary),
    ]
    if summary["tokenizer"] is None:
        parts.append(
            Text(
                f"Wordpieces are not counted: no tokenizer. Give --tokenizer FILE, or\n"
                f"{INSTALL_DEFAULT}\n"
                "without which `jnrf train` learns embeddings from the corpus alone, and scores\n"
                "are much lower.\n"
            )
        )
    parts.append(_counts("Mentions", "type", mentions, "none annotated"))
    parts.append(_relations(relations, summary["schema"]))
    others = {kind: count for kind, count in summary["annotations"].items() if count}
    if others:
        parts.append(_counts("Other annotations", "kind", others, shares=False))
    if summary["schema_problem"]:
        problem = summary["schema_problem"]
        parts.append(Text(problem[:1].upper() + problem[1:]))
    if summary["warnings"]:
        parts.append(_counts("Warnings from reading", "kind", summary["warnings"], shares=False))
    if summary["lost"] is not None:
        parts.append(_losses(summary["lost"]))
        if summary["lost"]:
            parts.append(Text(_WAYS_SAID))
    return Group(*parts)


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _lengths(summary: dict) -> Table:
    table = _table("Lengths of documents", "", "total", "min", "median", "mean", "max", "over 512")
    for unit in ("words", "wordpieces"):
        if summary[unit] is not None:
            table.add_row(unit, *(f"{value:,}" for value in summary[unit].values()))
    return table


def _counts(
    title: str, what: str, counts: dict[str, int], empty: str = "", shares: bool = True
) -> Table:
    """Counts, with ``shares`` of their sum where they are parts of one whole."""
    table = _table(title, what, "count", *(["share"] if shares else []))
    total = sum(counts.values())
    for name, count in counts.items():
        table.add_row(Text(name), f"{count:,}", *([f"{count / total:.1%}"] if shares else []))
    if not counts:
        table.add_row(empty, "0")
    return table


def _losses(lost: dict[str, dict]) -> Table:
    table = _table("What each way of tagging cannot represent", "kind", *WAYS)
    for kind, counts in lost.items():
        cells = (f"{counts[way]:,} {counts[way] / counts['total']:6.1%}" for way in WAYS)
        table.add_row(Text(kind), *cells)
    if not lost:
        table.add_row("nothing is lost", *("0" for _ in WAYS))
    return table


def _relations(counts: dict[str, int], schema: dict | None) -> Table:
    table = _table("Relations", "type", "count")
    table.add_column("joins (head type -> tail type)", overflow="fold")
    for name, count in counts.items():
        pairs = schema["arguments"][name] if schema else []
        shown = ", ".join(f"{head} -> {tail}" for head, tail in pairs[:_SHOWN_PAIRS])
        more = f" and {len(pairs) - _SHOWN_PAIRS} more pairs" if len(pairs) > _SHOWN_PAIRS else ""
        table.add_row(Text(name), f"{count:,}", Text(shown + more))
    if not counts:
        table.add_row("none annotated", "0", "")
    return table
