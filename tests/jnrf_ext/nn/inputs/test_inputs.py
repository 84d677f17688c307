"""From wordpieces to rows: pooling, characters, positions, and what two inputs share."""

from __future__ import annotations

import pytest
import torch
from tiny_encoders import configuration, plain

from jnrf_ext import JNRF, InputError, JNRFConfig, Schema, Tokenizer
from jnrf_ext.nn.inputs.inputs import NUM_SURFACES, Inputs
from jnrf_ext.packing.outline import lay_out, outline
from jnrf_ext.text.tokenizer import GAPS, SHAPES

TEXTS = ["Warfarin-like pills, twice.", "He stayed."]
SCHEMA = Schema.from_types(["Drug", "Dosage"], {"Dosage-Drug": [("Dosage", "Drug")]})


@pytest.fixture(scope="module")
def tokenizer():
    letters = "abcdefghijklmnopqrstuvwxyz.,-"
    return Tokenizer.train([" ".join(letters), "like he"], 80)


def config(tokenizer, **settings) -> JNRFConfig:
    values = {
        "vocab_size": tokenizer.vocab_size,
        "embedding_size": 6,
        "hidden_size": 8,
        "input_layers": 0,
        "positions": "none",
        "use_surface": False,
        "embedding_dropout": 0.0,
        "wordpiece_dropout": 0.0,
        "num_layers": 1,
        "mixing_windows": [0],
        "schema": SCHEMA,
    }
    return JNRFConfig(**(values | settings))


def batch(tokenizer, made: JNRFConfig):
    encoded = [tokenizer.encode(text) for text in TEXTS]
    outlines = [outline(t, e, made) for t, e in zip(TEXTS, encoded, strict=True)]
    ids = torch.cat([torch.from_numpy(e.ids).long() for e in encoded])
    surface = torch.cat([torch.from_numpy(e.surface).long() for e in encoded])
    return ids, surface, lay_out(outlines, [len(e) for e in encoded]), outlines, encoded


def build(made: JNRFConfig) -> Inputs:
    torch.manual_seed(0)
    return Inputs(made).eval()


@pytest.mark.parametrize("units", ["word", "token"])
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_words_are_pooled_as_a_slow_loop_does(tokenizer, units, pooling):
    made = config(tokenizer, units=units, word_pooling=pooling, hidden_size=6)
    ids, _, layout, outlines, encoded = batch(tokenizer, made)
    inputs = build(made)
    expected = []
    for rows, pieces in zip(outlines, encoded, strict=True):
        vectors = inputs.embedding.weight[torch.from_numpy(pieces.ids).long()]
        ends = [*rows.pieces[1:].tolist(), len(pieces)]
        for start, end in zip(rows.pieces.tolist(), ends, strict=True):
            expected.append(vectors[start] if pooling == "first" else vectors[start:end].mean(0))
    torch.testing.assert_close(inputs(ids, None, layout), torch.stack(expected))


def test_characters_join_the_embeddings(tokenizer):
    made = config(tokenizer, units="word", character_size=3)
    ids, _, layout, *_ = batch(tokenizer, made)
    inputs = build(made)
    together = torch.cat(
        [inputs.embedding(ids)[layout.pieces], inputs.shapes(layout.shapes)], dim=1
    )
    torch.testing.assert_close(inputs(ids, None, layout), inputs.mlp(together))


def test_words_of_the_same_characters_but_other_case_differ(tokenizer):
    made = config(tokenizer, units="word", character_size=3)
    texts = ["he He"]
    encoded = [tokenizer.encode(text) for text in texts]
    layout = lay_out([outline(texts[0], encoded[0], made)], [len(encoded[0])])
    rows = build(made)(torch.from_numpy(encoded[0].ids).long(), None, layout)
    assert not torch.equal(rows[0], rows[1])


