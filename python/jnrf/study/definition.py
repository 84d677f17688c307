"""A study file: which systems, on which corpora, how often, and what is shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from jnrf.study import corpora, metrics
from jnrf.study.corpora import Corpus
from jnrf.study.fields import Fields, expand
from jnrf.study.metrics import Metric
from jnrf.training import settings
from jnrf_ext.errors import InputError


@dataclass(frozen=True)
class System:
    """A shipped configuration (``jnrf train --system``), and what is set otherwise in it."""

    name: str
    system: str
    settings: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """All that a study file says, with ``reduced`` applied where it counts."""

    name: str
    source: Path
    about: dict[str, str]
    systems: dict[str, System]
    corpora: dict[str, Corpus]
    seeds: tuple[int, ...]
    #: Of every run; a corpus's own go before these, and a system's before both
    settings: dict[str, object]
    baseline: str
    #: The first one is the headline
    metrics: tuple[Metric, ...]
    #: What was reduced, in words; "" where the study runs as it is meant
    reduced: str = ""
    #: The first so many folds; None is all
    folds: int | None = None
    #: Settings that a reduced study has before all others
    reduced_settings: dict[str, object] = field(default_factory=dict)

    def settings_of(self, system: System, corpus: Corpus) -> dict[str, object]:
        """The dotted settings of a run, beside documents, folder and seed."""
        return self.settings | corpus.settings | system.settings | self.reduced_settings


def shipped() -> dict[str, Path]:
    """The studies that come with the package, by name."""
    folder = Path(str(resources.files("jnrf.configs.studies")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(name: str) -> Path:
    """The file of a study: a path, or the name of one that comes with the package."""
    if Path(name).is_file():
        return Path(name)
    if name in shipped():
        return shipped()[name]
    raise InputError(
        f"no study file {name}, and no study of that name comes with jnrf; "
        f"{settings.nearest(name, [*shipped()])}"
    )


def read(path: Path, variables: Mapping[str, str], full: bool = False) -> Study:
    """The study in a file.

    ``variables`` are those of ``${NAME}`` that do not come from the environment. Unless ``full``,
    the file's ``reduced`` applies. Raises :class:`InputError` naming file and key for what cannot
    be meant, and for corpora that are not there.
    """
    data = settings.read_yaml(path)
    if full:
        data.pop("reduced", None)
    top = Fields(expand(data, variables, path), path)
    top.only("about", "systems", "corpora", "seeds", "settings", "baseline", "metrics", "limits",
             "reduced")  # fmt: skip
    limits = corpora.parse_limits(top.sub("limits"))
    systems = {name: _system(fields) for name, fields in top.named("systems").items()}
    chosen = {n: corpora.parse(fields, limits) for n, fields in top.named("corpora").items()}
    baseline = top.text("baseline") or next(iter(systems))
    if baseline not in systems:
        raise top.error(
            "baseline", f"no system {baseline!r}; {settings.nearest(baseline, [*systems])}"
        )
    study = Study(
        name=path.stem,
        source=path,
        about={key: " ".join(str(text).split()) for key, text in top.sub("about").data.items()},
        systems=systems,
        corpora=chosen,
        seeds=tuple(top.numbers("seeds")) or (1,),
        settings=top.sub("settings").settings(),
        baseline=baseline,
        metrics=_metrics(top),
    )
    for corpus in chosen.values():
        corpora.check_sources(corpus, str(path))
    return _reduced(study, top.sub("reduced"))


def _system(fields: Fields) -> System:
    fields.only("system", "settings")
    name = fields.key.rpartition(".")[2]
    return System(name, fields.text("system") or name, fields.sub("settings").settings())


def _metrics(top: Fields) -> tuple[Metric, ...]:
    names = top.texts("metrics") or [*metrics.N2C2]
    parsed = []
    for name in names:
        try:
            parsed.append(metrics.parse(name))
        except InputError as error:
            raise top.error("metrics", str(error)) from None
    if len({metric.name for metric in parsed}) != len(parsed):
        raise top.error("metrics", "one is named twice; name each once")
    return tuple(parsed)


def _reduced(study: Study, fields: Fields) -> Study:
    """The study as ``reduced`` has it: fewer systems, corpora, seeds, folds and documents, other
    settings."""
    fields.only("systems", "corpora", "seeds", "folds", "limits", "settings", "note")
    if not fields.data:
        return study
    limits, folds = corpora.parse_limits(fields.sub("limits")), fields.whole("folds", least=1)
    seeds, own = tuple(fields.numbers("seeds")), fields.sub("settings").settings()
    sizes = ", ".join(f"{n:,} {name}" for name, n in limits.items() if n is not None)
    systems = _chosen(fields, "systems", study.systems)
    chosen = _chosen(fields, "corpora", study.corpora)
    if study.baseline not in systems:
        raise fields.error("systems", f"lacks the baseline, {study.baseline}; add it")
    kept = (("systems", systems, study.systems), ("corpora", chosen, study.corpora))
    told = [f"{what} {', '.join(some)}" for what, some, every in kept if len(some) < len(every)]
    told += [f"at most {sizes} documents a corpus"] if sizes else []
    told += [f"{folds} fold{'s' * (folds != 1)} of each cross-validation"] if folds else []
    told += [f"seeds {', '.join(map(str, seeds))}"] if seeds else []
    told += [f"{name} {value}" for name, value in own.items()]
    told += [" ".join(note.split())] if (note := fields.text("note")) else []
    smaller = {
        name: replace(corpora.reduced(corpus, limits), seeds=seeds or corpus.seeds)
        for name, corpus in chosen.items()
    }
    return replace(
        study,
        systems=systems,
        corpora=smaller,
        seeds=seeds or study.seeds,
        reduced="; ".join(told),
        folds=folds,
        reduced_settings=own,
    )


def _chosen(fields: Fields, key: str, every: dict) -> dict:
    """Those that a list names, in their own order; all where there is none."""
    names = fields.texts(key)
    for name in names:
        if name not in every:
            raise fields.error(key, f"no {name!r}; {settings.nearest(name, [*every])}")
    return {name: one for name, one in every.items() if not names or name in names}
