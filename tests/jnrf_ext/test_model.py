"""The whole model on packed documents: selection, scores, losses, edge cases."""

from __future__ import annotations

import pytest
import torch
from no_waits import NoWaits

from jnrf_ext import JNRF, InputError, JNRFConfig, Schema
from jnrf_ext.model import roles_of_tags

SCHEMA = Schema.from_types(
    ["Drug", "Dosage", "Reason", "Note"],
    {"Dosage-Drug": [("Dosage", "Drug")], "Reason-Drug": [("Reason", "Drug")]},
)


def small_model(**settings) -> JNRF:
    torch.manual_seed(0)
    defaults = {
        "vocab_size": 50,
        "embedding_size": 12,
        "hidden_size": 16,
        "num_layers": 2,
        "mixing_windows": [],
        "use_surface": False,
        "embedding_dropout": 0.0,
        "layer_dropout": 0.0,
        "head_dropout": 0.0,
        "schema": SCHEMA,
    }
    return JNRF(JNRFConfig(**(defaults | settings)))


def batch(lengths):
    generator = torch.Generator().manual_seed(1)
    tokens = sum(lengths)
    ids = torch.randint(50, (tokens,), generator=generator)
    tags = torch.randint(len(SCHEMA.tags), (tokens,), generator=generator)
    return ids, torch.tensor([0, *lengths]).cumsum(0).int(), tags


def test_roles_come_from_the_relation_schema():
    roles = dict(zip(SCHEMA.tags, roles_of_tags(SCHEMA), strict=True))
    assert roles == {
        "O": 0,
        "B-Dosage": 1,
        "I-Dosage": 1,
        "B-Drug": 2,
        "I-Drug": 2,
        "B-Note": 0,
        "I-Note": 0,
        "B-Reason": 1,
        "I-Reason": 1,
    }


def test_a_mention_may_be_pooled_at_its_first_wordpiece_alone():
    roles = dict(zip(SCHEMA.tags, roles_of_tags(SCHEMA, begin_only=True), strict=True))
    assert roles["B-Drug"] == 2
    assert roles["I-Drug"] == 0


def test_a_type_may_have_both_roles():
    schema = Schema.from_types(["Event"], {"BEFORE": [("Event", "Event")]})
    assert roles_of_tags(schema) == [0, 3, 3]


@pytest.mark.parametrize("windows", [[], [2, 0]])
def test_packed_documents_equal_single_ones(windows):
    model = small_model(mixing_windows=windows).double().eval()
    ids, bounds, _ = batch([5, 1, 30])
    packed = model(ids, bounds, return_scores=True)
    for index, document in enumerate(ids.split([5, 1, 30])):
        single = model(
            document, torch.tensor([0, len(document)], dtype=torch.int32), return_scores=True
        )
        start = int(bounds[index])
        logits = packed.tag_logits[start : start + len(document)]
        torch.testing.assert_close(logits, single.tag_logits)
        torch.testing.assert_close(packed.relation_scores[index], single.relation_scores[0])


def test_scores_have_a_row_a_head_and_a_column_a_tail():
    model = small_model().eval()
    ids, bounds, _ = batch([40, 60])
    output = model(ids, bounds, return_scores=True)
    sizes = zip(output.cu_heads.diff().tolist(), output.cu_tails.diff().tolist(), strict=True)
    assert [tuple(s.shape) for s in output.relation_scores] == [(h, t, 3) for h, t in sizes]
    roles = model.tag_roles[output.tag_logits.argmax(-1)]
    assert torch.equal(output.heads, torch.where(roles & 1 > 0)[0])
    assert torch.equal(output.tails, torch.where(roles & 2 > 0)[0])


@pytest.mark.parametrize("pooling", ["gold", "predicted", "union"])
def test_pooling_decides_which_tokens_are_scored(pooling):
    model = small_model(pooling=pooling)
    ids, bounds, tags = batch([30])
    output = model(ids, bounds, tags=tags)
    gold = model.tag_roles[tags] & 1 > 0
    predicted = model.tag_roles[output.tag_logits.argmax(-1)] & 1 > 0
    expected = {"gold": gold, "predicted": predicted, "union": gold | predicted}[pooling]
    assert torch.equal(output.heads, torch.where(expected)[0])


def test_every_trained_parameter_gets_a_gradient():
    model = small_model(use_surface=True)
    ids, bounds, tags = batch([20, 25])
    head = int(torch.where(tags == SCHEMA.tags.index("B-Dosage"))[0][0])
    in_document = (head < 20) == (torch.arange(45) < 20)
    tail = int(torch.where((tags == SCHEMA.tags.index("B-Drug")) & in_document)[0][0])
    output = model(
        ids, bounds, torch.zeros_like(ids), tags=tags, pairs=torch.tensor([[head, tail, 1]])
    )
    output.loss.backward()
    silent = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert silent == []
    assert model.inputs.embedding.weight.grad is None


