"""A study's results as tables, of the same cells for Markdown and for the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jnrf.study.metrics import Metric
from jnrf.study.results import Difference, Reader, Result, Results, Statistic
from jnrf.training.summary import RunSummary

#: Shown where there is no value
NONE = "–"
_NAMES = {"precision": "P", "recall": "R", "f1": "F1", "accuracy": "accuracy"}


@dataclass(frozen=True)
class Column:
    """A column's title in two lines: a group that neighbours may share, and its own."""

    group: str
    name: str


@dataclass
class Table:
    """Rows of text below columns; the first cell of a row is its name."""

    title: str
    columns: list[Column]
    rows: list[list[str]]
    note: str = ""


def quality(results: Results, corpus: str, documents: str) -> Table:
    """Each system's scores on a document set, mean ± standard deviation over runs."""
    metrics = results.study.metrics
    columns = [Column("", "system"), Column("", "runs")]
    columns += [Column(m.label, _NAMES[f]) for m in metrics for f in m.figures]
    rows = []
    for system in results.study.systems:
        row = [system, str(len(results.of(corpus, system)))]
        for metric in metrics:
            found = results.figures(corpus, system, documents, metric)
            row += [score(found.get(figure)) for figure in metric.figures]
        rows.append(row)
    note = "Mean ± standard deviation (n - 1) over seeds and folds."
    if any(m.token_level for m in metrics):
        note += (
            ' WARNING: labels are scored token by token, "O" included: these are no scores of '
            "mentions, and not to be compared with any."
        )
    return Table(f"Scores on {documents}", columns, rows, note)


def differences(
    results: Results, found: dict[tuple[str, Metric], Difference], documents: str
) -> Table:
    """Each other system less the baseline: mean ± standard deviation of the pairs, and p."""
    study = results.study
    columns = [Column("", f"system less {study.baseline}"), Column("", "pairs")]
    for metric in study.metrics:
        columns.append(Column(metric.label, _NAMES[metric.headline]))
        if metric.counted:
            columns.append(Column(metric.label, "p"))
    rows = []
    for system in study.systems:
        pairs = [found[system, m].statistic.runs for m in study.metrics if (system, m) in found]
        if system == study.baseline or not pairs:
            continue
        row = [system, str(pairs[0])]
        for metric in study.metrics:
            one = found[system, metric]
            row.append(score(one.statistic, sign=True))
            if metric.counted:
                row.append(p_value(one.p))
        rows.append(row)
    note = (
        "p: approximate randomisation over documents, 10,000 shuffles, two-sided, of the micro F1 "
        "of all paired runs together; a document that several seeds share counts once for each."
        if any(m.counted for m in study.metrics)
        else ""
    )
    return Table(f"Differences on {documents}, paired by fold and seed", columns, rows, note)


@dataclass(frozen=True)
class Cost:
    """A column of the table of costs; ``value`` is None where a run does not know it."""

    key: str
    column: Column
    value: Callable[[RunSummary], float | None]
    text: Callable[[float], str]


def _energy(summary: RunSummary) -> float | None:
    joules = summary.energy_joules
    return joules / 3600 if isinstance(joules, (int, float)) else None


def _mebibytes(value: int | None) -> float | None:
    return None if value is None else value / 2**20


def _some(value: float) -> float | None:
    return value or None


