"""The files that a study leaves: study.md, study.html, study.csv (a row a run) and summary.csv."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

from jnrf.study import page, tables
from jnrf.study.metrics import Metric
from jnrf.study.results import Difference, Reader, Results
from jnrf.study.tables import COSTS, Table
from jnrf_ext.files import write_atomically


@dataclass
class Section:
    """What is shown of one corpus."""

    corpus: str
    tables: list[Table] = field(default_factory=list)
    #: By document set, then by system and metric
    differences: dict[str, dict[tuple[str, Metric], Difference]] = field(default_factory=dict)


def write_study(reader: Reader, out: Path) -> Results:
    """Write all four files anew from what is done so far."""
    results = reader.read()
    sections = [_section(reader, results, corpus) for corpus in results.study.corpora]
    write_atomically(out / "study.md", _markdown(results, sections))
    write_atomically(out / "study.csv", _runs(results))
    write_atomically(out / "summary.csv", _summary(results, sections))
    html = page.render(results, {s.corpus: s.tables for s in sections}, notices(results))
    write_atomically(out / "study.html", html)
    return results


def notices(results: Results) -> list[str]:
    """What a reader must know before the numbers."""
    lines = []
    if results.study.reduced:
        lines.append(
            f"REDUCED: {results.study.reduced}. These are not the study's own numbers; --full "
            "runs it as it is meant."
        )
    if results.partial:
        lines.append(
            f"PARTIAL: {len(results.done)} of {len(results.runs)} runs are done; the same command "
            "goes on with the rest."
        )
    lines += [f"FAILED: {run.name}: {why}" for run, why in results.failed]
    return lines


def _section(reader: Reader, results: Results, corpus: str) -> Section:
    section = Section(corpus)
    scored = results.study.corpora[corpus].scored
    for documents in scored:
        found = tables.paired_differences(reader, results, corpus, documents)
        section.differences[documents] = found
        section.tables.append(tables.quality(results, corpus, documents))
        if len(scored) > 1 and documents == "dev":
            section.tables[
                -1
            ].note += " The fold held out of each training, which also chose the epoch."
        if found:
            section.tables.append(tables.differences(results, found, documents))
    section.tables.append(tables.costs(results, corpus))
    return section


def _markdown(results: Results, sections: list[Section]) -> str:
    lines = [f"# {results.study.name}", ""]
    lines += [tables.inline(f"- {key}: {text}") for key, text in results.study.about.items()]
    lines += [""] if results.study.about else []
    for notice in notices(results):
        lines += [f"> **{tables.inline(notice)}**", ""]
    for section in sections:
        lines += [f"## {section.corpus}", ""]
        for table in section.tables:
            lines += tables.markdown(table)
    return "\n".join(lines).rstrip() + "\n"


def _runs(results: Results) -> str:
    """A row a run, done or not."""
    study = results.study
    scored = list(dict.fromkeys(name for c in study.corpora.values() for name in c.scored))
    figures = [(d, m, f) for d in scored for m in study.metrics for f in m.figures]
    head = ["system", "corpus", "fold", "seed", "status", "reduced"]
    head += [column_name(*one) for one in figures]
    head += ["best_epoch", *(cost.key for cost in COSTS), "device"]
    rows, done = [], {result.run.folder: result for result in results.done}
    for run in results.runs:
        fold = "" if run.fold is None else run.fold
        row: list[object] = [run.system, run.corpus, fold, run.seed, run.status, study.reduced]
        result = done.get(run.folder)
        if result is None:
            rows.append(row + [""] * (len(head) - len(row)))
            continue
        for documents, metric, figure in figures:
            shown = documents in study.corpora[run.corpus].scored
            row.append(metric.values(result.summary, documents)[figure] if shown else "")
        row.append(result.summary.best_epoch)
        row += ["" if (v := cost.value(result.summary)) is None else v for cost in COSTS]
        rows.append([*row, result.summary.device])
    return _csv(head, rows)


def column_name(documents: str, metric: Metric, figure: str) -> str:
    """``test mentions_strict f1``; a metric that is one figure already names it."""
    name = metric.name if metric.name.endswith(f".{figure}") else f"{metric.name} {figure}"
    return f"{documents} {name}"


def _summary(results: Results, sections: list[Section]) -> str:
    """A row a corpus, document set, system and figure."""
    head = [
        "corpus", "documents", "system", "figure", "mean", "deviation", "runs",
        "difference", "difference_deviation", "pairs", "p", "reduced", "partial",
    ]  # fmt: skip
    state = [results.study.reduced, results.partial]
    rows = []
    for section in sections:
        for system in results.study.systems:
            for documents, found in section.differences.items():
                for metric in results.study.metrics:
                    values = results.figures(section.corpus, system, documents, metric)
                    for figure, one in values.items():
                        name = column_name(documents, metric, figure).partition(" ")[2]
                        row = [section.corpus, documents, system, name, one.mean]
                        row += [_known(one.deviation), one.runs]
                        other = found.get((system, metric))
                        if other is None or figure != metric.headline:
                            row += [""] * 4
                        else:
                            pairs = other.statistic
                            row += [pairs.mean, _known(pairs.deviation), pairs.runs]
                            row.append(_known(other.p))
                        rows.append(row + state)
            for cost in COSTS:
                costs = tables.cost_statistic(results.of(section.corpus, system), cost)
                if costs is not None:
                    row = [section.corpus, "", system, cost.key, costs.mean]
                    rows.append([*row, _known(costs.deviation), costs.runs, *[""] * 4, *state])
    return _csv(head, rows)


def _known(value: float | None) -> float | str:
    return "" if value is None else value


def _csv(head: list[str], rows: list[list]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([head, *rows])
    return text.getvalue()
