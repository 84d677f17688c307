"""A run whose scores on dev stay at zero says so, once, with a cause and a remedy."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_corpus import TINY, write_corpus

from jnrf.training import loop, settings, zero_scores
from jnrf.training.checkpoint import RunState
from jnrf.training.config import TrainConfig
from jnrf.training.interrupt import Interrupted
from jnrf.training.zero_scores import FEW_STEPS, due, observe
from jnrf_ext.documents.document import Document, Mention, Relation

RELATED = Document(
    "a",
    "aspirin 81 mg",
    [Mention("T1", "Drug", ((0, 7),)), Mention("T2", "Strength", ((8, 13),))],
    [Relation("R1", "Strength-Drug", "T2", "T1")],
)
NO_RELATION = Document("b", "aspirin", [Mention("T1", "Drug", ((0, 7),))], [])
NO_MENTION = Document("c", "He feels well.", [], [])
NOTHING = {"mentions_lenient": 0.0, "relations_lenient": 0.0}
MENTIONS = {"mentions_lenient": 0.4, "relations_lenient": 0.0}
BOTH = {"mentions_lenient": 0.4, "relations_lenient": 0.1}


def config_of(**overrides):
    return TrainConfig.from_dict(settings.merge({}, {"run.epochs": 30} | overrides))


def example(rows=10, mentions=1, pairs=0):
    """An example with mentions of one row each."""
    spans = [("Drug", at, at + 1) for at in range(mentions)]
    return SimpleNamespace(tags=np.zeros(rows), spans=spans, pairs=np.zeros((pairs, 3)))


def prepared_of(*dev, train=(), finds_relations=True):
    model = SimpleNamespace(config=SimpleNamespace(relation_kind="polynomial"))
    train = list(train) or [example()]
    return SimpleNamespace(dev=dev, train=train, finds_relations=finds_relations, model=model)


def told(scores, dev=RELATED, step=1000, finds_relations=True, train=(), **overrides):
    """(epoch, line) of what a run of these scores on dev says."""
    config = config_of(**{"run.epochs": len(scores)} | overrides)
    prepared = prepared_of(dev, train=train, finds_relations=finds_relations)
    state, lines = RunState(step=step), []
    for values in scores:
        line = observe(values, state, prepared, config)
        lines += [(state.epoch + 1, line)] * bool(line)
        state.close_epoch(0)
    return lines


@pytest.mark.parametrize(
    ("scorings", "after"),
    [(1, 1), (2, 1), (3, 1), (4, 2), (6, 3), (12, 3), (30, 3), (31, 4), (100, 10)],
)
def test_after_how_many_scorings_it_is_said(scorings, after):
    assert due(scorings) == after
    assert after <= max(1, scorings // 2)


@pytest.mark.parametrize(
    ("scores", "epochs"),
    [
        ([NOTHING] * 30, [3]),
        ([NOTHING] * 100, [10]),
        ([NOTHING] * 4, [2]),
        ([NOTHING], []),  # nothing stays there
        ([MENTIONS] * 30, [3]),
        ([BOTH] * 30, []),
        # By chance before anything was learnt, or before a run went wrong.
        ([BOTH] + [NOTHING] * 29, [4]),
        ([NOTHING, NOTHING, BOTH] * 10, []),
        # First no mention, then no relation: each is said, and the second after its own time.
        ([NOTHING] * 10 + [MENTIONS] * 20, [3, 13]),
        ([NOTHING, NOTHING] + [MENTIONS] * 28, [5]),
    ],
)
def test_when_it_is_said(scores, epochs):
    assert [epoch for epoch, _ in told(scores)] == epochs


def test_scorings_count_rather_than_epochs():
    config, prepared, state = config_of(**{"run.eval_every": 5}), prepared_of(RELATED), RunState()
    lines = [observe(NOTHING, state, prepared, config) for _ in range(6)]
    assert [bool(line) for line in lines] == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("dev", "scores", "finds"),
    [
        (NO_MENTION, NOTHING, True),
        (NO_RELATION, MENTIONS, True),
        (RELATED, MENTIONS, False),  # a system that finds mentions only
    ],
)
def test_nothing_is_said_of_what_dev_or_the_system_has_none_of(dev, scores, finds):
    assert told([scores] * 30, dev, finds_relations=finds) == []


def test_what_is_observed_is_said_for_mentions():
    ((_, line),) = told([NOTHING] * 30, step=1234, train=[example(rows=200, mentions=3)])
    assert line.startswith("warning: after epoch 3 no mention of dev is found, in 3 scorings and ")
    assert "3 scorings and 1,234 optimizer steps so far; " in line
    assert "1.50% of the wordpieces of the training documents are in mentions" in line
    assert "\n" not in line


def test_what_is_observed_is_said_for_relations():
    ((_, line),) = told([MENTIONS] * 30, train=[example(pairs=7), example(pairs=4)])
    assert line.startswith("warning: after epoch 3 mentions of dev are found but none of its rel")
    assert "11 pairs of the training documents are related" in line


@pytest.mark.parametrize("scores", [NOTHING, MENTIONS])
@pytest.mark.parametrize(
    ("step", "max_tokens", "words"),
    [
        (FEW_STEPS - 1, 3000, "too few steps: train longer (run.epochs), or with smaller batches"),
        (FEW_STEPS - 1, 0, "too few steps: train longer (run.epochs)"),
    ],
)
def test_few_steps_are_a_cause(scores, step, max_tokens, words):
    ((_, line),) = told([scores] * 30, step=step, **{"run.max_tokens": max_tokens})
    assert words in line
    assert ("run.max_tokens, now 3,000" in line) == bool(max_tokens)
    ((_, line),) = told([scores] * 30, step=FEW_STEPS, **{"run.max_tokens": max_tokens})
    assert "too few" not in line


def test_rare_mentions_are_a_cause():
    rare = [example(rows=1000, mentions=1)] + [example(rows=1000, mentions=0)] * 3
    ((_, line),) = told([NOTHING] * 30, train=rare)
    assert "0.03% of the wordpieces" in line
    assert "3 of 4 examples have none; data.keep_empty 0.1 leaves out most of these" in line
    ((_, line),) = told([NOTHING] * 30, train=[example(rows=1000, mentions=1)] * 4)
    assert "keep_empty" not in line  # it would leave nothing out


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"optim.lr": 0.25}, "another optim.lr (now 0.25)"),
        ({"optim.lr_encoder": 0.5}, "another optim.lr (now 0.001)"),
        ({"model.encoder": "x", "optim.lr_encoder": 0.5}, "another optim.lr_encoder (now 0.5)"),
        ({"model.encoder": "x"}, "another optim.lr (now 0.001)"),
    ],
)
def test_else_the_learning_rate_is(overrides, words):
    ((_, line),) = told([NOTHING] * 30, **overrides)
    assert words in line
    assert "`jnrf systems`" in line


def test_relations_out_of_reach_are_a_cause(monkeypatch):
    monkeypatch.setattr(zero_scores.data, "count_out_of_reach", lambda *_: 6)
    overrides = {"model.relation_kind": "pairs", "model.pair_distance": 2}
    ((_, line),) = told([MENTIONS] * 30, train=[example(pairs=7)], **overrides)
    assert "6 of them farther apart than the relation head reaches" in line
    assert "a larger model.pair_distance (now 2)" in line
    ((_, line),) = told([MENTIONS] * 30, train=[example(pairs=12)], **overrides)
    assert "farther apart" not in line
    assert "need longer than mentions: train longer (run.epochs), or take another system" in line


# ------------------------------------------------------------------ in a run


def configure(out, corpus, **overrides):
    values = TINY | {"data.train": str(corpus), "data.dev": str(corpus), "run.out": str(out)}
    # At this learning rate the tags stay where they start: O is the most frequent.
    values |= {"run.epochs": 6, "optim.lr": 1e-9, "optim.lr_polynomial": 1e-9}
    return TrainConfig.from_dict(settings.merge({}, values | overrides))


@pytest.fixture
def corpus(tmp_path):
    corpus = write_corpus(tmp_path / "corpus")
    for path in corpus.glob("*.txt"):  # more tokens outside of mentions
        path.write_text(path.read_text() + "He feels well and goes home today.\n" * 20)
    return corpus


def lines_of(text):
    return [line for line in text.splitlines() if "no mention of dev is found" in line]


def test_it_is_told_once_and_kept_in_remarks_and_report(tmp_path, corpus, capsys):
    loop.train(configure(tmp_path / "run", corpus))
    (line,) = lines_of(capsys.readouterr().out)
    assert line.startswith("warning: after epoch 3 ")
    assert lines_of((tmp_path / "run/remarks.txt").read_text()) == [line]
    assert line in (tmp_path / "run/report.html").read_text()


@pytest.mark.parametrize("epoch", [2, 3, 5])
def test_a_resumed_run_tells_it_neither_twice_nor_never(
    tmp_path, corpus, capsys, epoch, monkeypatch
):
    """Stopped in an epoch before it is told, in the one that ends so, or in a later one."""
    take_step, steps = loop.take_step, 0

    def interrupted(*args):
        nonlocal steps
        steps += 1
        if steps == 2 * epoch - 1:  # two documents a batch each
            os.kill(os.getpid(), signal.SIGINT)
        return take_step(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", interrupted)
        with pytest.raises(Interrupted):
            loop.train(configure(tmp_path / "run", corpus))
    loop.train(configure(tmp_path / "run", corpus), resume=True)
    (line,) = lines_of(capsys.readouterr().out)
    assert lines_of((tmp_path / "run/remarks.txt").read_text()) == [line]
    assert line in (tmp_path / "run/report.html").read_text()


def test_a_run_killed_between_remark_and_checkpoint_keeps_it_once(tmp_path, corpus, monkeypatch):
    save, saved = loop.save, 0

    def cut(folder, *args):
        nonlocal saved
        saved += 1
        if saved == 4:  # the first comes before the first step
            raise KeyError("power cut")
        save(folder, *args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save", cut)
        with pytest.raises(KeyError, match="power cut"):
            loop.train(configure(tmp_path / "run", corpus))
    assert len(lines_of((tmp_path / "run/remarks.txt").read_text())) == 1
    loop.train(configure(tmp_path / "run", corpus), resume=True)
    assert len(lines_of((tmp_path / "run/remarks.txt").read_text())) == 1
