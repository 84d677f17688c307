"""Configurations of encoders: what means nothing here passes, what is too large does not."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_encoders import configuration, plain
from tiny_families import tiny_config

from jnrf_ext import InputError
from jnrf_ext.nn.encoder.encoder import Encoder
from jnrf_ext.nn.encoder.settings import build_configured, keep_settings

pytest.importorskip("transformers", reason="pip install transformers")

BERT = plain(configuration("bert"))
NUMBERS = st.integers() | st.floats()
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
#: Names that no configuration of the library has.
UNKNOWN = st.text("abcxyz", min_size=1, max_size=6).map(lambda name: f"zz_{name}_layer")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(UNKNOWN, VALUES, max_size=4))
def test_settings_that_the_library_does_not_know_change_nothing(unknown):
    made = build_configured(BERT | unknown)
    assert {n: p.shape for n, p in made.named_parameters()} == {
        n: p.shape for n, p in build_configured(BERT).named_parameters()
    }
    assert keep_settings(unknown).keys() == unknown.keys()


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("modernbert", {"sparse_pred_ignore_index": -100}),
        ("modernbert", {"sparse_prediction": False, "classifier_pooling": "mean"}),
        ("bert", {"released_at": 1730000000000, "trained_on": {"mimic": -1, "layers": [10**12]}}),
        ("bert", {"classifier_dropout": None, "id_map": {"a": None, "b": [None, -7]}}),
        ("roberta", {"task_specific_params": {"ner": {"max_length": -1}}}),
        ("deberta-v2", {"max_relative_positions": -1, "pooler_hidden_act": "gelu"}),
    ],
)
def test_what_published_configurations_hold_passes(kind, extra):
    config = {"model_type": kind} | tiny_config(kind).to_diff_dict() | extra
    kept = json.loads(json.dumps(keep_settings(config)))
    assert {name: kept[name] for name in extra} == extra
    encoder = Encoder(kept, [[3], [4]], 16, 4).eval()
    rows = encoder(torch.arange(5, 15), torch.tensor([0, 10], dtype=torch.int32))
    assert rows.shape == (10, 16)


@pytest.mark.parametrize("value", [10**6, 2**31, 10**12, [10**12], {"deep": [10**12]}])
def test_numbers_that_no_encoder_has_are_refused_where_they_count(value):
    with pytest.raises(InputError, match=r"config\.json: its encoder's num_hidden_layers="):
        build_configured(BERT | {"num_hidden_layers": value})


@pytest.mark.parametrize("kind", [None, 7, ["bert"], {}, "", "abacus"])
def test_a_family_that_is_unknown_is_said(kind):
    with pytest.raises(InputError, match="unknown to the installed transformers"):
        build_configured(BERT | {"model_type": kind})
