"""The compiled operators: torch functions on packed documents, differentiable and traceable."""

from jnrf_ext.ops.crf import crf_decode, crf_marginals, crf_nll
from jnrf_ext.ops.fourier_mix import (
    FourierPlan,
    clear_fourier_plans,
    fourier_mix,
    fourier_mix_norm,
    fourier_plan_limit,
    fourier_plans,
    fourier_product_limit,
)
from jnrf_ext.ops.int8 import Int8Weights, int8_attention, int8_isa, int8_layers, int8_weights
from jnrf_ext.ops.packed import token_positions
from jnrf_ext.ops.relation import relation_decode, relation_loss, relation_scores
from jnrf_ext.ops.select import select_tokens

__all__ = [
    "FourierPlan",
    "Int8Weights",
    "clear_fourier_plans",
    "crf_decode",
    "crf_marginals",
    "crf_nll",
    "fourier_mix",
    "fourier_mix_norm",
    "fourier_plan_limit",
    "fourier_plans",
    "fourier_product_limit",
    "int8_attention",
    "int8_isa",
    "int8_layers",
    "int8_weights",
    "relation_decode",
    "relation_loss",
    "relation_scores",
    "select_tokens",
    "token_positions",
]
