"""Further corpora beside the main one, in training: tag heads of their own over shared layers.

Hierarchical sharing (Chai et al. 2022, BMC Bioinformatics): the encoder's lower layers learn from
all corpora, its uppermost ones from the corpora of one group (those of the same entity types), and
each corpus has a tag head of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from torch import nn

from jnrf_ext.config import JNRFConfig
from jnrf_ext.errors import InputError
from jnrf_ext.nn.encoder.encoder import Encoder
from jnrf_ext.nn.heads.tags import TagHead
from jnrf_ext.schema import Schema


class Auxiliary(nn.Module):
    """``heads[k]`` is the tag head of task k + 1; task 0 is the main corpus."""

    def __init__(self, config: JNRFConfig, encoder: Encoder | None):
        super().__init__()
        self.group_layers = config.group_layers
        self.group_of = [task["group"] for task in config.auxiliary]
        self.heads = nn.ModuleList(
            TagHead.of_config(config, Schema(task["tags"], ["none"])) for task in config.auxiliary
        )
        #: The uppermost layers of each group but the main corpus', by its number
        self.upper = nn.ModuleDict()
        if not config.group_layers:
            return
        if encoder is None or config.group_layers > len(encoder.layers):
            most = 0 if encoder is None else len(encoder.layers)
            raise InputError(
                f"model setting group_layers={config.group_layers}: the encoder has {most} layers"
            )
        for group in sorted({*self.group_of} - {0}):
            self.upper[str(group)] = copy.deepcopy(encoder.layers[-config.group_layers :])

    def head(self, task: int) -> TagHead:
        """The tag head of a task above 0."""
        return cast("TagHead", self.heads[task - 1])

    def copy_upper_layers(self, encoder: Encoder) -> None:
        """Let every group start from the encoder's uppermost layers as they are now."""
        for layers in self.upper.values():
            layers.load_state_dict(encoder.layers[-self.group_layers :].state_dict())

    @contextmanager
    def upper_layers(self, encoder: Encoder | None, task: int) -> Iterator[None]:
        """Have the encoder use the uppermost layers of a task's group."""
        group = str(self.group_of[task - 1])
        if encoder is None or group not in self.upper:  # without one no group has layers
            yield
            return
        layers = encoder.layers  # found by a walk through the encoder, so once
        first = len(layers) - self.group_layers
        own = list(layers[first:])
        try:
            for offset, layer in enumerate(cast("nn.ModuleList", self.upper[group])):
                layers[first + offset] = layer
            yield
        finally:
            for offset, layer in enumerate(own):
                layers[first + offset] = layer
