"""The systems that come with the package: a configuration file each, and what each is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jnrf.training import settings
from jnrf.training.config import TrainConfig
from jnrf.training.prepare import model_sizes, resolve_encoder
from jnrf.training.resources import count_parameters as count
from jnrf_ext.errors import InputError

FOLDER = Path(__file__).parent / "configs"
#: Labels of the 2018 n2c2 track 2 that parameters are counted for: 19 tags, 9 relation classes.
N2C2_TYPES = (
    *("ADE", "Dosage", "Drug", "Duration", "Form", "Frequency", "Reason", "Route", "Strength"),
)


@dataclass(frozen=True)
class System:
    """A shipped system: what it is by its authors, and the settings that make it."""

    name: str
    title: str
    paper: str
    settings: dict[str, Any]

    @property
    def config(self) -> TrainConfig:
        """Its settings, with the defaults of the others."""
        return TrainConfig.from_dict(self.settings)


def system_names() -> list[str]:
    """The names of the shipped systems, JNRF and its kin first."""
    names = [path.stem for path in FOLDER.glob("*.yaml") if "about" in settings.read_yaml(path)]
    return sorted(names, key=lambda name: (not name.startswith("jnrf"), name))


def load_system(name: str) -> System:
    """A shipped system by its name, or :class:`InputError` with the nearest one."""
    path = FOLDER / f"{name}.yaml"
    data = settings.read_yaml(path) if name.isascii() and path.is_file() else {}
    about, base = data.pop("about", None), data.pop("base", None)
    if about is None:
        raise InputError(f"no system {name!r}; {settings.nearest(name, system_names())}")
    if base is not None:  # a file that says only what it has otherwise than another one
        data = settings.merge(load_system(base).settings, settings.flatten(data))
    return System(name, about["title"], about["paper"], data)


def describe(config: TrainConfig) -> dict[str, str]:
    """What a configuration is composed of, in words: tasks, encoder, heads, what is shared."""
    model = config.model
    if model.encoder:
        found = resolve_encoder(model.encoder)
        random = model.encoder_random or found.endswith(".json")
        inputs = f"{Path(model.encoder).stem} ({'random' if random else 'pretrained'})"
    else:
        inputs = "embeddings, characters" if model.character_size else "embeddings"
    layers = model.num_layers + max(model.tag_task_layers, model.relation_task_layers)
    if layers:
        kind = {
            "fourier": "Fourier",
            "lstm": "BiLSTM",
            "gru": "BiGRU",
            "convolution": "convolution",
        }[model.layer_kind]
        inputs += f", {kind}"
    tags = f"CRF ({model.tag_scheme})" if model.crf else "softmax"
    kinds = {
        "polynomial": "pooling, polynomial distance",
        "pairs": "pair classifier",
        "targets": "BiLSTM-CRF a target",
        "spans": "spans and what is between",
        "none": "none",
    }
    return {
        "tasks": "mentions" if model.relation_kind == "none" else "mentions, relations",
        "encoder": inputs,
        "tag_head": f"{tags} over {model.units}s",
        "relation_head": kinds[model.relation_kind],
        "shared": _shared(config),
    }


def _shared(config: TrainConfig) -> str:
    model = config.model
    if model.relation_kind == "none":
        return "between corpora" if model.group_layers else "one task"
    if model.separate_inputs:
        return "nothing"
    own = model.tag_task_layers, model.relation_task_layers
    if not model.num_layers and not model.encoder and any(own):
        return f"embeddings; {own[0]} and {own[1]} layers own"
    return f"all but {own[0]} and {own[1]} layers" if any(own) else "all but heads"


def count_parameters(config: TrainConfig) -> dict[str, int] | None:
    """Trainable and frozen parameters with the labels of n2c2; no weights are loaded.

    None where the pretrained weights that decide sizes are not here.
    """
    import torch

    from jnrf_ext import JNRF
    from jnrf_ext.schema import Schema

    relations = {f"{name}-Drug": [(name, "Drug")] for name in N2C2_TYPES if name != "Drug"}
    schema = Schema.from_types(list(N2C2_TYPES), relations)
    try:
        with torch.device("meta"):
            return count(JNRF(model_sizes(config, schema)))
    except InputError:
        return None