def test_the_relation_loss_is_the_cross_entropy_over_selected_pairs_a_head():
    model = small_model(pooling="gold").double()
    ids, bounds, tags = batch([30])
    heads = torch.where(model.tag_roles[tags] & 1 > 0)[0]
    tails = torch.where(model.tag_roles[tags] & 2 > 0)[0]
    pairs = torch.tensor([[int(heads[0]), int(tails[1]), 2]])
    output = model(ids, bounds, tags=tags, pairs=pairs, return_scores=True)
    target = torch.zeros(len(heads), len(tails), dtype=torch.int64)
    target[0, 1] = 2
    total = torch.nn.functional.cross_entropy(
        output.relation_scores[0].flatten(0, 1),
        target.flatten(),
        weight=torch.tensor([1.0, 1.5, 1.5], dtype=torch.float64),  # related pairs weigh more
        reduction="sum",
    )
    expected = total / len(heads)
    torch.testing.assert_close(output.relation_loss, expected)


@pytest.mark.parametrize(
    ("inside", "weight"),
    [(100, 1), (25, 1), (24, 100 / 96), (5, 5), (1, 25), (0, 32)],
)
def test_where_mentions_are_few_the_tags_weigh_more(inside, weight):
    """So that the relations' loss, a mean by head, does not drown them."""
    model = small_model().eval()
    ids, bounds, _ = batch([100])
    tags = torch.zeros(100, dtype=torch.int64)
    tags[:inside] = SCHEMA.tags.index("B-Drug")
    output = model(ids, bounds, tags=tags)
    mean = torch.nn.functional.cross_entropy(output.tag_logits, tags)
    torch.testing.assert_close(output.tag_loss, weight * mean)


def test_reference_behaviour_takes_the_mean_over_all_rows():
    model = small_model(behaviour="reference").eval()
    ids, bounds, _ = batch([100])
    tags = torch.zeros(100, dtype=torch.int64)
    output = model(ids, bounds, tags=tags)
    mean = torch.nn.functional.cross_entropy(output.tag_logits, tags)
    torch.testing.assert_close(output.tag_loss, mean)


def test_documents_are_mixed_once_the_gate_opens():
    model = small_model(layer_kind="lstm", document_mixing=True, positions="none").eval()
    plain = small_model(layer_kind="lstm", positions="none").eval()
    plain.load_state_dict({n: w for n, w in model.state_dict().items() if n != "mixing.gate"})
    ids, bounds, _ = batch([8, 5])
    shut = model(ids, bounds).tag_logits
    torch.testing.assert_close(shut, plain(ids, bounds).tag_logits)
    torch.nn.init.ones_(model.mixing.gate)
    opened = model(ids, bounds).tag_logits
    assert not torch.isclose(opened, shut).all(dim=1).any()


def test_reference_behaviour_counts_relations_only_beyond_ten_heads_and_tails():
    model = small_model(behaviour="reference", pooling="gold")
    ids, bounds, tags = batch([12])
    output = model(ids, bounds, tags=tags)
    assert torch.equal(output.loss, output.tag_loss)
    ids, bounds, tags = batch([400])
    output = model(ids, bounds, tags=tags)
    torch.testing.assert_close(output.loss, 0.5 * (output.tag_loss + output.relation_loss))


def test_documents_without_tokens_are_no_trouble():
    model = small_model().eval()
    output = model(
        torch.empty(0, dtype=torch.int64),
        torch.tensor([0, 0, 0], dtype=torch.int32),
        return_scores=True,
    )
    assert output.tag_logits.shape == (0, len(SCHEMA.tags))
    assert [s.shape for s in output.relation_scores] == [(0, 0, 3), (0, 0, 3)]


def test_a_schema_without_relations_trains_on_tags_alone():
    model = small_model(schema=Schema.from_types(["Drug"], {}))
    ids, bounds, tags = batch([20])
    output = model(ids, bounds, tags=tags.clamp(max=2))
    output.loss.backward()
    assert float(output.relation_loss.detach()) == 0


def test_shared_layers_have_the_weights_of_one():
    shared, own = small_model(share_layers=True), small_model(share_layers=False)
    assert len(shared.layers) == 1
    assert len(own.layers) == 2
    ids, bounds, _ = batch([9])
    assert shared(ids, bounds).tag_logits.shape == own(ids, bounds).tag_logits.shape


def test_dropout_is_off_in_evaluation():
    model = small_model(
        embedding_dropout=0.5, layer_dropout=0.5, head_dropout=0.5, wordpiece_dropout=0.5
    )
    ids, bounds, _ = batch([30])
    assert not torch.equal(model(ids, bounds).tag_logits, model(ids, bounds).tag_logits)
    model.eval()
    assert torch.equal(model(ids, bounds).tag_logits, model(ids, bounds).tag_logits)


# ------------------------------------------------------------------ training off the CPU

#: Two passes in training give the same.
STEADY = {"phase_jitter": 0, "wordpiece_dropout": 0.0}


def loss_and_gradients(model, room=None):
    model._room = lambda tokens, device: room
    ids, bounds, tags = batch([40, 1, 0, 79])
    pairs = torch.randint(40, (20, 3), generator=torch.Generator().manual_seed(2)) % 40
    pairs[:, 2] %= 3
    torch.manual_seed(1)
    output = model(ids, bounds, torch.zeros_like(ids), tags=tags, pairs=pairs)
    output.loss.backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return output, gradients


