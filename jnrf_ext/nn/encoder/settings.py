"""Configurations of encoders, which may come from anyone: what is kept of them, and what is used.

A configuration holds much that means nothing here, and each version of the library adds to it. All
of it is kept, but for what names code or files to fetch. Only numbers that the family's own
configuration knows can make a model large, and only they are checked.
"""

from __future__ import annotations

import dataclasses
import inspect
import re

from jnrf_ext.errors import InputError
from jnrf_ext.nn.encoder.families import build_encoder, check_family, load_transformers
from jnrf_ext.shown import reason_of, shown

#: Settings of a configuration that name code or files to fetch, or change what a forward returns.
#: They are left out wherever they stand: a configuration may come from anyone.
_LEFT_OUT = {
    *("auto_map", "custom_pipelines", "trust_remote_code", "quantization_config"),
    *("attn_implementation", "experts_implementation", "use_kernels"),
    *("backbone", "backbone_kwargs", "use_timm_backbone", "use_pretrained_backbone"),
    *("name_or_path", "adapter", "per_layer_config"),
    *("return_dict", "use_return_dict", "output_attentions", "output_hidden_states", "torchscript"),
    *("num_labels", "id2label", "label2id", "problem_type", "dtype", "torch_dtype"),
}
#: Whole numbers of a configuration at most, and where they count layers or the like.
_MOST, _MOST_LAYERS = 2**31 - 1, 1000
_COUNTS_LAYERS = re.compile(r"layer|depth|block|experts|stages|_labels|cross")


def keep_settings(settings: dict) -> dict:
    """A configuration, of plain JSON types, without what may fetch or run something."""
    return {
        name: keep_settings(value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if not name.startswith("_") and name not in _LEFT_OUT
    }


def build_configured(settings: dict):
    """An encoder of a saved configuration without dropout on attention weights, to be filled.

    Raises :class:`InputError` for a family that is unknown or no encoder of text, and for numbers
    that no encoder has.
    """
    transformers = load_transformers()
    try:
        kind = check_family(settings.get("model_type"), "config.json: its encoder")
        made = transformers.AutoConfig.for_model(kind, **_usable(settings, kind))
        return build_encoder(_without_attention_dropout(made))
    except (ValueError, KeyError) as error:
        raise InputError(
            "config.json: the installed transformers makes no encoder of its settings "
            f"({reason_of(error)}); pip install -U transformers, or copy the model folder again"
        ) from error


def _usable(settings: dict, kind: str) -> dict:
    """The settings that are given to the library: of those it does not know, what is harmless."""
    known = _known_names(kind)
    used = {}
    for name, value in keep_settings(settings).items():
        if name in ("model_type", "transformers_version"):
            continue
        if _is_within_bounds(name, value):
            used[name] = value
        elif name in known:
            raise InputError(f"config.json: its encoder's {shown(name)}={shown(value)}")
    return used


def _known_names(kind: str) -> set[str]:
    """The settings that a family's configuration has, by all of their names."""
    made = load_transformers().models.auto.configuration_auto.CONFIG_MAPPING[kind]
    fields = {f.name for f in dataclasses.fields(made)} if dataclasses.is_dataclass(made) else set()
    aliases = getattr(made, "attribute_map", {})
    parameters = set(inspect.signature(made.__init__).parameters)
    return fields | parameters | set(aliases) | set(aliases.values())


def _is_within_bounds(name: str, value: object) -> bool:
    """Whether no whole number in a value is larger than any encoder has it."""
    if isinstance(value, dict):
        return all(_is_within_bounds(inner, part) for inner, part in value.items())
    if isinstance(value, list | tuple):
        return all(_is_within_bounds(name, part) for part in value)
    most = _MOST_LAYERS if _COUNTS_LAYERS.search(name) else _MOST
    return not isinstance(value, int) or -_MOST <= value <= most


def _without_attention_dropout(config):
    for name in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    return config
