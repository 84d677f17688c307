"""The settings that make a JNRF model, saved beside its weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from jnrf_ext.errors import InputError
from jnrf_ext.schema import Schema

BEHAVIOURS = ("standard", "reference")
POOLINGS = ("union", "predicted", "gold")


@dataclass
class JNRFConfig:
    """Sizes, behaviour and labels of a :class:`jnrf_ext.JNRF` (arXiv 2302.04185, section 3).

    The defaults are the paper's sizes and the `standard` behaviour with the training recipe that
    did best on our corpora (docs/results.md). ``behaviour="reference"`` follows the authors'
    code instead: whitespace words as units, one relation a head, I- words dropped.
    """

    vocab_size: int = 28_996
    embedding_size: int = 768
    hidden_size: int = 768
    num_layers: int = 6
    expansion: int = 3
    #: One set of weights for all Fourier layers, as the paper's text says; its code has six.
    share_layers: bool = False
    #: Linear-CELU steps before the output of the tag and the relation multi-layer perceptron.
    tag_layers: int = 3
    relation_layers: int = 3
    #: Projection of a token for each relation class; None is the hidden size, as in the paper.
    relation_size: int | None = None
    #: Mixing window of each layer in tokens; 0 mixes the whole document, as in the paper.
    mixing_windows: list[int] = field(default_factory=list)
    #: Factor on the Fourier term beside the residual; 1 in the paper.
    fourier_scale: float = 1.0
    #: A learnt embedding of the casing of each wordpiece, for uncased vocabularies.
    use_shapes: bool = False
    freeze_embeddings: bool = True
    embedding_dropout: float = 0.0
    layer_dropout: float = 0.0
    head_dropout: float = 0.0
    #: Share of wordpieces replaced by [UNK] in training.
    wordpiece_dropout: float = 0.0
    label_smoothing: float = 0.0
    #: Which tokens the relation head sees in training: those tagged in gold, predicted, or both.
    pooling: str = "union"
    #: Weight of the relation loss beside the tag loss.
    relation_weight: float = 1.0
    #: Weight of a related pair beside an unrelated one in the relation loss.
    related_weight: float = 1.0
    #: Added to the score of "none" when relations are decoded: above 0 favours precision.
    none_bias: float = 0.0
    behaviour: str = "standard"
    #: Wordpiece id that stands for an unknown word.
    unknown_id: int = 0
    schema: Schema = field(default_factory=lambda: Schema(["O"], ["none"]))

    def __post_init__(self) -> None:
        for name, allowed in (("behaviour", BEHAVIOURS), ("pooling", POOLINGS)):
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"model setting {name}={getattr(self, name)!r} is not known; "
                    f"use one of {', '.join(allowed)}"
                )
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_layers", "expansion"):
            if getattr(self, name) < 1:
                raise InputError(f"model setting {name}={getattr(self, name)} must be at least 1")
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
