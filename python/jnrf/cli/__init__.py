"""The ``jnrf`` command: one module a subcommand, one line for a user's mistake."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys

from jnrf.corpora.notices import on_stderr
from jnrf_ext.errors import InputError, system_reason

#: Subcommands in the order a newcomer meets them; each is a module of this package.
COMMANDS = (
    "info",
    "synth",
    "inspect",
    "convert",
    "systems",
    "train",
    "study",
    "extract",
    "predict",
    "serve",
    "evaluate",
    "import_reference",
)


def build_parser() -> argparse.ArgumentParser:
    """The parser with every subcommand; modules import what is heavy only when run."""
    parser = argparse.ArgumentParser(
        prog="jnrf",
        description="Joint entity and relation extraction from long clinical documents.",
    )
    parser.add_argument(
        "--traceback", action="store_true", help="show the full traceback of an error"
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"jnrf.cli.{name}")
        subparser = subparsers.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run, subparser=subparser)
    return parser


def _unknown_option(word: str, subparser: argparse.ArgumentParser) -> str:
    """One line on an argument that the subcommand does not take, with the nearest that it does."""
    if not word.startswith("-"):
        return f"unexpected argument {word}"
    known = [option for action in subparser._actions for option in action.option_strings]
    nearest = difflib.get_close_matches(word.partition("=")[0], known, n=1, cutoff=0.5)
    remedy = f"did you mean {nearest[0]}?" if nearest else "--help lists what there is"
    return f"unknown option {word}; {remedy}"


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; exit status 0 is success, 2 the user's mistake, 130 an interrupt."""
    # Threads that wait for each other by spinning fall to a third of their speed, or a tenth, as
    # soon as another process wants a core; ones that soon go to sleep lose a few percent on an idle
    # machine. OpenMP reads this when torch is loaded, which subcommands do when they run.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    # oneDNN keeps a compiled matrix product for each shape it met, 1,024 of them: with documents of
    # every length that is half a gigabyte for no gain in speed.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    args, unknown = build_parser().parse_known_args(argv)
    try:
        if unknown:
            raise InputError(_unknown_option(unknown[0], args.subparser))
        with on_stderr(args.command):
            return args.run(args)
    except BrokenPipeError:
        # The reader (head, less) went away: not an error, but Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (InputError, OSError) as error:
        if args.traceback:
            raise
        print(f"jnrf {args.command}: error: {_told(error)}", file=sys.stderr)
        return 2


def _told(error: Exception) -> str:
    """What a person reads; of what the system refused the file first."""
    if not isinstance(error, OSError):
        return str(error)
    return (f"{error.filename}: " if error.filename else "") + system_reason(error)
