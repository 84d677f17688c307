"""``jnrf train``: train on a corpus, keep the best epoch, score it, leave a page to look at."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jnrf.run_options import add_arguments, plan
from jnrf.training.distributed.launch import read_launch

if TYPE_CHECKING:
    from jnrf.training.distributed.team import Team

__all__ = ["HELP", "NAME", "add_arguments", "run"]

NAME = "train"
HELP = "train on a folder of annotated documents, score the best epoch, and write a report"


def run(args: argparse.Namespace) -> int:
    """Train; status 130 where Ctrl-C stopped it, after last/ was saved.

    Started by torchrun, the processes train one model together, and the first one talks.
    """
    launch = read_launch()
    if launch.size == 1:
        return _run(args)
    # torch warns in each process that weights may be without a gradient, which is meant here. It
    # reads this when it is loaded.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from jnrf.training.distributed.team import join

    def tell(text: str) -> None:
        print(f"jnrf {args.command}: error: {text}", file=sys.stderr)

    with join(launch, tell, args.traceback) as team:
        return _run(args, team)


def _run(args: argparse.Namespace, team: Team | None = None) -> int:
    talks = team is None or team.is_main_process
    planned = plan(args)
    config = planned.config
    if args.print_config:
        if talks:
            for line in planned.remarks:
                print(f"# {line}")
            print(config.to_yaml(), end="")
        return 0
    from rich.console import Console

    from jnrf.training.interrupt import Interrupted
    from jnrf.training.loop import train
    from jnrf.training.run_folder import RunFolder

    try:
        summary = train(config, args.resume, team, planned.corpora, planned.remarks)
    except Interrupted as stop:
        if talks:
            print(stop, file=sys.stderr)
        return 130
    if not talks:
        return 0
    assert config.run.out is not None  # or there had been no training
    folder = RunFolder(Path(config.run.out))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if summary.headlines:
        console.print(summary.table())
        for line in summary.explanation():
            console.print(line)
    elif not summary.finds_relations:
        console.print(summary.no_relations())
    console.print(summary.costs())
    console.print(f"model   {folder.best}   (jnrf predict {folder.best} NOTES --out DIR)")
    console.print(f"report  {folder.report}")
    return 0
