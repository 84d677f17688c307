"""Figures that were measured of the systems, from configs/measured.yaml, and tables of them.

``python -m jnrf.measured FILE ...`` writes the tables of Markdown files anew, and with ``--runs``
prints what to add to the file for the runs of a system. Loads no torch.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from jnrf.training import settings
from jnrf.training.progress import duration
from jnrf_ext.errors import InputError

FILE = Path(__file__).parent / "configs" / "measured.yaml"
#: A table in a Markdown file: its corpus, and whether it is the short one, stand in the first line
_TABLE = re.compile(
    r"(?P<first><!-- measured: (?P<corpus>[\w-]+)(?P<short>, short)? -->\n).*?"
    r"(?P<last><!-- /measured -->)",
    re.DOTALL,
)


@dataclass(frozen=True)
class F1:
    """Micro F1 in [0, 1] where types agree: with an overlap, and with both ends equal.

    ``sd`` has the standard deviation of each over the seeds.
    """

    lenient: float
    strict: float
    sd: tuple[float, float] | None = None


@dataclass(frozen=True)
class Speed:
    """Wordpieces a second; None where not measured."""

    training: float | None = None
    prediction: float | None = None


@dataclass(frozen=True)
class Parameters:
    """Millions of parameters, with the labels of the corpus."""

    trained: float
    frozen: float = 0.0


@dataclass(frozen=True)
class Corpus:
    """What was trained on and scored: how many documents, which of them, by which rules."""

    title: str
    documents: dict[str, int]
    scored: str


@dataclass(frozen=True)
class Measured:
    """One system on one corpus: means over ``seeds`` runs. None stands for what was not measured.

    ``mentions`` and ``relations`` are None where a system finds none. ``machine`` and ``commit``
    say what ran where. ``peak_mib`` is in MiB.
    """

    system: str
    corpus: str
    seeds: int
    machine: str
    commit: str
    epochs: int
    mentions: F1 | None = None
    relations: F1 | None = None
    seconds_per_epoch: float | None = None
    speed: Speed = Speed()
    peak_mib: float | None = None
    parameters: Parameters | None = None

    @property
    def seconds(self) -> float | None:
        """Seconds of training in all, without scoring."""
        return None if self.seconds_per_epoch is None else self.epochs * self.seconds_per_epoch


@dataclass(frozen=True)
class Figures:
    """All that was measured."""

    machines: dict[str, str]
    corpora: dict[str, Corpus]
    runs: tuple[Measured, ...]

    def of(self, corpus: str, machine: str | None = None) -> list[Measured]:
        """The runs on a corpus, the best at relations first, then at mentions."""
        runs = [r for r in self.runs if r.corpus == corpus and machine in (None, r.machine)]
        return sorted(
            runs,
            key=lambda r: (
                -(r.relations.lenient if r.relations else -1.0),
                -(r.mentions.lenient if r.mentions else -1.0),
                r.system,
            ),
        )

    def tables(self) -> list[tuple[Corpus, str, list[Measured]]]:
        """The runs that can be compared: (corpus, machine in words, runs), in the file's order."""
        pairs = dict.fromkeys((r.corpus, r.machine) for r in self.runs)
        return [
            (self.corpora[corpus], self.machines[machine], self.of(corpus, machine))
            for corpus in self.corpora
            for machine in self.machines
            if (corpus, machine) in pairs
        ]

    def plain(self, system: str) -> list[dict[str, Any]]:
        """The runs of a system as plain JSON types, with corpus and machine in words."""
        return [
            dataclasses.asdict(run)
            | {
                "corpus_title": self.corpora[run.corpus].title,
                "scored": self.corpora[run.corpus].scored,
                "documents": self.corpora[run.corpus].documents,
                "machine": self.machines[run.machine],
                "seconds": run.seconds,
            }
            for run in self.runs
            if run.system == system
        ]


@cache
def load() -> Figures:
    """The figures that come with the package."""
    return read(settings.read_yaml(FILE))


def read(data: dict[str, Any]) -> Figures:
    """Figures from plain data. Raises :class:`InputError` for what the file's format has not."""
    try:
        corpora = {name: Corpus(**fields) for name, fields in data["corpora"].items()}
        figures = Figures(data["machines"], corpora, tuple(map(_run, data["runs"])))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{FILE.name}: not in the format of its first lines ({error})") from error
    for run in figures.runs:
        if run.corpus not in corpora or run.machine not in figures.machines:
            raise InputError(
                f"{FILE.name}: {run.system} has the corpus {run.corpus} and the machine "
                f"{run.machine}; both must be described in the file"
            )
    return figures


def _run(fields: dict[str, Any]) -> Measured:
    kinds = {"mentions": F1, "relations": F1, "speed": Speed, "parameters": Parameters}
    inner = {name: kind(**fields[name]) for name, kind in kinds.items() if fields.get(name)}
    # A hash of digits alone is a number in YAML.
    return Measured(**fields | inner | {"commit": str(fields["commit"])})


# ------------------------------------------------------------------ in Markdown


