"""The settings of a training run, from options, a file, and the system that is named or chosen.

``jnrf train`` and studies take the same options. Loads no torch unless a system is chosen.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jnrf.training import choice, settings
from jnrf.training.config import ModelConfig, TrainConfig, check
from jnrf_ext.errors import InputError

if TYPE_CHECKING:
    from jnrf.training.data import Corpora

#: Options that are short for settings
_SHORT = {
    "train": "data.train",
    "dev": "data.dev",
    "test": "data.test",
    "out": "run.out",
}
#: Settings that a first run is likely to change
_FIRST = (
    "data.holdout",
    "model.embeddings",
    "model.encoder",
    "optim.lr",
    "run.epochs",
    "run.max_tokens",
    "run.seed",
    "run.device",
    "run.patience",
    "run.metric",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folders, and an option for every setting of :class:`TrainConfig`."""
    parser.usage = (
        "jnrf train --train DIR [--dev DIR] [--test DIR] --out RUN [--system NAME] "
        "[--config FILE] [--resume] [--section.name VALUE ...]"
    )
    texts = {
        "train": "training documents: a brat or JSON folder, or a file (see jnrf convert)",
        "dev": "documents that choose the best epoch",
        "test": "documents scored once, at the end",
        "out": "folder of the run",
    }
    for name, text in texts.items():
        parser.add_argument(f"--{name}", metavar="DIR", help=text)
    parser.add_argument(
        "--system",
        metavar="NAME",
        help="what to train, see `jnrf systems` [chosen by what is installed, by the device and by "
        "the training documents]",
    )
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument(
        "--print-config", action="store_true", help="print all settings as YAML, and stop"
    )
    settings.add_overrides(parser, TrainConfig, _FIRST)


def configuration(args: argparse.Namespace) -> TrainConfig:
    """Defaults, then the system, the file and the command line; for --resume the run's own."""
    from jnrf.training.run_folder import resumed_config

    file, given = _given(args)
    if args.resume:
        base = _over(args.system, {}, file) if args.system else file
        return resumed_config(given.get("run.out"), settings.flatten(base) | given)
    return TrainConfig.from_dict(settings.merge(_over(args.system, {}, file), given))


def _given(args: argparse.Namespace) -> tuple[dict, dict]:
    """The settings of the file, by section, and those of the command line, dotted."""
    given: dict[str, Any] = settings.given_overrides(args)
    for short, key in _SHORT.items():
        if getattr(args, short) is not None:
            given[key] = getattr(args, short)
    # Absolute, so that a run can be resumed from another folder.
    for key in ("data.train", "data.dev", "data.test"):
        if given.get(key):
            given[key] = str(Path(given[key]).absolute())
    if given.get("data.auxiliary"):
        folders = settings.convert(given["data.auxiliary"], list[str], "data.auxiliary")
        given["data.auxiliary"] = [str(Path(folder).absolute()) for folder in folders]
    return _read_file(args.config) if args.config else {}, given


def _over(system: str | None, chosen: dict, file: dict) -> dict:
    """A system's settings, then those chosen with it, then the file's, by section."""
    from jnrf.systems import load_system

    base = load_system(system).settings if system else {}
    return settings.merge(settings.merge(base, chosen), settings.flatten(file))


@dataclasses.dataclass
class Plan:
    """What is to be trained, on which documents where they were read, and what to say of it."""

    config: TrainConfig
    corpora: Corpora | None = None
    remarks: tuple[str, ...] = ()


def plan(args: argparse.Namespace) -> Plan:
    """The settings of a run; where nobody named a system, those of the one that is chosen.

    The training documents are read for the choice, and handed on. Where only the settings are
    asked for (``--print-config``) without documents, it is made without them.
    """
    if args.resume or args.system:
        return Plan(configuration(args))
    file, given = _given(args)
    flat = settings.flatten(file)
    why = choice.composed(flat, given, args.config)
    if why:
        config = configuration(args)
        return Plan(config, remarks=(choice.not_chosen(config.run.system, why),))
    # Mistakes are told before minutes of reading; whether settings of the model go together, which
    # depends on the system, after the choice.
    merged = settings.merge(file, given)
    config = settings.from_dict(TrainConfig, merged)
    check(dataclasses.replace(config, model=ModelConfig()))
    corpora = None
    if config.data.train or not args.print_config:
        from jnrf.training.data import read_corpora
        from jnrf.training.run_folder import open_folder

        if not args.print_config:
            open_folder(config.run.out, resume=False)
        corpora = read_corpora(config.data, config.run.seed)
    chosen = choice.choose(_facts(config, corpora, flat | given))
    base = _over(chosen.system, chosen.settings, file)
    config = TrainConfig.from_dict(settings.merge(base, given))
    return Plan(config, corpora, (chosen.line(),))


def _facts(config: TrainConfig, corpora: Corpora | None, given: dict) -> choice.Facts:
    """What the choice is made by; ``given`` are the dotted settings that somebody gave."""
    from importlib.util import find_spec

    import torch

    from jnrf.device import choose_device, use_bf16
    from jnrf.systems import load_system
    from jnrf.training.prepare import resolve_embeddings

    characters = relations = None
    if corpora is not None:
        characters = sum(len(document.text) for document in corpora.train)
        if not config.data.schema:  # which may have relations that these documents lack
            relations = sum(len(document.relations) for document in corpora.train)
    run = config.run if "run.epochs" in given else load_system(choice.WITH_ENCODER).config.run
    return choice.Facts(
        gpu=choose_device(config.run.device).type == "cuda",
        matrix_units=use_bf16("auto", torch.device("cpu")),
        package=resolve_embeddings("auto") is not None,
        transformers=find_spec("transformers") is not None,
        characters=characters,
        relations=relations,
        epochs=run.epochs,
        encoder=config.model.encoder if "model.encoder" in given else choice.AUTO,
        embeddings=config.model.embeddings,
    )


def _read_file(path: str) -> dict:
    """The settings of a YAML file; what is wrong with it is told with its name."""
    from jnrf.systems import system_names

    file = settings.read_yaml(path)
    if file.keys() & {"about", "base"}:
        name = Path(path).stem
        remedy = f"give --system {name}" if name in system_names() else "remove both"
        raise InputError(
            f"{path}: `about` and `base` are for the systems that come with jnrf; {remedy}"
        )
    try:
        settings.from_dict(TrainConfig, file)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return file
