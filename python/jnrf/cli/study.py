"""``jnrf study``: train several systems on several corpora alike, and compare them in tables."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

NAME = "study"
HELP = "compare systems over corpora, seeds and folds: one trainer, one scorer, tables and plots"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The study, where it goes, and how it is run."""
    parser.add_argument(
        "study", nargs="?", metavar="STUDY", help="YAML file, or the name of one that --list shows"
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the study; one begun goes on")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what ${NAME} stands for in the file; else the environment's",
    )
    parser.add_argument(
        "--full", action="store_true", help="run all of it, not what the file has under 'reduced'"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="runs at once; times want 1 [1]"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="list the runs and their commands, and stop"
    )
    parser.add_argument("--list", action="store_true", help="list the studies that come with jnrf")


def run(args: argparse.Namespace) -> int:
    """Run it; status 1 where a run failed, 130 after Ctrl-C."""
    from jnrf.study import definition
    from jnrf.training import settings
    from jnrf_ext.errors import InputError

    if args.list:
        for name, path in definition.shipped().items():
            about = settings.read_yaml(path).get("about") or {}
            print(f"{name}\n    {' '.join(str(about.get('reproduces', '')).split())}")
        return 0
    if not args.study:
        raise InputError("which study? give a YAML file, or a name that --list shows")
    if not args.out:
        raise InputError("where to? give --out DIR")
    if args.jobs < 1:
        raise InputError("--jobs must be at least 1")
    study = definition.read(definition.find(args.study), _variables(args.set), args.full)
    out = Path(args.out).absolute()
    if args.dry_run:
        return _dry_run(study, out)

    from jnrf.study.execute import run_study
    from jnrf.training.interrupt import Interrupted

    try:
        results = run_study(study, out, args.jobs)
    except Interrupted:
        print(f"interrupted, all saved in {out}; the same command goes on", file=sys.stderr)
        return 130
    print(f"{len(results.done)} of {len(results.runs)} runs are done")
    if study.reduced:
        print(f"reduced: {study.reduced} (--full runs it all)")
    print(f"tables  {out}/study.md, study.csv, summary.csv")
    print(f"page    {out}/study.html")
    if results.failed:
        for failed, why in results.failed:
            print(f"failed: {failed.name}: {why} (see {failed.folder}/log.txt)", file=sys.stderr)
        print("mend what is wrong and give the same command again", file=sys.stderr)
        return 1
    return 0


def _variables(given: list[str]) -> dict[str, str]:
    from jnrf_ext.errors import InputError

    variables = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"--set {item}: give NAME=VALUE")
        variables[name] = value
    return variables


def _dry_run(study, out: Path) -> int:
    from jnrf.study import plan

    runs = plan.plan(study, out)
    plan.check_unchanged(runs)
    for one in runs:
        command = one.command(["jnrf", "train"])
        print(f"{one.status:12}{one.name}\n            {shlex.join(command)}")
    done = sum(one.status == "done" for one in runs)
    print(f"{len(runs)} runs, {done} done" + (f"; reduced: {study.reduced}" * bool(study.reduced)))
    return 0
