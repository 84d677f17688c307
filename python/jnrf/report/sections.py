"""The parts of the page below its overview that need no script: curves, scores, settings."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from jnrf.report.charts import line_chart
from jnrf.scoring.scores import Counts, Level, Rates, Scores

_LEVELS = ("strict", "lenient")


def curves(history: Sequence[dict], values: dict) -> str:
    """Charts of the losses, of the scores of each document set, and of the speed.

    Those of relations are left out where ``values`` say that the model finds none.
    """
    relations = values.get("finds_relations", True)
    losses: dict[str, list] = {}
    sets: dict[str, dict[str, list]] = {}
    speed: dict[str, list] = {}
    for number, row in enumerate(history, start=1):
        epoch = row.get("epoch", number)
        for key, value in row.items():
            if not relations and key.startswith("relation"):
                continue
            if isinstance(value, dict):
                for inner, figure in value.items():
                    if not relations and inner.startswith("relation"):
                        continue
                    _add(sets.setdefault(key, {}), inner.replace("_", ", "), epoch, figure)
            elif key.endswith("loss"):
                _add(losses, key.replace("_", " "), epoch, value)
            elif key == "tokens_per_second":
                _add(speed, "wordpieces/s", epoch, value)
    mark = values.get("best_epoch") or -1
    charts = [line_chart("Training loss", losses, mark=mark)]
    charts += [
        line_chart(f"Micro F1 on {name}", series, unit=(0.0, 1.0), mark=mark)
        for name, series in sets.items()
    ]
    charts.append(line_chart("Training speed", speed))
    drawn = "".join(charts)
    return f'<div class="charts">{drawn}</div>' if drawn else "<p>No epoch was finished.</p>"


def _add(series: dict[str, list], name: str, epoch: float, value: object) -> None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        series.setdefault(name, []).append((epoch, value))


def scores(named: dict[str, Scores]) -> str:
    """A folding block a name, the first one open, with both tasks' tables."""
    blocks = []
    for number, (name, result) in enumerate(named.items()):
        missing = (
            f"; {len(result.missing)} without a prediction count as nothing found"
            if result.missing
            else ""
        )
        blocks.append(
            f"<details{' open' if number == 0 else ''}><summary>{escape(name)} "
            f"<small>{result.documents} documents, {escape(result.mode)} rules{missing}</small>"
            f'</summary><div class="tables">{_table("Mentions", result.mentions)}'
            f"{_table('Relations', result.relations)}</div></details>"
        )
    return "".join(blocks) or "<p>Nothing was scored.</p>"


def _table(title: str, levels: dict[str, Level]) -> str:
    pair = [levels[level] for level in _LEVELS]
    rows = [
        _row(name, [level.by_type[name] for level in pair], counts)
        for name, counts in pair[0].by_type.items()
    ]
    rows.append(_row("Overall, micro", [level.micro for level in pair], pair[0].micro, "total"))
    rows.append(_row("Mean of documents", [level.macro for level in pair], None, "mean"))
    of_types = [level.macro_types for level in pair if level.macro_types is not None]
    if of_types:
        rows.append(_row("Mean of types", of_types, None, "mean"))
    heads = "".join(
        f'<th scope="col" title="{meaning}">{short}</th>'
        for _ in _LEVELS
        for short, meaning in (("P", "precision"), ("R", "recall"), ("F1", "F1"))
    )
    heads += '<th aria-hidden="true"></th>'
    return (
        f'<div class="scroll"><table class="scores"><caption>{title}</caption><thead><tr>'
        '<th rowspan="2" scope="col">type</th><th rowspan="2" scope="col">gold</th>'
        '<th colspan="3" scope="colgroup">strict</th>'
        f'<th colspan="4" scope="colgroup">lenient</th></tr><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(
    name: str, pair: Sequence[Counts | Rates], counts: Counts | None, kind: str = "type"
) -> str:
    cells = []
    for rates in pair:
        title = ""
        if isinstance(rates, Counts):
            title = f' title="{rates.tp} right, {rates.fp} wrong, {rates.fn} not found"'
        for figure in (rates.precision, rates.recall):
            cells.append(f"<td{title}>{figure:.3f}</td>")
        cells.append(f'<td class="f1"{title}>{rates.f1:.3f}</td>')
    cells.append(f"<td>{_bar(pair[-1].f1)}</td>")
    gold = f"{counts.tp + counts.fn:,}" if counts else ""
    head = f'<th scope="row">{escape(name)}</th><td>{gold}</td>'
    return f'<tr class="{kind}">{head}{"".join(cells)}</tr>'


def _bar(share: float) -> str:
    return (
        '<svg class="bar" viewBox="0 0 40 8" width="36" height="8" aria-hidden="true">'
        '<rect class="all" width="40" height="8"/>'
        f'<rect width="{40 * share:.1f}" height="8"/></svg>'
    )


def settings(values: dict) -> str:
    """The configuration, a table a section."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    groups = {"": plain} if plain else {}
    groups |= {key: value for key, value in values.items() if isinstance(value, dict)}
    tables = []
    for name, group in groups.items():
        rows = "".join(
            f'<tr><th scope="row">{escape(str(key))}</th><td>{escape(_text(value))}</td></tr>'
            for key, value in group.items()
        )
        tables.append(f"<table><caption>{escape(str(name))}</caption><tbody>{rows}</tbody></table>")
    return f'<div class="settings">{"".join(tables)}</div>'


def _text(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)
