"""The page of a study: one file, nothing loaded from outside, no script at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from importlib import resources
from itertools import accumulate, groupby

from jnrf.report.charts import line_chart
from jnrf.report.page import asset, content_hash, fill
from jnrf.report.scatter import scatter_chart
from jnrf.study.metrics import N2C2, Metric
from jnrf.study.results import Result, Results
from jnrf.study.tables import COSTS, Table, cost_statistic

_COSTS = {cost.key: cost for cost in COSTS}
#: Costs that the headline metric is drawn against
_DRAWN = {
    "seconds": "seconds of training",
    "peak_process_mib": "peak memory of the process, MiB",
    "peak_cuda_mib": "peak memory on CUDA, MiB",
}


def render(results: Results, tables: dict[str, list[Table]], notices: Sequence[str]) -> str:
    """The page; ``tables`` by corpus, ``notices`` what has to be read first."""
    style = asset("page.css")
    about = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td>{escape(text)}</td></tr>'
        for key, text in results.study.about.items()
    )
    sections = "".join(
        f'<section id="corpus{number}"><h2>{escape(corpus)}</h2>'
        f"{''.join(map(_table, tables[corpus]))}{_charts(results, corpus)}</section>\n"
        for number, corpus in enumerate(tables)
    )
    template = (resources.files("jnrf.study") / "page.html").read_text(encoding="utf-8")
    return fill(
        template,
        {
            "title": escape(f"Study {results.study.name}"),
            "style": style,
            "style_hash": content_hash(style),
            "links": " ".join(
                f'<a href="#corpus{number}">{escape(corpus)}</a>'
                for number, corpus in enumerate(tables)
            ),
            "notices": "".join(f'<p class="notice">{escape(line)}</p>' for line in notices),
            "about": f'<div class="settings"><table><tbody>{about}</tbody></table></div>'
            if about
            else "",
            "sections": sections,
        },
    )


def _table(table: Table) -> str:
    groups = [(name, len(list(same))) for name, same in groupby(c.group for c in table.columns)]
    upper = "".join(
        f'<th colspan="{count}" scope="colgroup">{escape(name)}</th>' for name, count in groups
    )
    lower = "".join(f'<th scope="col">{escape(column.name)}</th>' for column in table.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{_cell(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="scroll"><table class="scores study"><caption>{escape(table.title)}</caption>'
        f"<thead><tr>{upper}</tr><tr>{lower}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


def _cell(text: str) -> str:
    """A spread stands back behind its mean."""
    mean, sign, spread = text.partition(" ± ")
    return f"{escape(mean)}<small> ± {escape(spread)}</small>" if sign else escape(text)


def _charts(results: Results, corpus: str) -> str:
    study = results.study
    metric, documents = study.metrics[0], study.corpora[corpus].scored[0]
    charts = []
    for key, x_label in _DRAWN.items():
        points = {}
        for system in study.systems:
            cost = cost_statistic(results.of(corpus, system), _COSTS[key])
            quality = results.figures(corpus, system, documents, metric).get(metric.headline)
            if cost is None or quality is None:
                points[system] = (math.nan, math.nan)
            else:
                points[system] = (cost.mean, quality.mean)
        what = f"{metric.label}, {documents}"
        charts.append(scatter_chart(f"Quality against {x_label}", points, x_label, what))
    name = curve_name(metric)
    by_epoch = {s: curve(results.of(corpus, s), name, "epoch") for s in study.systems}
    by_second = {s: curve(results.of(corpus, s), name, "seconds") for s in study.systems}
    title = f"Dev F1, {name.replace('_', ', ')}"
    charts.append(line_chart(f"{title}, over epochs", by_epoch, unit=(0.0, 1.0)))
    label = f"{title}, over seconds of training"
    charts.append(line_chart(label, by_second, unit=(0.0, 1.0), x_label="seconds"))
    drawn = "".join(charts)
    return f'<div class="charts">{drawn}</div>' if drawn else ""


def curve_name(metric: Metric) -> str:
    """Which of the scores that are taken after each epoch is nearest to a metric."""
    if metric.path[0] in N2C2 and metric.mode:
        return metric.path[0]
    return "relations_strict" if metric.path[0].startswith("relations") else "mentions_strict"


def curve(runs: Sequence[Result], name: str, against: str) -> list[tuple[float, float]]:
    """Means over the runs that reached an epoch: (epochs or seconds of training, dev F1)."""
    epochs: dict[int, list[tuple[float, float]]] = {}
    for run in runs:
        seconds = accumulate(row.get("seconds", 0.0) for row in run.history)
        for row, total in zip(run.history, seconds, strict=True):
            value = row.get("dev", {}).get(name)
            if value is not None:
                x = row["epoch"] if against == "epoch" else total
                epochs.setdefault(row["epoch"], []).append((x, value))
    points = []
    for _, values in sorted(epochs.items()):
        xs, ys = zip(*values, strict=True)
        points.append((round(sum(xs) / len(xs), 3), sum(ys) / len(ys)))
    return points