def markdown(figures: Figures, corpus: str, short: bool = False) -> str:
    """The table of a corpus, without a line break at its end; ``short`` to choose a system by.

    Where runs are of several machines, each row names its own, and lines below say what they are.
    """
    names = ["system", "mentions lenient", "strict", "relations lenient", "strict"]
    names += ["training", "wordpieces/s", "in prediction", "peak MiB", "parameters", "seeds"]
    rows = [_cells(run) for run in figures.of(corpus)]
    if short:
        kept = (0, 1, 3, 5, 7, 8)
        names = ["system", "F1 of mentions", "of relations", "training", "wordpieces/s", "peak MiB"]
        rows = [
            [duration(run.seconds) if run.seconds and at == 5 else row[at] for at in kept]
            for run, row in zip(figures.of(corpus), rows, strict=True)
        ]
    machines = sorted({run.machine for run in figures.of(corpus)})
    notes = []
    if len(machines) > 1:
        names.append("machine")
        rows = [[*row, run.machine] for row, run in zip(rows, figures.of(corpus), strict=True)]
        notes = ["", *(f"* {name}: {figures.machines[name]}" for name in machines)]
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows] + notes)


def _cells(run: Measured) -> list[str]:
    def number(value: float | None, pattern: str = "{:,.0f}") -> str:
        return "" if value is None else pattern.format(value)

    scores = [
        number(getattr(f1, match) if f1 else None, "{:.3f}")
        + (f" ± {f1.sd[at]:.3f}" if f1 and f1.sd else "")
        for f1 in (run.mentions, run.relations)
        for at, match in enumerate(("lenient", "strict"))
    ]
    took = "" if run.seconds_per_epoch is None else f"{run.epochs} x {run.seconds_per_epoch:.1f} s"
    sizes = ""
    if run.parameters:
        sizes = f"{run.parameters.trained:.1f} M"
        sizes += f" + {run.parameters.frozen:.1f} M frozen" * bool(run.parameters.frozen)
    speeds = [number(run.speed.training), number(run.speed.prediction)]
    return [run.system, *scores, took, *speeds, number(run.peak_mib), sizes, str(run.seeds)]


def fill(text: str, figures: Figures) -> str:
    """A Markdown text with its tables between ``<!-- measured: ... -->`` lines written anew."""
    return _TABLE.sub(
        lambda table: (
            f"{table['first']}{markdown(figures, table['corpus'], bool(table['short']))}\n"
            f"{table['last']}"
        ),
        text,
    )


# ------------------------------------------------------------------ from runs


def entry(folders: list[Path], corpus: str, machine: str, commit: str) -> str:
    """The entry of the file, in YAML, for runs of one system with several seeds, by their folders.

    Scores are those of the test documents, by the rules that the corpus says it is scored by;
    costs are means. Raises :class:`InputError` where the runs are not of one system.
    """
    runs = [json.loads((folder / "summary.json").read_text(encoding="utf-8")) for folder in folders]
    configs = [settings.read_yaml(folder / "config.yaml")["run"] for folder in folders]
    systems = {(config["system"], config["epochs"]) for config in configs}
    if len(systems) > 1 or len({config["seed"] for config in configs}) < len(configs):
        raise InputError("these runs differ in more than their seed; give those of one system")
    rules = "official" if "official" in load().corpora[corpus].scored else "corrected"
    system, epochs = systems.pop()

    def mean(name: str, digits: int | None = 0, scale: float = 1.0) -> float:
        return round(fmean(run[name] for run in runs) / scale, digits or None)

    def f1(task: str) -> str:
        columns = [
            [run["headlines"]["test"][rules][f"{task}_{match}"] for run in runs]
            for match in ("lenient", "strict")
        ]
        values = [f"{fmean(column):.3f}" for column in columns]
        spread = ", ".join(f"{stdev(column):.3f}" for column in columns if len(runs) > 1)
        end = f", sd: [{spread}]" if spread else ""
        return f"{{lenient: {values[0]}, strict: {values[1]}{end}}}"

    counts = runs[0]["parameters"]
    lines = [f"  - system: {system}", f"corpus: {corpus}", f"seeds: {len(runs)}"]
    lines += [f"machine: {machine}", f"commit: {commit}", f"mentions: {f1('mentions')}"]
    if runs[0]["finds_relations"]:
        lines.append(f"relations: {f1('relations')}")
    speeds = [mean("tokens_per_second"), mean("prediction_tokens_per_second")]
    sizes = [f"{counts[kind] / 1e6:.1f}" for kind in ("trainable", "frozen")]
    lines += [f"epochs: {epochs}", f"seconds_per_epoch: {mean('seconds_per_epoch', 1)}"]
    lines += [f"speed: {{training: {speeds[0]}, prediction: {speeds[1]}}}"]
    lines += [f"peak_mib: {mean('peak_process_bytes', 0, 2**20)}"]
    lines += [f"parameters: {{trained: {sizes[0]}, frozen: {sizes[1]}}}"]
    return "\n    ".join(lines)


def main(arguments: list[str]) -> None:
    """Write the tables of Markdown files anew; or print the entry of ``--runs``."""
    parser = argparse.ArgumentParser(prog="python -m jnrf.measured", description=__doc__)
    parser.add_argument("documents", nargs="*", metavar="FILE", help="Markdown to write anew")
    parser.add_argument("--runs", nargs="+", type=Path, metavar="RUN", help="print their entry")
    for name in ("corpus", "machine", "commit"):
        parser.add_argument(f"--{name}", help="of the entry")
    args = parser.parse_args(arguments)
    if args.runs:
        print(entry(args.runs, args.corpus, args.machine, args.commit))
    for path in map(Path, args.documents):
        path.write_text(fill(path.read_text(encoding="utf-8"), load()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
