"""The command line as it is read: help that begins with a newcomer's commands, nearest names."""

from __future__ import annotations

import shlex

import pytest

import jnrf_ext
from jnrf.cli import main
from jnrf.cli import parser as cli_parser
from jnrf.cli.parser import COMMANDS, FIRST_COMMANDS, GROUPS, build_parser


@pytest.fixture(scope="module")
def parser():
    return build_parser()


def subparsers(parser):
    [choices] = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    return choices


def refused(capsys, *words) -> str:
    """The one line that is said of a wrong command line."""
    try:
        status = main(list(words))
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


# ------------------------------------------------------------------ help


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_help_begins_with_the_commands_of_the_first_minutes(capsys, words):
    try:
        status = main(words)
    except SystemExit as end:
        status = end.code
    assert status == 0
    said = capsys.readouterr().out
    at = [said.index(command) for command, _ in FIRST_COMMANDS]
    assert at == sorted(at)
    assert at[-1] < min(said.index(f"\n{title}:") for title in GROUPS)
    for name in COMMANDS:
        assert f"\n  {name.replace('_', '-')} " in said


def test_help_on_a_command_is_the_commands_own(capsys):
    shown = []
    for words in (["help", "train"], ["train", "--help"]):
        with pytest.raises(SystemExit, match="0"):
            main(words)
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert "no command 'trian'; did you mean train?" in refused(capsys, "help", "trian")


def test_the_first_commands_are_understood_and_use_what_the_one_before_made(parser):
    parsed = []
    for command, _ in FIRST_COMMANDS:
        program, *words = shlex.split(command)
        assert program == "jnrf"
        args, unknown = parser.parse_known_args(words)
        assert not unknown
        parsed.append(args)
    synth, train, extract = parsed
    assert train.train == synth.out
    assert extract.model == f"{train.out}/best"


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"jnrf_ext {jnrf_ext.__version__}\n"


def test_the_help_of_train_has_what_matters_first_before_the_many(parser):
    said = subparsers(parser)["train"].format_help()
    places = ["--train DIR", "--out DIR", "settings that matter first", "--run.epochs"]
    places += ["data settings", "model settings", "optim settings", "run settings"]
    assert [said.index(f"\n  {p}" if p[0] == "-" else f"\n{p}") for p in places] == sorted(
        said.index(f"\n  {p}" if p[0] == "-" else f"\n{p}") for p in places
    )
    assert said.count("\n  --run.epochs ") == 1


# ------------------------------------------------------------------ nearest names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "jnrf: error: no command 'trian'; did you mean train?"),
        (["Train"], "jnrf: error: no command 'Train'; did you mean train?"),
        (["evalute", "a", "b"], "jnrf: error: no command 'evalute'; did you mean evaluate?"),
        (["import_reference"], "no command 'import_reference'; did you mean import-reference?"),
        (["--verson"], "jnrf: error: unknown option --verson; did you mean --version?"),
        (["xyzzy"], "no command 'xyzzy'; known are synth, inspect, "),
        (["convert", "a", "b", "--to", "josn"], "--to: 'josn' is not a valid value; did you mean"),
        (["convert", "a", "b", "--to", "JSON"], "'JSON' is not a valid value; did you mean json?"),
        (["convert", "a", "b", "--ot", "json"], "unknown option --ot; did you mean --to?"),
        (["predict", "a", "b", "--outt", "c"], "unknown option --outt; did you mean --out?"),
        (["evaluate", "a", "b", "--mod", "official"], "unknown option --mod; did you mean --mode?"),
        (["evaluate", "a", "b", "--mode", "offical"], "did you mean official?"),
        (["train", "--run.epoch", "3"], "unknown option --run.epoch; did you mean --run.epochs?"),
        (["train", "--run.epoch=3"], "unknown option --run.epoch; did you mean --run.epochs?"),
        (["train", "--seed", "3"], "unknown option --seed; did you mean --run.seed?"),
        (["train", "--lr", "1"], "unknown option --lr; did you mean --optim.lr?"),
        (["train", "--run.lr", "1"], "unknown option --run.lr; did you mean --optim.lr?"),
        (["train", "--on-error", "count"], "--on-error; `jnrf train --help` lists what there is"),
        (["train", "--system", "jnrf-pluss"], "no system 'jnrf-pluss'; did you mean jnrf-plus?"),
        (["train", "--run.metric", "relation"], "run.metric: 'relation' is not a valid value; did"),
        (["train", "--qqq"], "unknown option --qqq; `jnrf train --help` lists what there is"),
        (["predict", "a"], "the following arguments are required: INPUT, --out; `jnrf predict"),
        (["serve", "a", "--port", "web"], "--port: 'web' is not a whole number; `jnrf serve"),
        (["serve", "a", "--timeout", "x"], "--timeout: 'x' is not a number; `jnrf serve --help`"),
        (["trian", "--train", "a", "--out", "b"], "no command 'trian'; did you mean train?"),
        (["--traceback", "trian", "--out", "b"], "no command 'trian'; did you mean train?"),
        (["--verson", "train", "--out", "b"], "unknown option --verson; did you mean --version?"),
        (["train", "notes", "--out", "b"], "argument notes; did you mean --train notes?"),
        (["train", "--train", "a", "b"], "unexpected argument b; `jnrf train --help` lists"),
        (["train", "--train=a", "b"], "unexpected argument b; `jnrf train --help` lists"),
        (["info", "all"], "unexpected argument all; `jnrf info --help` lists"),
        (["inspect", "a", "b"], "unexpected argument b"),
    ],
)
def test_a_slip_is_one_line_with_what_was_meant(capsys, words, message):
    assert message in refused(capsys, *words)


def test_a_slip_in_a_file_of_settings_is_one_line_too(capsys, tmp_path):
    path = tmp_path / "c.yaml"
    for content, message in (
        ("run:\n  epoch: 3\n", "unknown setting run.epoch; did you mean run.epochs?"),
        ("Run:\n  epochs: 3\n", "unknown setting Run; did you mean run?"),
        ("run:\n  metric: mention_strict\n", "did you mean mentions_strict?"),
        ("model:\n  relation_kind: pair\n", "use one of polynomial, pairs, targets, spans, none"),
    ):
        path.write_text(content)
        said = refused(capsys, "train", "--config", str(path), "--train", "a", "--out", "b")
        assert message in said


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_takes_a_part_of_an_options_name(parser, monkeypatch, capsys, name):
    subparser = subparsers(parser)[name.replace("_", "-")]
    known = [option for action in subparser._actions for option in action.option_strings]
    parts = {option[:-1] for option in known if len(option) > 4} - set(known)
    assert parts  # --hel at least
    monkeypatch.setattr(cli_parser, "build_parser", lambda: parser)
    for part in parts:
        for words in ([part, "1"], [f"{part}=1"]):
            said = refused(capsys, subparser.prog.split()[-1], *words)
            assert f"unknown option {part}; did you mean " in said


def test_the_command_itself_takes_no_part_of_an_option_either(capsys):
    assert "did you mean --traceback?" in refused(capsys, "--trace", "info")


def test_an_option_of_the_command_itself_is_told_where_it_goes(capsys):
    assert "--traceback goes before the command: jnrf --traceback info" in refused(
        capsys, "info", "--traceback"
    )
