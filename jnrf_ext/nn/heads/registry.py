"""Which relation head a configuration asks for."""

from __future__ import annotations

from functools import partial
from typing import TypeAlias

from jnrf_ext.config import JNRFConfig
from jnrf_ext.nn.heads.pairs import PairHead
from jnrf_ext.nn.heads.polynomial import PolynomialHead
from jnrf_ext.nn.heads.spans import SpanHead
from jnrf_ext.nn.heads.targets import TargetHead
from jnrf_ext.nn.stack import build_layer

#: The heads that there are; all but the first relate mentions (MentionPairHead).
RelationHead: TypeAlias = PolynomialHead | PairHead | TargetHead | SpanHead


def build_relation_head(config: JNRFConfig) -> RelationHead | None:
    """The relation head of ``config.relation_kind``; None for a model of tags alone."""
    schema = config.schema
    if config.relation_kind == "none":
        return None
    size = config.relation_size or config.hidden_size
    if config.relation_kind == "pairs":
        return PairHead(
            schema,
            config.hidden_size,
            size,
            config.label_embedding_size,
            config.head_dropout,
            config.pair_threshold,
            config.pair_distance,
        )
    if config.relation_kind == "targets":
        return TargetHead(schema, config.hidden_size, config.target_context, config.head_dropout)
    if config.relation_kind == "spans":
        return SpanHead(
            schema,
            config.hidden_size,
            size,
            config.head_dropout,
            config.related_weight,
            config.pair_distance,
            partial(build_layer, config),
            config.span_layers,
        )
    standard = config.behaviour == "standard"
    return PolynomialHead(
        config.hidden_size,
        len(schema.relations),
        config.relation_layers,
        size,
        config.head_dropout,
        scale=size**-0.5 if standard else 1.0,
        distance_unit=config.distance_unit,
    )