COSTS = (
    Cost("seconds", Column("training", "s"), lambda s: s.seconds, "{:,.1f}".format),
    Cost("epochs", Column("training", "epochs"), lambda s: float(s.epochs), "{:g}".format),
    Cost(
        "seconds_per_epoch",
        Column("training", "s an epoch"),
        lambda s: s.seconds_per_epoch,
        "{:,.2f}".format,
    ),
    Cost(
        "tokens_per_second",
        Column("training", "wordpieces/s"),
        lambda s: s.tokens_per_second,
        "{:,.0f}".format,
    ),
    Cost(
        "prediction_tokens_per_second",
        Column("prediction", "wordpieces/s"),
        lambda s: _some(s.prediction_tokens_per_second),
        "{:,.0f}".format,
    ),
    Cost(
        "peak_process_mib",
        Column("peak memory, MiB", "process"),
        lambda s: _mebibytes(s.peak_process_bytes),
        "{:,.0f}".format,
    ),
    Cost(
        "peak_cuda_mib",
        Column("peak memory, MiB", "CUDA"),
        lambda s: _mebibytes(s.peak_cuda_bytes),
        "{:,.0f}".format,
    ),
    Cost("energy_wh", Column("", "energy, Wh"), _energy, "{:,.2f}".format),
    Cost(
        "trainable",
        Column("parameters", "trained"),
        lambda s: s.parameters["trainable"],
        "{:,.0f}".format,
    ),
    Cost(
        "frozen",
        Column("parameters", "frozen"),
        lambda s: s.parameters["frozen"],
        "{:,.0f}".format,
    ),
)


def cost_statistic(runs: list[Result], cost: Cost) -> Statistic | None:
    """Over the runs that know it."""
    values = [v for r in runs if (v := cost.value(r.summary)) is not None]
    return Statistic.of(values) if values else None


def costs(results: Results, corpus: str) -> Table:
    """What each system's runs cost, means over runs, and its time as a multiple of the baseline."""
    study = results.study
    by_key = {cost.key: cost for cost in COSTS}
    base = cost_statistic(results.of(corpus, study.baseline), by_key["seconds_per_epoch"])
    columns = [Column("", "system")]
    for cost in COSTS:
        columns.append(cost.column)
        if cost.key == "seconds_per_epoch":
            columns.append(Column("training", f"times {study.baseline}"))
    rows = []
    for system in study.systems:
        runs, row = results.of(corpus, system), [system]
        for cost in COSTS:
            found = cost_statistic(runs, cost)
            missing = "not available" if runs and cost.key == "energy_wh" else NONE
            row.append(cost.text(found.mean) if found else missing)
            if cost.key == "seconds_per_epoch":
                times = found.mean / base.mean if found and base and base.mean else None
                row.append(NONE if times is None else f"{times:,.2f}")
        rows.append(row)
    devices = sorted({r.summary.device for r in results.done if r.run.corpus == corpus})
    at_once = max((r.run.read_record().get("jobs", 1) for r in results.done), default=1)
    shared = f" Up to {at_once} runs shared the machine: times are of that." if at_once > 1 else ""
    note = f"On {', '.join(devices)}; training without scoring.{shared}" if devices else ""
    return Table("Costs", columns, rows, note)


def paired_differences(
    reader: Reader, results: Results, corpus: str, documents: str
) -> dict[tuple[str, Metric], Difference]:
    """Every system's differences to the baseline, where both have runs to pair."""
    found = {}
    for system in results.study.systems:
        for metric in results.study.metrics if system != results.study.baseline else ():
            one = reader.difference(results, corpus, system, documents, metric)
            if one is not None:
                found[system, metric] = one
    return found


def score(statistic: Statistic | None, sign: bool = False) -> str:
    """``0.8281 ± 0.0040``; without the spread for a single run."""
    if statistic is None:
        return NONE
    text = f"{statistic.mean:+.4f}" if sign else f"{statistic.mean:.4f}"
    return text if statistic.deviation is None else f"{text} ± {statistic.deviation:.4f}"


def p_value(p: float | None) -> str:
    """Four digits: 10,000 shuffles know no more."""
    return NONE if p is None else f"{p:.4f}"


def markdown(table: Table) -> list[str]:
    """The table's lines; a group stands before the names below it."""
    titles = [f"{c.group}: {c.name}" if c.group else c.name for c in table.columns]
    lines = [f"**{inline(table.title)}**", ""]
    lines.append(f"| {' | '.join(map(inline, titles))} |")
    lines.append("|---|" + "---:|" * (len(titles) - 1))
    lines += [f"| {' | '.join(map(inline, row))} |" for row in table.rows]
    return [*lines, "", *([inline(table.note), ""] if table.note else [])]


def inline(text: str) -> str:
    """Text that stays on its line and in its cell of Markdown."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
