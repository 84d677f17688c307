"""Settings: where they come from, how they are written, and what is said of a wrong one."""

import dataclasses

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jnrf.training import settings
from jnrf.training.config import DERIVED, ModelConfig, TrainConfig
from jnrf_ext.config import JNRFConfig
from jnrf_ext.errors import InputError


def config_of(**overrides):
    return TrainConfig.from_dict(settings.merge({}, overrides))


def test_every_setting_of_the_model_is_offered_but_what_the_data_decide():
    offered = {field.name for field in dataclasses.fields(ModelConfig)}
    own = {field.name for field in dataclasses.fields(JNRFConfig)}
    sources = {"embeddings", "embedding_size", "encoder", "encoder_random"}
    assert offered == own - set(DERIVED) | sources


def test_each_setting_of_a_run_has_a_help_text():
    for section in ("data", "optim", "run"):
        cls = settings.hints(TrainConfig)[section]
        assert set(settings.help_texts(cls)) == {f.name for f in dataclasses.fields(cls)}


def test_a_help_text_of_several_lines_is_joined():
    text = settings.help_texts(settings.hints(TrainConfig)["data"])["tokenizer"]
    assert text.startswith("tokenizer.json, an installed")
    assert text.endswith("trained on the training documents")


def test_yaml_with_comments_reads_back_as_the_same_settings():
    config = config_of(**{"optim.lr": 3e-5, "data.train": "/a b/ü: #1", "run.seed": 7})
    assert TrainConfig.from_dict(yaml.safe_load(config.to_yaml())) == config


@given(
    lr=st.floats(min_value=1e-12, max_value=1e3),
    beta=st.floats(min_value=0, max_value=0.9999),
    folder=st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1),
    windows=st.lists(st.integers(0, 64), min_size=6, max_size=6),
)
def test_any_values_survive_yaml(lr, beta, folder, windows):
    config = TrainConfig()
    config.optim.lr, config.optim.betas = lr, (beta, 0.5)
    config.data.tokenizer = f"x{folder}"
    config.model.num_layers, config.model.mixing_windows = 6, windows
    assert TrainConfig.from_dict(yaml.safe_load(config.to_yaml())) == config


def test_command_line_text_takes_the_type_of_its_setting():
    config = config_of(
        **{
            "optim.lr": "1e-4",
            "optim.betas": "0.8, 0.9",
            "optim.lr_polynomial": "null",
            "run.epochs": "3",
            "run.deterministic": "yes",
            "model.mixing_windows": "0,8",
            "model.num_layers": "2",
        }
    )
    assert config.optim.lr == 1e-4
    assert config.optim.betas == (0.8, 0.9)
    assert config.optim.lr_polynomial is None
    assert config.run.epochs == 3
    assert config.run.deterministic is True
    assert config.model.mixing_windows == [0, 8]


def test_yaml_reads_an_exponent_without_a_point_as_the_number_it_means():
    assert TrainConfig.from_dict(yaml.safe_load("optim: {lr: 1e-4}")).optim.lr == 1e-4


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("optim.lrr", 1, "unknown setting optim.lrr; did you mean optim.lr"),
        ("optimizer.lr", 1, "unknown setting optimizer; did you mean optim"),
        ("optim.lr", "fast", "optim.lr: 'fast' is not a number"),
        ("optim.lr", 0, "optim.lr: 0.0 must be above 0"),
        ("optim.lr", "nan", "optim.lr: nan must be above 0"),
        ("optim.betas", "0.9", "optim.betas: '0.9' must be 2 values"),
        ("optim.betas", "0.9,1", "must each be at least 0 and below 1"),
        ("optim.schedule", "cosin", "'cosin' is not a valid value; did you mean cosine"),
        ("run.epochs", "2.5", "run.epochs: '2.5' is not a whole number"),
        ("run.epochs", None, "run.epochs: 'None' is not a whole number"),
        ("run.deterministic", "maybe", "run.deterministic: 'maybe' is not a yes or no"),
        ("run.device", "gpu", "run.device: 'gpu' is not a valid value"),
        ("data.holdout", "1", "data.holdout: 1.0 must be at most 0.9"),
        ("data.holdout", "none", "data.holdout: 'none' is not a number, nor auto"),
        ("data.holdout", None, "data.holdout: 'None' is not a number, nor auto"),
        ("data.holdout", True, "data.holdout: 'True' is not a number, nor auto"),
        ("run.epochs", True, "run.epochs: 'True' is not a whole number"),
        ("run.out", ["a"], r"run.out: .* is not text"),
        ("run.out", False, "run.out: 'False' is not text"),
        ("model.pooling", "golden", "pooling='golden' is not known"),
        ("model.vocab_size", "7", "unknown setting model.vocab_size"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(key, value, message):
    with pytest.raises(InputError, match=message):
        config_of(**{key: value})


@pytest.mark.parametrize(("value", "meant"), [("auto", "auto"), ("0", 0.0), (0, 0.0), ("0.2", 0.2)])
def test_a_share_to_hold_out_may_be_chosen_or_left_to_the_run(value, meant):
    assert config_of(**{"data.holdout": value}).data.holdout == meant


def test_the_help_of_a_setting_is_that_of_a_run_not_of_the_model():
    texts = settings.help_texts(ModelConfig)
    assert texts["encoder"].startswith("Pretrained encoder in place of embeddings: ")
    assert texts["num_layers"]


def test_the_reference_behaviour_brings_the_settings_that_go_with_it():
    model = config_of(**{"model.behaviour": "reference", "model.hidden_size": "64"}).model
    theirs = JNRFConfig.reference()
    assert model.hidden_size == 64
    assert (model.positions, model.orthonormal) == (theirs.positions, theirs.orthonormal)
    assert model.mixing_windows == []


def test_a_section_that_is_no_mapping_is_named():
    with pytest.raises(InputError, match="optim must be settings"):
        TrainConfig.from_dict({"optim": 3})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("optim:\n  lr: [1\n", r"c.yaml, line 3: not valid YAML"),
        ("- 1\n", "c.yaml: holds no settings"),
    ],
)
def test_a_file_that_is_no_configuration_is_named_with_its_line(tmp_path, content, message):
    path = tmp_path / "c.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        settings.read_yaml(path)


def test_a_missing_configuration_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read settings from .*nothing\.yaml"):
        settings.read_yaml(tmp_path / "nothing.yaml")


def test_an_empty_file_means_the_defaults(tmp_path):
    (tmp_path / "c.yaml").write_text("")
    assert TrainConfig.from_dict(settings.read_yaml(tmp_path / "c.yaml")) == TrainConfig()


def test_dotted_keys_and_sections_are_two_ways_to_say_the_same():
    data = {"optim": {"lr": 1.0, "warmup": 0.0}, "run": {"seed": 1}}
    assert settings.merge({}, settings.flatten(data)) == data
