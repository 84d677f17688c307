"""The runs of a study: what each is called, what it reads, and the command that does it."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from jnrf import run_options
from jnrf.study.corpora import Corpus, Part
from jnrf.study.definition import Study, System
from jnrf.study.fields import OTHER_TRAIN
from jnrf.training import settings
from jnrf.training.run_folder import FREE_ON_RESUME, RunFolder
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically

#: In a run's folder: its settings as planned, and how it last ended
RECORD = "study_run.json"


@dataclass(frozen=True)
class Run:
    """One training run of a study."""

    system: str
    corpus: str
    fold: int | None
    seed: int
    folder: Path
    #: What ``jnrf train`` gets, beside --out
    words: tuple[str, ...]
    #: All settings that follow from ``words``, nested by section
    config: dict

    @property
    def unit(self) -> tuple[int, int]:
        """Fold and seed: runs of two systems on a corpus are paired by it."""
        return (-1 if self.fold is None else self.fold, self.seed)

    @property
    def name(self) -> str:
        """``system/corpus/fold-seed``, as the folder below runs/."""
        return f"{self.system}/{self.corpus}/{self.folder.name}"

    def command(self, trainer: list[str]) -> list[str]:
        """The whole command line, of a new run or to continue one."""
        place = ["--out", str(self.folder)]
        if RunFolder(self.folder).config.is_file():
            return [*trainer, "--resume", *place]
        return [*trainer, *self.words, *place]

    def read_record(self) -> dict:
        """What :meth:`write_record` wrote last; empty where nothing was, or it is broken."""
        try:
            record = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
            return record if isinstance(record, dict) else {}
        except (OSError, ValueError):
            return {}

    def write_record(self, **facts: object) -> None:
        """Note the run's settings and ``facts`` (``status``, ``lines``) in its folder."""
        record = {"config": self.config, **facts}
        write_atomically(self.folder / RECORD, json.dumps(record, indent=1) + "\n")

    @property
    def status(self) -> str:
        """``done``, ``failed``, ``interrupted`` (or under way), or ``waiting``."""
        folder = RunFolder(self.folder)
        if folder.summary.is_file():
            return "done"
        if self.read_record().get("status") == "failed":
            return "failed"
        return "interrupted" if folder.config.is_file() else "waiting"


def plan(study: Study, out: Path) -> list[Run]:
    """The runs, system by system within each corpus and unit, so that each can be compared soon.

    Settings are checked here, by the very code that ``jnrf train`` reads its command line with:
    raises :class:`InputError` for systems and settings that it would refuse.
    """
    runs = []
    parts = {name: corpus.parts(out, study.folds) for name, corpus in study.corpora.items()}
    for name, corpus in study.corpora.items():
        for part in parts[name]:
            for seed in corpus.seeds or study.seeds:
                for system in study.systems.values():
                    others = [p[0].train for other, p in parts.items() if other != name]
                    words = _words(study, system, corpus, part, seed, others)
                    unit = f"seed{seed}" if part.fold is None else f"fold{part.fold}-seed{seed}"
                    folder = out / "runs" / system.name / name / unit
                    config = _config(words, f"{study.source}: systems.{system.name} on {name}")
                    run = Run(system.name, name, part.fold, seed, folder, tuple(words), config)
                    runs.append(run)
    return runs


def _words(
    study: Study, system: System, corpus: Corpus, part: Part, seed: int, others: list[str]
) -> list[str]:
    words = [f"--system={system.system}"]
    words += [f"--{n}={p}" for n in ("train", "dev", "test") if (p := getattr(part, n))]
    words.append(f"--run.seed={seed}")
    # A study's runs train on all that their corpus names, as published splits mean it.
    for key, value in ({"data.holdout": 0.0} | study.settings_of(system, corpus)).items():
        words.append(f"--{key}={_word(value, others)}")
    return words


def _word(value: object, others: list[str]) -> str:
    """A setting's value as the command line takes it."""
    if isinstance(value, (list, tuple)):
        return ",".join(_word(item, others) for item in value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace(f"${{{OTHER_TRAIN}}}", ",".join(others))


def _config(words: list[str], where: str) -> dict:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    run_options.add_arguments(parser)
    args, unknown = parser.parse_known_args(words)
    try:
        if unknown:
            known = [o[2:] for a in parser._actions for o in a.option_strings if "." in o]
            name = unknown[0].partition("=")[0].removeprefix("--")
            raise InputError(f"unknown setting {name}; {settings.nearest(name, known)}")
        config = run_options.configuration(args).to_dict()
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    for key in FREE_ON_RESUME:
        section, _, name = key.partition(".")
        config.get(section, {}).pop(name, None)
    return config


def check_unchanged(runs: list[Run]) -> None:
    """Raise :class:`InputError` where a run that was begun had other settings than the study now.

    Runs that failed before they wrote anything are not bound to what they had.
    """
    changed = []
    for run in runs:
        before = run.read_record().get("config")
        begun = RunFolder(run.folder).config.is_file() or RunFolder(run.folder).summary.is_file()
        if not begun:
            continue
        if not isinstance(before, dict):
            raise InputError(
                f"{run.folder} holds a run that no study began; give another --out, or remove it"
            )
        old, new = settings.flatten(before), settings.flatten(json.loads(json.dumps(run.config)))
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                changed.append((run, f"{key} was {old.get(key)}, and now is {new.get(key)}"))
                break
    if changed:
        run, difference = changed[0]
        more = f" (and {len(changed) - 1} more runs differ)" if len(changed) > 1 else ""
        raise InputError(
            f"{run.folder}: {difference}{more}; the study has changed since: give another --out, "
            "or remove what shall be run again"
        )
