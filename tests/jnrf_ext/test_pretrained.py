"""Model folders: what is saved comes back, and what is broken says so."""

from __future__ import annotations

import json

import pytest
import torch

from jnrf_ext import JNRF, InputError, JNRFConfig, Schema, Tokenizer

SCHEMA = Schema.from_types(["Drug", "Dosage"], {"Dosage-Drug": [("Dosage", "Drug")]})


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    tokenizer = Tokenizer.train(["aspirin 81 mg daily", "naïve µg 5 mg"], 80)
    config = JNRFConfig(
        vocab_size=tokenizer.vocab_size,
        embedding_size=8,
        hidden_size=8,
        num_layers=2,
        mixing_windows=[4, 0],
        schema=SCHEMA,
    )
    JNRF(config, tokenizer).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_saved_model_comes_back_the_same(folder, tmp_path):
    model = JNRF.from_pretrained(folder)
    assert not model.training
    assert model.config.schema == SCHEMA
    model.save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_the_folder_holds_no_pickle(folder):
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(InputError, match=f"has no {missing}"):
        JNRF.from_pretrained(folder)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(InputError, match="is not a model folder"):
        JNRF.from_pretrained(tmp_path / "nowhere")


def test_a_damaged_weight_file_is_named(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match=r"model\.safetensors does not fit .* or is damaged"):
        JNRF.from_pretrained(folder)


def test_weights_of_another_size_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 16}))
    with pytest.raises(InputError, match="does not fit"):
        JNRF.from_pretrained(folder)


@pytest.mark.parametrize("content", ["{", '{"model_type": "jnrf", "schema": 3}', "[]"])
def test_a_damaged_config_is_named(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"config\.json"):
        JNRF.from_pretrained(folder)


def test_another_kind_of_model_is_refused(folder):
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="'bert' model"):
        JNRF.from_pretrained(folder)


def test_a_setting_from_the_future_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"wavelets": True}))
    with pytest.raises(InputError, match="wavelets"):
        JNRF.from_pretrained(folder)
