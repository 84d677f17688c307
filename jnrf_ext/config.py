"""The settings that make a JNRF model, saved beside its weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from jnrf_ext.errors import InputError
from jnrf_ext.schema import Schema

BEHAVIOURS = ("standard", "reference")
POOLINGS = ("union", "predicted", "gold")
POSITIONS = ("dyadic", "geometric")


@dataclass
class JNRFConfig:
    """Sizes, behaviour and labels of a :class:`jnrf_ext.JNRF` (arXiv 2302.04185, section 3).

    The defaults are the `standard` behaviour with the sizes and choices that did best on our
    corpora (docs/results.md); :meth:`reference` gives the paper's sizes and the authors' way of
    computing: whitespace words as units, one relation a head, I- words dropped.
    """

    #: Wordpieces of the tokenizer.
    vocab_size: int = 30_522
    #: Numbers of a wordpiece embedding.
    embedding_size: int = 384
    #: Width of the Fourier layers and of what they feed; even.
    hidden_size: int = 256
    #: Fourier layers.
    num_layers: int = 6
    #: Width of their feed-forward parts, in hidden sizes.
    expansion: int = 3
    #: One set of weights for all Fourier layers, as the paper's text says; its code has six.
    share_layers: bool = False
    #: Linear-CELU steps of the multi-layer perceptron before the tags.
    tag_layers: int = 3
    #: Linear-CELU steps of the one before the relations.
    relation_layers: int = 3
    #: Projection of a token for each relation class; null is the hidden size, as in the paper.
    relation_size: int | None = 64
    #: Mixing window of each layer in tokens, 0 for the whole document; none given is the paper's
    #: way, whole documents throughout. Small windows give a tag its neighbours.
    mixing_windows: list[int] = field(default_factory=lambda: [2, 2, 4, 4, 8, 0])
    #: Factor on the Fourier term beside the residual; 1 in the paper.
    fourier_scale: float = 1.0
    #: Divide the Fourier term by sqrt(N H), so that it is of the size of the residual beside it.
    orthonormal: bool = True
    #: Wavelengths of the fixed positions: geometric as in the paper, or dyadic (2, 4, ... 4096).
    positions: str = "dyadic"
    #: Size of the positions beside the embeddings.
    position_scale: float = 0.5
    #: Shift windows and positions of each document by a random offset below this, in training.
    phase_jitter: int = 64
    #: Factor on the wordpiece embeddings; `load_embeddings` sets it to bring them to unit size.
    embedding_scale: float = 1.0
    #: A learnt embedding of each wordpiece's casing and of the space or line break before it,
    #: which uncased vocabularies lose.
    use_surface: bool = True
    #: Keep the wordpiece embeddings as they were pretrained.
    freeze_embeddings: bool = True
    #: Dropout after the sum of embeddings and positions.
    embedding_dropout: float = 0.1
    #: Dropout after the Fourier layers' feed-forward parts.
    layer_dropout: float = 0.15
    #: Dropout in the multi-layer perceptrons before tags and relations.
    head_dropout: float = 0.15
    #: Share of wordpieces replaced by [MASK] in training ([UNK] where there is no [MASK]).
    wordpiece_dropout: float = 0.1
    #: Share of the tag targets spread over all tags.
    label_smoothing: float = 0.0
    #: Which tokens the relation head sees in training: those tagged in gold, predicted, or both.
    pooling: str = "union"
    #: Room for the selected tokens in training off the CPU, where shapes must not depend on values:
    #: this share of the batch's tokens, at least 256. What finds none is left out of the relation
    #: loss and counted. On a CPU, and in prediction, there is room for all.
    selection_room: float = 0.25
    #: The unit of distance in which the polynomial's coefficients are trained, in wordpieces.
    distance_unit: float = 50.0
    #: Start of the polynomial's alpha for related classes, in that unit; that of "none" is 0.
    alpha_start: float = -10.0
    #: Start of the polynomial's gamma for "none"; that of the other classes is 0.
    none_start: float = 2.0
    #: Weight of the relation loss beside the tag loss.
    relation_weight: float = 0.15
    #: Weight of a related pair beside an unrelated one in the relation loss.
    related_weight: float = 1.5
    #: Added to the score of "none" when relations are decoded: above 0 favours precision.
    none_bias: float = 0.0
    #: standard, or reference: units, decoding and loss of the authors' code.
    behaviour: str = "standard"
    #: Wordpiece id that stands for a replaced one.
    mask_id: int = 0
    schema: Schema = field(default_factory=lambda: Schema(["O"], ["none"]))

    def __post_init__(self) -> None:
        choices = {"behaviour": BEHAVIOURS, "pooling": POOLINGS, "positions": POSITIONS}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"model setting {name}={getattr(self, name)!r} is not known; "
                    f"use one of {', '.join(allowed)}"
                )
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers", "expansion"):
            if getattr(self, name) < 1:
                raise InputError(f"model setting {name}={getattr(self, name)} must be at least 1")
        if not 0 < self.selection_room <= 1:
            raise InputError(
                f"model setting selection_room={self.selection_room} must be above 0 and at most 1"
            )
        if self.hidden_size % 2:
            raise InputError(
                f"model setting hidden_size={self.hidden_size} must be even: "
                "sine and cosine positions come in pairs"
            )
        if self.mixing_windows and len(self.mixing_windows) != self.num_layers:
            raise InputError(
                f"model setting mixing_windows has {len(self.mixing_windows)} entries for "
                f"{self.num_layers} layers; give one a layer (0 mixes the whole document), or none"
            )

    @classmethod
    def reference(cls, **settings) -> JNRFConfig:
        """The paper's sizes, and the settings that compute what the authors' code computes."""
        theirs = {
            "vocab_size": 28_996,
            "embedding_size": 768,
            "hidden_size": 768,
            "relation_size": None,
            "mixing_windows": [],
            "use_surface": False,
            "embedding_dropout": 0.0,
            "layer_dropout": 0.0,
            "wordpiece_dropout": 0.0,
            "related_weight": 1.0,
            "head_dropout": 0.0,
            "orthonormal": False,
            "positions": "geometric",
            "position_scale": 1.0,
            "phase_jitter": 0,
            "pooling": "predicted",
            "distance_unit": 1.0,
            "relation_weight": 1.0,
            "behaviour": "reference",
        }
        return cls(**(theirs | settings))

    def to_dict(self) -> dict:
        """Plain JSON types; :meth:`from_dict` is the inverse."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return values | {"schema": self.schema.to_dict()}

    @classmethod
    def from_dict(cls, data: dict) -> JNRFConfig:
        """Inverse of :meth:`to_dict`; a key this version does not know is an error."""
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(set(data) - known - {"architectures", "model_type", "jnrf_version"})
        if unknown:
            raise InputError(
                f"config.json has settings this version does not know ({', '.join(unknown)}); "
                "it was written by a newer jnrf_ext: upgrade with pip install -U jnrf_ext"
            )
        values = {key: value for key, value in data.items() if key in known}
        return cls(**(values | {"schema": Schema.from_dict(data["schema"])}))
