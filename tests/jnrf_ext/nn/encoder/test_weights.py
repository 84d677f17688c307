"""Weights as people publish them: pickled, in several files, under other names; and traps."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_encoders import write_encoder

from jnrf_ext import InputError
from jnrf_ext.nn.encoder.encoder import load_encoder

pytest.importorskip("transformers", reason="pip install transformers")

TEXTS = ["He takes aspirin 81 mg.", "Then warfarin 5 mg for atrial fibrillation."] * 3
SAFE, PICKLED = "model.safetensors", "pytorch_model.bin"


@pytest.fixture
def folder(tmp_path):
    return write_encoder(tmp_path / "encoder", TEXTS)


@pytest.fixture
def weights(folder):
    """What the folder holds as it was saved, and what is wanted of all other ways to save it."""
    return load_file(folder / SAFE)


def write(folder: Path, weights: dict, form: str) -> None:
    """Write weights in another form in place of the folder's."""
    for old in (*folder.glob("*.safetensors"), *folder.glob("*.bin")):
        old.unlink()
    if form == "safetensors":
        save_file(weights, folder / SAFE, metadata={"format": "pt"})
    elif form == "bin":
        torch.save(weights, folder / PICKLED)
    else:
        suffix = form.removesuffix(" in two")
        names = sorted(weights)
        places = {}
        for part, chosen in ((1, names[::2]), (2, names[1::2])):
            stem = "model" if suffix == "safetensors" else "pytorch_model"
            file = f"{stem}-0000{part}-of-00002.{suffix}"
            some = {name: weights[name] for name in chosen}
            if suffix == "safetensors":
                save_file(some, folder / file, metadata={"format": "pt"})
            else:
                torch.save(some, folder / file)
            places |= dict.fromkeys(chosen, file)
        index = f"{SAFE if suffix == 'safetensors' else PICKLED}.index.json"
        (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": places}))


def loaded(folder: Path) -> dict:
    return load_encoder(str(folder))[1].state_dict()


def assert_same(found: dict, wanted: dict) -> None:
    kept = {name: weight for name, weight in found.items() if "pooler" not in name}
    assert kept
    assert all(torch.equal(weight, wanted[name]) for name, weight in kept.items())


FORMS = ["safetensors", "bin", "safetensors in two", "bin in two"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("prefix", ["", "bert.", "model.", "encoder.", "module.bert."])
def test_weights_are_found_in_every_form_and_under_every_prefix(folder, weights, form, prefix):
    write(folder, {prefix + name: weight for name, weight in weights.items()}, form)
    assert_same(loaded(folder), weights)


@pytest.mark.parametrize("form", ["safetensors", "bin"])
@pytest.mark.parametrize("prefix", ["bert.", "model.bert."])
def test_a_checkpoint_of_before_2019_is_read(folder, weights, form, prefix):
    """As BioBERT's: LayerNorm's gamma and beta, heads, a buffer of positions, no pooler."""
    old = {}
    for name, weight in weights.items():
        if "pooler" in name:
            continue
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        old[prefix + name.replace("LayerNorm.bias", "LayerNorm.beta")] = weight
    old[f"{prefix}embeddings.position_ids"] = torch.arange(64)[None]
    old["cls.predictions.bias"] = torch.zeros(150)
    old["cls.seq_relationship.weight"] = torch.zeros(2, 8)
    write(folder, old, form)
    assert_same(loaded(folder), weights)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("prefix", ["", "bert.", "model.bert."])
@pytest.mark.parametrize("lost", ["layer.1.output.dense.bias", "word_embeddings.weight"])
def test_weights_that_are_missing_are_never_made_up(folder, weights, form, prefix, lost):
    left = {prefix + n: weight for n, weight in weights.items() if not n.endswith(lost)}
    assert len(left) == len(weights) - 1
    write(folder, left, form)
    with pytest.raises(InputError, match=rf"has no weights for {lost.join(['.*', ''])}"):
        load_encoder(str(folder))


@pytest.mark.parametrize("form", FORMS)
def test_weights_of_another_size_are_refused(folder, weights, form):
    name = "embeddings.word_embeddings.weight"
    write(folder, weights | {name: torch.zeros(3, 8)}, form)
    with pytest.raises(InputError, match=r"model\.encoder: .* cannot be loaded") as raised:
        load_encoder(str(folder))
    assert str(raised.value).isprintable()


# ------------------------------------------------------------------ pickles of strangers


class Trap:
    """What touches a file when it is unpickled."""

    def __init__(self, file: Path):
        self.file = file

    def __reduce__(self):
        return (Path.touch, (self.file,))


@pytest.mark.parametrize("how", ["alone", "beside weights", "for a weight", "plain pickle"])
@pytest.mark.parametrize("shards", [False, True])
def test_what_a_pickle_would_run_is_not_run(folder, weights, tmp_path, how, shards):
    trap = Trap(tmp_path / "sprung")
    content = {"alone": trap, "beside weights": weights | {"more": trap}}.get(
        how, weights | {next(iter(weights)): trap}
    )
    (folder / SAFE).unlink()
    file = folder / ("pytorch_model-00001-of-00001.bin" if shards else PICKLED)
    if shards:
        index = {"metadata": {}, "weight_map": dict.fromkeys(weights, file.name)}
        (folder / f"{PICKLED}.index.json").write_text(json.dumps(index))
    if how == "plain pickle":
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file)
    with pytest.raises(InputError, match="more than weights, which is not run"):
        load_encoder(str(folder))
    assert not (tmp_path / "sprung").exists()


def test_safetensors_are_taken_where_there_are_both(folder, weights, tmp_path):
    torch.save(Trap(tmp_path / "sprung"), folder / PICKLED)
    assert_same(loaded(folder), weights)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"PK\x03\x04 cut short"])
def test_a_damaged_pickle_is_said(folder, content):
    (folder / SAFE).unlink()
    (folder / PICKLED).write_bytes(content)
    with pytest.raises(InputError, match=r"model\.encoder: .* cannot be loaded"):
        load_encoder(str(folder))


# ------------------------------------------------------------------ what else folders hold


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        (None, "copy its weights too"),
        ("tf_model.h5", "convert TensorFlow's weights"),
        ("flax_model.msgpack", "convert Flax's weights"),
        ("adapter_config.json", "merge it into its encoder"),
    ],
)
def test_a_folder_without_weights_says_what_to_do(folder, file, remedy):
    (folder / SAFE).unlink()
    if file:
        (folder / file).write_text("{}")
    with pytest.raises(InputError, match=f"has no {SAFE} and no {PICKLED}; .*{remedy}"):
        load_encoder(str(folder))


def test_files_that_git_lfs_has_not_fetched_are_said(folder):
    (folder / SAFE).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(InputError, match="git lfs pull"):
        load_encoder(str(folder))


@pytest.mark.parametrize(
    "index",
    [
        "{",
        "[]",
        '{"weight_map": 3}',
        '{"weight_map": {}}',
        '{"weight_map": {"a": 3}}',
        '{"weight_map": {"a": "../other.bin"}}',
        '{"weight_map": {"a": "/etc/passwd"}}',
        '{"weight_map": {"a": "model.safetensors"}}',
        '{"weight_map": {"a": "absent.bin"}}',
    ],
)
def test_an_index_names_files_beside_it_that_are_there(folder, index):
    (folder / SAFE).unlink()
    (folder / f"{PICKLED}.index.json").write_text(index)
    with pytest.raises(InputError, match=r"no index of|no \.bin file beside it|no such file"):
        load_encoder(str(folder))