@pytest.mark.parametrize("behaviour", ["standard", "reference"])
@pytest.mark.parametrize("pooling", ["gold", "predicted", "union"])
def test_fixed_room_changes_neither_loss_nor_gradients(pooling, behaviour):
    settings = {"pooling": pooling, "behaviour": behaviour, "use_surface": True}
    exact, wanted = loss_and_gradients(small_model(**settings).double())
    output, got = loss_and_gradients(small_model(**settings).double(), room=120)
    assert int(output.dropped) == 0
    assert output.heads.shape == output.tails.shape == (120,)
    assert output.heads[: len(exact.heads)].equal(exact.heads)
    assert set(output.heads[len(exact.heads) :].tolist()) <= {-1}
    torch.testing.assert_close(output.loss, exact.loss)
    torch.testing.assert_close(output.relation_loss, exact.relation_loss)
    torch.testing.assert_close(got, wanted)


def test_what_finds_no_room_is_counted_and_left_out_of_the_relations():
    model = small_model(pooling="gold", **STEADY).double()
    ids, bounds, tags = batch([100])
    chosen = torch.where(model.tag_roles[tags] > 0)[0]
    kept = tags.clone()
    kept[chosen[30:]] = SCHEMA.tags.index("O")
    wanted = model(ids, bounds, tags=kept).relation_loss
    model._room = lambda tokens, device: 30
    output = model(ids, bounds, tags=tags)
    assert int(output.dropped) == len(chosen) - 30 > 0
    torch.testing.assert_close(output.relation_loss, wanted)


def test_room_is_a_share_of_the_tokens_and_fixed_in_training_off_the_cpu_alone():
    model, gpu = small_model(selection_room=0.3), torch.device("cuda")
    assert model._room(10_001, gpu) == 3001
    assert model._room(700, gpu) == 256
    assert model._room(100, gpu) == 100
    assert model._room(10_001, torch.device("cpu")) is None
    model.eval()
    assert model._room(10_001, gpu) is None


@pytest.mark.parametrize("bounds_on", ["cpu", "meta"])
@pytest.mark.parametrize("settings", [{}, {"behaviour": "reference"}, {"mixing_windows": [4, 0]}])
def test_training_off_the_cpu_never_waits(settings, bounds_on):
    dropout = dict.fromkeys(
        ("embedding_dropout", "layer_dropout", "head_dropout", "wordpiece_dropout"), 0.1
    )
    with torch.device("meta"):
        model = small_model(use_surface=True, **dropout, **settings)
    ids, bounds, tags = batch([300, 1, 99])
    bounds = bounds.to(bounds_on)
    pairs = torch.zeros(20, 3, dtype=torch.int64)
    ids, tags, pairs = (tensor.to("meta") for tensor in (ids, tags, pairs))
    with NoWaits() as log:
        output = model(ids, bounds, torch.zeros_like(ids), tags=tags, pairs=pairs)
        output.loss.backward()
    assert output.heads.shape == (256,)
    assert {"select_tokens", "token_positions", "relation_loss_backward"} <= set(log.operators)
    assert model.relation_head.alpha.grad.device.type == "meta"


def test_weights_cast_together_train_as_those_cast_one_by_one(monkeypatch):
    """All of them at once where a GPU's host would spend its time on them; here forced."""

    def trained(together):
        model = small_model(use_surface=True)
        with monkeypatch.context() as patch, torch.autocast("cpu", torch.bfloat16):
            patch.setattr(model, "_casts", lambda device: together)
            return loss_and_gradients(model)

    (together, gradients), (alone, wanted) = trained(True), trained(False)
    assert torch.equal(together.loss, alone.loss)
    assert gradients.keys() == wanted.keys()
    assert all(torch.equal(gradients[name], wanted[name]) for name in wanted)


def test_pairs_of_no_token_are_ignored():
    model = small_model(pooling="gold", **STEADY)
    ids, bounds, tags = batch([40])
    pairs = torch.tensor([[3, 4, 1], [-1, 4, 1], [3, -1, 2], [-1, -1, 0]])
    with_padding = model(ids, bounds, tags=tags, pairs=pairs).loss
    assert torch.equal(with_padding, model(ids, bounds, tags=tags, pairs=pairs[:1]).loss)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"behaviour": "fast"}, "behaviour='fast' is not known"),
        ({"pooling": "max"}, "pooling='max' is not known"),
        ({"hidden_size": 15}, "must be even"),
        ({"hidden_size": 0}, "must be at least 1"),
        ({"num_layers": -1}, "must be at least 0"),
        ({"units": "syllable"}, "units=.syllable. is not known"),
        ({"mixing_windows": [4]}, "1 entries for 2 layers"),
        ({"selection_room": 0}, "selection_room=0 must be above 0 and at most 1"),
        ({"selection_room": 1.5}, "selection_room=1.5 must be above 0 and at most 1"),
    ],
)
def test_settings_that_make_no_model_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        small_model(**settings)


def test_embeddings_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"\[10, 12\], the model's \[50, 12\]"):
        small_model().load_embeddings(torch.zeros(10, 12))
