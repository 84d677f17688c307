"""Corpora beside the main one: which weights each trains, and what is left afterwards."""

from __future__ import annotations

import pytest
import torch
from tiny_encoders import configuration, plain, random_encoder

from jnrf_ext import JNRF, InputError, JNRFConfig, Schema

pytest.importorskip("transformers", reason="pip install transformers")

SCHEMA = Schema.from_types(["Drug"], {})
OTHER = Schema.from_types(["Disease", "Gene"], {}).tags
#: Task 1 is of the main corpus' group, 2 and 3 of another, 4 of a third.
TASKS = [
    {"tags": SCHEMA.tags, "group": 0},
    {"tags": OTHER, "group": 1},
    {"tags": OTHER, "group": 1},
    {"tags": ["O", "B-Cell", "I-Cell"], "group": 2},
]


def build(**settings) -> JNRF:
    torch.manual_seed(0)
    values = {
        "encoder": plain(configuration("bert", layers=3)),
        "encoder_window": 16,
        "encoder_overlap": 4,
        "vocab_size": 60,
        "hidden_size": 8,
        "num_layers": 0,
        "mixing_windows": [],
        "positions": "none",
        "use_surface": False,
        "relation_kind": "none",
        "input_layers": 0,
        "tag_layers": 0,
        "crf": True,
        "tag_scheme": "IOBES",
        "group_layers": 1,
        "auxiliary": TASKS,
        "wordpiece_dropout": 0.0,
        "schema": SCHEMA,
    }
    model = JNRF(JNRFConfig(**(values | settings)))
    model.load_encoder(random_encoder("bert", layers=3))
    return model.eval()


def batch(count: int = 20):
    ids = torch.randint(5, 60, (count,), generator=torch.Generator().manual_seed(1))
    tags = torch.arange(count) % 3
    tags[tags == 2] = 0
    return ids, torch.tensor([0, count], dtype=torch.int32), tags


def touched_by(model: JNRF, task: int) -> set[str]:
    model.zero_grad()
    ids, cu, tags = batch()
    model(ids, cu, tags=tags, task=task).loss.backward()
    parts = {
        "lower": model.inputs.encoder.layers[:2],
        "upper": model.inputs.encoder.layers[2:],
        "embeddings": model.inputs.encoder.model.embeddings,
        "main head": model.tag_head,
    }
    parts |= {f"upper {group}": layers for group, layers in model.auxiliary.upper.items()}
    parts |= {f"head {k + 1}": head for k, head in enumerate(model.auxiliary.heads)}
    touched = set()
    for name, part in parts.items():
        gradients = [p.grad is not None for p in part.parameters()]
        assert all(gradients) or not any(gradients)
        if any(gradients):
            touched.add(name)
    return touched


@pytest.mark.parametrize(
    ("task", "own"),
    [
        (0, {"upper", "main head"}),
        (1, {"upper", "head 1"}),
        (2, {"upper 1", "head 2"}),
        (3, {"upper 1", "head 3"}),
        (4, {"upper 2", "head 4"}),
    ],
)
def test_lower_layers_learn_from_all_upper_ones_from_a_group_and_heads_from_a_corpus(task, own):
    assert touched_by(build(), task) == {"lower", "embeddings"} | own


def test_a_task_has_the_tags_of_its_corpus():
    model = build()
    ids, cu, _ = batch()
    sizes = [model(ids, cu, task=task).tag_logits.shape[1] for task in range(5)]
    assert sizes == [5, 5, 9, 9, 5]


def test_groups_start_from_the_pretrained_upper_layers():
    model = build()
    wanted = model.inputs.encoder.layers[2].state_dict()
    for layers in model.auxiliary.upper.values():
        for name, weight in layers[0].state_dict().items():
            assert torch.equal(weight, wanted[name])
            assert weight.data_ptr() != wanted[name].data_ptr()


def test_a_group_uses_its_own_upper_layers():
    model = build()
    ids, cu, _ = batch()
    before = [model(ids, cu, task=task).tag_logits for task in range(5)]
    with torch.no_grad():
        for parameter in model.auxiliary.upper["1"].parameters():
            parameter += 0.5
    after = [model(ids, cu, task=task).tag_logits for task in range(5)]
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [True, True, False, False, True]


@pytest.mark.parametrize("fails", [False, True])
def test_the_encoder_has_its_own_layers_again_after_a_pass(fails, monkeypatch):
    model = build()
    layers = list(model.inputs.encoder.layers)
    ids, cu, tags = batch()
    if fails:

        def broken(*_):
            raise RuntimeError("out of memory")

        monkeypatch.setattr(model.inputs.dropout, "forward", broken)
        with pytest.raises(RuntimeError, match="out of memory"):
            model(ids, cu, tags=tags, task=2)
    else:
        model(ids, cu, tags=tags, task=2)
    assert all(a is b for a, b in zip(model.inputs.encoder.layers, layers, strict=True))


def test_without_group_layers_the_encoder_is_all_shared():
    model = build(group_layers=0)
    assert len(model.auxiliary.upper) == 0
    assert touched_by(model, 2) == {"lower", "upper", "embeddings", "head 2"}


def test_an_encoder_is_not_needed_where_nothing_of_it_is_a_groups_own():
    settings = {"encoder": None, "embedding_size": 6, "group_layers": 0}
    model = JNRF(JNRFConfig(**(vars(build().config) | settings)))
    ids, cu, tags = batch()
    assert model(ids, cu, tags=tags, task=4).loss.isfinite()


@pytest.mark.parametrize(("encoder", "most"), [(True, 3), (False, 0)])
def test_more_group_layers_than_the_encoder_has_are_refused(encoder, most):
    settings = {"group_layers": 4} if encoder else {"encoder": None}
    with pytest.raises(InputError, match=f"the encoder has {most} layers"):
        JNRF(JNRFConfig(**(vars(build().config) | settings)))


def test_heads_and_upper_layers_are_saved_and_loaded(tmp_path):
    model = build()
    with torch.no_grad():
        for parameter in model.auxiliary.parameters():
            parameter += torch.randn(parameter.shape)
    model.save_pretrained(tmp_path / "model")
    again = JNRF.from_pretrained(tmp_path / "model")
    ids, cu, _ = batch()
    for task in range(5):
        assert torch.equal(
            model(ids, cu, task=task).tag_logits, again(ids, cu, task=task).tag_logits
        )
