"""Every system that ships: it learns, it comes back from disk the same, and it resumes.

Shrunk to sizes that train in seconds; what a system is composed of stays as its file says.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny_corpus import write_corpus
from tiny_encoders import write_encoder

from jnrf.corpora import open_corpus
from jnrf.systems import count_parameters, describe, load_system, system_names
from jnrf.training import loop, settings
from jnrf.training.config import TrainConfig
from jnrf.training.finish import RunSummary
from jnrf.training.log import read_rows
from jnrf_ext import JNRF
from jnrf_ext.errors import InputError
from jnrf_ext.installed import DEFAULT_PACKAGE

WIDTH = 32
#: Nothing at random, so that a few documents can be learnt by heart.
STEADY = {
    "model.embedding_dropout": 0.0,
    "model.layer_dropout": 0.0,
    "model.head_dropout": 0.0,
    "model.wordpiece_dropout": 0.0,
    "model.encoder_dropout": 0.0,
    "model.phase_jitter": 0,
}
SMALL = {
    "data.vocabulary": 150,
    "model.embeddings": None,
    "model.embedding_size": WIDTH,
    "model.encoder_window": 32,
    "model.encoder_overlap": 8,
    "model.relation_size": 64,
    "optim.schedule": "constant",
    "optim.lr": 0.01,
    "optim.lr_encoder": 0.003,
    "run.max_tokens": 0,
    "run.device": "cpu",
    "run.threads": 1,
    "run.tensorboard": False,
}


@dataclass
class Trained:
    """A run of one system."""

    name: str
    config: TrainConfig
    folder: Path
    summary: RunSummary


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, Path]:
    """A corpus, another beside it, and an encoder of their words."""
    root = tmp_path_factory.mktemp("systems")
    # White space before the full stop, for the system that tags what white space parts.
    corpus = write_corpus(root / "corpus", documents=2, sentences=3, end=" .\n")
    beside = write_corpus(root / "beside", documents=1, sentences=3, seed=1, end=" .\n")
    for path in beside.glob("*.ann"):
        path.write_text(path.read_text().replace("\tDrug ", "\tMedication "))
    return {"corpus": corpus, "beside": beside, "encoder": root / "encoder", "root": root}


def configure(name: str, places: dict[str, Path], out: Path, **overrides) -> TrainConfig:
    system = load_system(name)
    small = SMALL | STEADY | {"data.train": str(places["corpus"]), "run.out": str(out)}
    if system.config.model.encoder:
        pytest.importorskip("transformers", reason="pip install transformers")
        if not places["encoder"].exists():
            texts = [document.text for document in open_corpus(places["corpus"], on_error="raise")]
            write_encoder(places["encoder"], texts, width=WIDTH)
        # A configuration alone stands for random weights, as the system's own does.
        shipped = system.config.model.encoder == "distilbert-cased"
        encoder = places["encoder"] / "config.json" if shipped else places["encoder"]
        small["model.encoder"] = str(encoder)
    if system.config.model.hidden_size:
        small["model.hidden_size"] = WIDTH
    if system.config.run.auxiliary_epochs:
        small["data.auxiliary"] = [str(places["beside"])]
    return TrainConfig.from_dict(settings.merge(system.settings, small | overrides))


@pytest.fixture(scope="module", params=system_names())
def trained(request, places) -> Trained:
    name = request.param
    out = places["root"] / name
    # Pairs of mentions take longest: few of them are related.
    epochs = 20 if load_system(name).config.model.relation_kind == "none" else 80
    overrides = {"data.dev": str(places["corpus"])}
    overrides |= {"run.epochs": epochs, "run.eval_every": epochs}
    config = configure(name, places, out, **overrides)
    return Trained(name, config, out, loop.train(config))


def test_a_system_learns_a_few_documents_by_heart(trained):
    found = trained.summary.headlines["dev"]["corrected"]
    assert found["mentions_strict"] > 0.9
    if trained.config.model.relation_kind != "none":
        assert found["relations_strict"] > 0.8
    # What was scored in training, from memory, is what the saved model gives.
    assert read_rows(trained.folder / "metrics.jsonl")[-1]["dev"] == pytest.approx(found)


def test_a_system_extracts_the_same_after_it_was_saved_and_loaded(trained, tmp_path):
    texts = [d.text for d in open_corpus(trained.config.data.train, on_error="raise")]
    texts += ["", " ".join(texts), "He feels well."]
    model = JNRF.from_pretrained(trained.folder / "best")
    found = model.extract(texts)
    assert found[0].mentions
    model.save_pretrained(tmp_path / "again")
    assert JNRF.from_pretrained(tmp_path / "again").extract(texts) == found
    # Together or one by one, it is the same.
    alone = [model.extract(text, ids=[d.id]) for text, d in zip(texts, found, strict=True)]
    for one, together in zip(alone, found, strict=True):
        assert [(m.type, m.start, m.end) for m in one.mentions] == [
            (m.type, m.start, m.end) for m in together.mentions
        ]
        assert [(r.type, r.head, r.tail) for r in one.relations] == [
            (r.type, r.head, r.tail) for r in together.relations
        ]


@pytest.mark.parametrize("name", system_names())
def test_a_system_resumes_to_the_very_same_weights(name, places, tmp_path, monkeypatch):
    overrides = {"run.epochs": 2, "run.checkpoint_every": 1, "model.layer_dropout": 0.2}
    loop.train(configure(name, places, tmp_path / "whole", **overrides))
    config = configure(name, places, tmp_path / "run", **overrides)
    steps, take_step = 0, loop.take_step

    def interrupted(*args):
        nonlocal steps
        steps += 1
        if steps == 2:
            raise KeyError("power cut")
        return take_step(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", interrupted)
        with pytest.raises(KeyError, match="power cut"):
            loop.train(config)
    loop.train(config, resume=True)
    whole, resumed = (
        (tmp_path / run / "last/model.safetensors").read_bytes() for run in ("whole", "run")
    )
    assert whole == resumed


# ------------------------------------------------------------------ what they are


def test_jnrf_comes_first_and_what_is_no_system_does_not_come():
    names = system_names()
    assert names[0] == "jnrf"
    assert len(names) == len(set(names)) >= 13
    assert "demo" not in names


@pytest.mark.parametrize("name", system_names())
def test_a_system_knows_its_name_and_its_paper(name):
    system = load_system(name)
    assert system.config.run.system == name
    assert system.title
    assert system.paper
    parts = describe(system.config)
    assert set(parts) == {"tasks", "encoder", "tag_head", "relation_head", "shared"}
    assert all(parts.values())


@pytest.mark.parametrize(
    ("name", "part", "words"),
    [
        ("jnrf", "encoder", "embeddings, Fourier"),
        ("jnrf", "relation_head", "pooling, polynomial distance"),
        ("jnrf-crf", "tag_head", "CRF (BIO) over words"),
        ("bert", "tasks", "mentions"),
        ("bert", "shared", "one task"),
        ("transformer-crf", "encoder", "distilbert-cased (random)"),
        ("rolling-window-bert", "encoder", f"{DEFAULT_PACKAGE} (pretrained)"),
        ("bilstm-crf-pipeline", "shared", "nothing"),
        ("bilstm-crf-joint", "shared", "all but heads"),
        ("bilstm-crf-joint", "relation_head", "BiLSTM-CRF a target"),
        ("lstm-shared-embeddings", "shared", "embeddings; 2 and 2 layers own"),
        ("deeper-task-specific", "shared", "all but 1 and 2 layers"),
        ("hierarchical-transfer", "shared", "between corpora"),
        ("hierarchical-transfer", "tag_head", "CRF (IOBES) over words"),
    ],
)
def test_what_a_system_is_made_of(name, part, words):
    assert describe(load_system(name).config)[part] == words


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jnrf-cfr", "no system 'jnrf-cfr'; did you mean jnrf-crf"),
        ("demo", "no system 'demo'"),
        ("../jnrf", "no system"),
        ("jürgen", "no system"),
    ],
)
def test_a_system_that_is_none_is_said(name, message):
    with pytest.raises(InputError, match=message):
        load_system(name)


# ------------------------------------------------------------------ published sizes


def counted(name: str) -> dict[str, int]:
    return count_parameters(load_system(name).config)


def test_a_crf_over_19_tags_is_399_parameters_more():
    pytest.importorskip("transformers", reason="pip install transformers")
    # arXiv 2210.12770; SYSTEMS.md
    assert counted("transformer") == {"trainable": 65_205_523, "frozen": 0}
    assert counted("transformer-crf") == {"trainable": 65_205_523 + 399, "frozen": 0}


def test_the_reference_has_the_size_of_the_authors_model():
    config = TrainConfig.from_dict(
        {
            "model": {"behaviour": "reference", "embeddings": None, "embedding_size": 768},
            "data": {"vocabulary": 28_996},
        }
    )
    counts = count_parameters(config)
    assert counts["trainable"] + counts["frozen"] == 37_821_742 + 22_268_928


def test_an_encoder_that_is_not_here_has_no_count():
    config = load_system("bert").config
    config.model.encoder = "no-such-package"
    assert count_parameters(config) is None