def test_a_word_has_the_surface_of_its_first_wordpiece(tokenizer):
    made = config(tokenizer, units="word", use_surface=True)
    ids, surface, layout, *_ = batch(tokenizer, made)
    inputs = build(made)
    without = inputs(ids, None, layout)
    added = inputs.surface_embedding(surface[layout.pieces])
    torch.testing.assert_close(inputs(ids, surface, layout), without + added)
    assert len(SHAPES) * len(GAPS) == NUM_SURFACES


def test_positions_count_rows_from_the_start_of_each_document(tokenizer):
    made = config(tokenizer, units="word", positions="geometric")
    ids, _, layout, *_ = batch(tokenizer, made)
    inputs = build(made)
    plain_rows = build(config(tokenizer, units="word"))(ids, None, layout)
    added = inputs(ids, None, layout) - plain_rows
    lengths = layout.cu_rows.diff().tolist()
    for part in added.split(lengths):
        torch.testing.assert_close(part, inputs.positions.table(len(part), part.device) * 1.0)


def test_under_autocast_rows_are_as_wide_as_fourier_mixing_takes_them(tokenizer):
    made = config(tokenizer)
    ids, _, layout, *_ = batch(tokenizer, made)
    inputs = build(made)
    with torch.autocast("cpu", torch.bfloat16):
        narrow = inputs(ids, None, layout)
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow, inputs(ids, None, layout), rtol=2e-2, atol=2e-2)


def test_sizes_that_agree_need_no_layer(tokenizer):
    assert isinstance(build(config(tokenizer, hidden_size=6)).mlp, torch.nn.Identity)


def test_wordpieces_are_replaced_in_training_alone(tokenizer):
    made = config(tokenizer, wordpiece_dropout=1.0, mask_id=3, hidden_size=6)
    ids, _, layout, *_ = batch(tokenizer, made)
    inputs = build(made)
    assert torch.equal(inputs(ids, None, layout), inputs.embedding(ids))
    masked = inputs.train()(ids, None, layout)
    assert torch.equal(masked, inputs.embedding.weight[3].expand(len(ids), -1))


def test_an_encoder_stands_in_place_of_embeddings(tokenizer):
    pytest.importorskip("transformers")
    encoder = plain(configuration("bert", vocabulary=tokenizer.vocab_size))
    settings = {"encoder": encoder, "encoder_window": 8, "encoder_overlap": 2}
    made = config(tokenizer, units="word", segments="sentence", **settings)
    ids, _, layout, *_ = batch(tokenizer, made)
    inputs = build(made)
    assert inputs.embedding is None
    expected = inputs.encoder(ids, layout.cu_segment_pieces)[layout.pieces]
    torch.testing.assert_close(inputs(ids, None, layout), expected)
    with pytest.raises(InputError, match="pretrained embeddings are"):
        inputs.load_embeddings(torch.zeros(3, 3))


# ------------------------------------------------------------------ two inputs


def test_separate_inputs_share_no_parameter(tokenizer):
    made = config(tokenizer, units="word", separate_inputs=True, character_size=3)
    ids, surface, layout, *_ = batch(tokenizer, made)
    torch.manual_seed(0)
    model = JNRF(made)
    assert len(model.relation_layers) == len(model.layers) == 1
    for mine, other in ((0, 1), (1, 0)):
        model.zero_grad()
        model.encode(ids, layout.cu_rows, surface, layout)[mine].square().sum().backward()
        parts = [
            (model.inputs, model.layers),
            (model.relation_inputs, model.relation_layers),
        ]
        touched, spared = (
            [p.grad for part in parts[which] for p in part.parameters() if p.requires_grad]
            for which in (mine, other)
        )
        assert all(gradient is not None for gradient in touched)
        assert all(gradient is None for gradient in spared)


def test_pretrained_embeddings_go_into_both_inputs(tokenizer):
    model = JNRF(config(tokenizer, separate_inputs=True))
    weight = torch.randn(tokenizer.vocab_size, 6)
    model.load_embeddings(weight)
    assert torch.equal(model.inputs.embedding.weight, weight)
    assert torch.equal(model.relation_inputs.embedding.weight, weight)
    assert model.inputs.embedding.weight is not model.relation_inputs.embedding.weight
