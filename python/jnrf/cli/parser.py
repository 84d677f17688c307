"""The parser of the ``jnrf`` command: help for a newcomer, one line for a mistake."""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import takewhile
from typing import NoReturn

from jnrf.training.settings import nearest
from jnrf_ext import __version__

#: Subcommands by what they are for; each is a module of this package.
GROUPS = {
    "Corpora": ("synth", "inspect", "convert"),
    "Training": ("train", "systems", "study"),
    "Using a model": ("extract", "predict", "serve", "evaluate"),
    "Around it": ("info", "import_reference"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)

#: The first minutes with the command, as its help shows them.
FIRST_COMMANDS = (
    ("jnrf synth notes --documents 30 --words 400", "write invented notes with annotations"),
    ("jnrf train --train notes --out first --run.epochs 8", "learn from them, in a few minutes"),
    ('jnrf extract first/best "Started warfarin 5 mg daily."', "what the model finds in a text"),
)


class CommandParser(argparse.ArgumentParser):
    """Takes no abbreviation for an option, names the nearest, and tells a mistake in one line."""

    def __init__(self, *args, **kwargs) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)
        self._words: list[str] = []

    def parse_known_args(self, args=None, namespace=None):
        """As argparse does; the words are kept for :meth:`error`."""
        self._words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is None or value in action.choices:
            return
        hint = nearest(str(value), [str(choice) for choice in action.choices])
        if isinstance(action, argparse._SubParsersAction):
            raise argparse.ArgumentError(None, f"no command {value!r}; {hint}")
        raise argparse.ArgumentError(action, f"{value!r} is not a valid value; {hint}")

    def _get_value(self, action: argparse.Action, arg_string: str) -> object:
        numbers: dict[object, str] = {int: "a whole number", float: "a number"}
        wanted = numbers.get(action.type)
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError:
            if wanted is None:
                raise
        raise argparse.ArgumentError(action, f"{arg_string!r} is not {wanted}")

    def error(self, message: str) -> NoReturn:
        """Print one line and end with status 2.

        An unknown option goes before what argparse misses: ``--ou DIR`` is a slip of ``--out DIR``,
        not a command without it.
        """
        unknown = self.unknown_option(self._words)
        message = unknown or " ".join(message.split())
        if not unknown and "; " not in message:
            message += f"; `{self.prog} --help` explains it"
        self.exit(2, f"{self.prog}: error: {message}\n")

    def unknown_option(self, words: Sequence[str]) -> str | None:
        """What to say of the first of ``words`` that looks like an option and is none."""
        known = [option for action in self._actions for option in action.option_strings]
        for word in words:
            if word == "--":
                return None
            name = word.partition("=")[0]
            if not name.startswith("--") or name in known:
                continue
            hint = nearest(name, known)
            if not hint.startswith("did you mean"):
                hint = f"`{self.prog} --help` lists what there is"
            return f"unknown option {name}; {hint}"
        return None

    def option_before(self, word: str) -> str | None:
        """The option that was forgotten before a word, of a command that takes options alone."""
        actions = [a for a in self._actions if not isinstance(a, argparse._HelpAction)]
        if not actions or any(not action.option_strings for action in actions):
            return None
        first = actions[0].option_strings[0]
        given = {given.partition("=")[0] for given in self._words}
        return None if word.startswith("-") or actions[0].nargs == 0 or first in given else first


class OverviewParser(CommandParser):
    """The parser of ``jnrf`` itself; its help begins with the commands of the first minutes."""

    def error(self, message: str) -> NoReturn:
        """As every command's; options after the command are the command's, not this parser's."""
        self._words = list(takewhile(lambda word: word.startswith("-"), self._words))
        super().error(message)

    def unexpected(self, words: Sequence[str], subparser: CommandParser) -> str:
        """What to say of ``words`` that neither this parser nor the subcommand's takes."""
        if words[0] not in subparser._words and (own := self.unknown_option(words[:1])):
            return own  # it stands before the command
        told = subparser.unknown_option(words)
        option = subparser.option_before(words[0])
        if told is None and option:
            return f"unexpected argument {words[0]}; did you mean {option} {words[0]}?"
        if told is None:
            return f"unexpected argument {words[0]}; `{subparser.prog} --help` lists what it takes"
        own = self.unknown_option(words)
        if own is None:
            return f"{words[0]} goes before the command: jnrf {words[0]} {subparser.prog[5:]} ..."
        return own if "did you mean" in own and "did you mean" not in told else told

    def format_help(self) -> str:
        """The whole help text, wrapped to the terminal."""
        width = max(60, min(shutil.get_terminal_size().columns, 100)) - 2
        lines = [
            "usage: jnrf COMMAND ...        `jnrf COMMAND --help` explains one",
            "",
            *textwrap.wrap(self.description or "", width),
            "",
            "Start with these three:",
        ]
        for command, purpose in FIRST_COMMANDS:
            lines += [f"  {command}", f"      {purpose}"]
        actions = [a for a in self._actions if isinstance(a, argparse._SubParsersAction)]
        texts = {pseudo.dest: pseudo.help for a in actions for pseudo in a._choices_actions}
        for title, names in GROUPS.items():
            lines += ["", f"{title}:"]
            for name in (name.replace("_", "-") for name in names):
                lines += _entry(name, texts[name] or "", width)
        lines += ["", "Options:"]
        for action in self._actions:
            if action.option_strings:
                lines += _entry(", ".join(action.option_strings), action.help or "", width)
        return "\n".join(lines) + "\n"


def _entry(name: str, text: str, width: int) -> list[str]:
    """Lines of a name and, in a column beside it, what it does."""
    label = f"  {name:<18}"
    return textwrap.wrap(text, width, initial_indent=label, subsequent_indent=" " * len(label))


def build_parser() -> OverviewParser:
    """The parser with every subcommand; modules import what is heavy only when run."""
    parser = OverviewParser(
        prog="jnrf",
        description="Finds entities and the relations between them in whole clinical documents.",
    )
    parser.add_argument(
        "--version", action="version", version=f"jnrf_ext {__version__}", help="show the version"
    )
    parser.add_argument(
        "--traceback", action="store_true", help="show the full traceback of an error"
    )
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", parser_class=CommandParser
    )
    for name in COMMANDS:
        module = importlib.import_module(f"jnrf.cli.{name}")
        subparser = subparsers.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run, subparser=subparser)
    return parser
