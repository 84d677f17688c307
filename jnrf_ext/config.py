"""The settings that make a JNRF model, saved beside its weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from jnrf_ext.errors import InputError
from jnrf_ext.schema import OUTSIDE, Schema
from jnrf_ext.shown import shown

BEHAVIOURS = ("standard", "reference")
POOLINGS = ("union", "predicted", "gold")
POSITIONS = ("dyadic", "geometric", "none")
UNITS = ("wordpiece", "word", "token")
WORD_POOLINGS = ("first", "mean")
SEGMENTS = ("document", "sentence")
LAYER_KINDS = ("fourier", "lstm", "gru", "convolution")
TAG_SCHEMES = ("BIO", "IOBES")
RELATION_KINDS = ("polynomial", "pairs", "targets", "spans", "none")
_AT_LEAST_ONE = (
    "vocab_size",
    "embedding_size",
    "hidden_size",
    "expansion",
    "target_context",
    "relation_size",
    "encoder_window",
)
_DEPTHS = (
    "num_layers",
    "tag_task_layers",
    "relation_task_layers",
    "tag_layers",
    "relation_layers",
    "input_layers",
    "group_layers",
    "span_layers",
)
_AT_LEAST_ZERO = (
    *_DEPTHS,
    "character_size",
    "encoder_overlap",
    "phase_jitter",
    "label_embedding_size",
    "pair_distance",
    "mask_id",
)
_SHARES = (
    "encoder_dropout",
    "embedding_dropout",
    "layer_dropout",
    "head_dropout",
    "wordpiece_dropout",
    "label_smoothing",
)
#: Sizes are int32 in places; no network is this deep; corpora and their tags that are trained on.
_MOST, _MOST_LAYERS, _MOST_TASKS, _MOST_TAGS = 2**31 - 1, 1000, 64, 2000


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST


def _is_float(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (_is_int(value) or (isinstance(value, float) and math.isfinite(value)))


def _list_of(is_item: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(is_item, value))


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


#: Annotation of a setting -> what its values are, in words, and whether a value is one.
_KINDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "int": ("a whole number below 2^31", _is_int),
    "float": ("a finite number", _is_float),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "str": ("a name", lambda value: isinstance(value, str)),
    "dict": ("an object", _is_dict),
    "list[int]": ("a list of whole numbers", _list_of(_is_int)),
    "list[list[int]]": ("a list of lists of whole numbers", _list_of(_list_of(_is_int))),
    "list[dict]": ("a list of objects", _list_of(_is_dict)),
    "Schema": ("a schema", lambda value: isinstance(value, Schema)),
}


@dataclass
class JNRFConfig:
    """Parts, sizes, behaviour and labels of a :class:`jnrf_ext.JNRF` (arXiv 2302.04185, section 3).

    A model is inputs (wordpiece embeddings or a pretrained encoder, characters), layers shared by
    both tasks, layers of each task's own, a head for tags and one for relations. The defaults are
    the `standard` behaviour with the sizes and choices that did best on our corpora
    (docs/results.md); :meth:`reference` gives the paper's sizes and the authors' way of computing:
    whitespace words as units, one relation a head, I- words dropped.
    """

    #: Wordpieces of the tokenizer.
    vocab_size: int = 30_522
    #: Numbers of a wordpiece embedding.
    embedding_size: int = 384
    #: Configuration of the pretrained encoder in place of embeddings, as `transformers` has it.
    encoder: dict | None = None
    #: Special tokens before and after each of the encoder's windows.
    encoder_frame: list[list[int]] = field(default_factory=lambda: [[], []])
    #: Longest window of the encoder, in wordpieces, special tokens included.
    encoder_window: int = 256
    #: Wordpieces that neighbouring windows share at least.
    encoder_overlap: int = 32
    #: Dropout in the encoder; null is the encoder's own. Attention weights have none.
    encoder_dropout: float | None = None
    #: Keep the encoder as it was pretrained.
    freeze_encoder: bool = False
    #: What layers and heads work on: each wordpiece; each word, a run of letters and digits, one
    #: letter of a script without spaces or one other character; or each token between white space.
    units: str = "wordpiece"
    #: A word's row from its wordpieces: that of the first, or their mean.
    word_pooling: str = "first"
    #: What recurrent layers, CRF and the encoder's windows never go beyond: document or sentence.
    segments: str = "document"
    #: Width of a recurrent layer over each word's characters, and its casing; 0 is none.
    character_size: int = 0
    #: Linear-CELU steps on the inputs; 0 is a linear layer alone, and none where sizes are equal.
    input_layers: int = 1
    #: Width of the Fourier layers and of what they feed; even.
    hidden_size: int = 256
    #: Layers shared by both tasks.
    num_layers: int = 6
    #: fourier, bidirectional lstm or gru, or convolution (gated, of three rows each).
    layer_kind: str = "fourier"
    #: Further layers before the tags alone.
    tag_task_layers: int = 0
    #: Further layers before the relations alone.
    relation_task_layers: int = 0
    #: Inputs and shared layers once more for the relations, so that the tasks share nothing.
    separate_inputs: bool = False
    #: Width of their feed-forward parts, in hidden sizes.
    expansion: int = 3
    #: One set of weights for all Fourier layers, as the paper's text says; its code has six.
    share_layers: bool = False
    #: Linear-CELU steps of the multi-layer perceptron before the tags; 0 is none of it.
    tag_layers: int = 3
    #: A linear-chain conditional random field over the tags of each segment.
    crf: bool = False
    #: Tags that the tag head works in, BIO or IOBES.
    tag_scheme: str = "BIO"
    #: Relations: polynomial (of the distance, the paper's), pairs (of mentions, Crone 2020), spans
    #: (pairs of mentions and what is between them), targets (a tagger for each mention in turn, Wei
    #: et al. 2020), or none.
    relation_kind: str = "polynomial"
    #: Linear-CELU steps of the one before the relations.
    relation_layers: int = 3
    #: Projection of a token for each relation class; null is the hidden size, as in the paper.
    relation_size: int | None = 64
    #: Mixing window of each layer in tokens, 0 for the whole document; none given is the paper's
    #: way, whole documents throughout. Small windows give a tag its neighbours.
    mixing_windows: list[int] = field(default_factory=lambda: [2, 2, 4, 4, 8, 0])
    #: Gated Fourier mixing of whole documents after the shared layers, where these are not Fourier.
    document_mixing: bool = False
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
    #: Size of an embedding of each mention's type beside its row, for relations between pairs.
    label_embedding_size: int = 25
    #: Least probability of a relation between a pair.
    pair_threshold: float = 0.9
    #: Rows between the mentions of a pair at most; null is no limit.
    pair_distance: int | None = None
    #: Layers of this kind over rows marked with the mentions they are in, before spans are related.
    span_layers: int = 1
    #: Rows before and after a target that may belong to it.
    target_context: int = 64
    #: Added to the score of "none" when relations are decoded: above 0 favours precision.
    none_bias: float = 0.0
    #: standard, or reference: units, decoding and loss of the authors' code.
    behaviour: str = "standard"
    #: Uppermost layers of the encoder that each group of corpora has of its own, where several
    #: corpora are trained on.
    group_layers: int = 0
    #: Further corpora with tags of their own, in training: {"tags": [...], "group": number} each;
    #: group 0 is that of the main corpus.
    auxiliary: list[dict] = field(default_factory=list)
    #: Wordpiece id that stands for a replaced one.
    mask_id: int = 0
    schema: Schema = field(default_factory=lambda: Schema(["O"], ["none"]))

    def __post_init__(self) -> None:
        self._check_kinds()
        choices = {
            "behaviour": BEHAVIOURS,
            "pooling": POOLINGS,
            "positions": POSITIONS,
            "units": UNITS,
            "word_pooling": WORD_POOLINGS,
            "segments": SEGMENTS,
            "layer_kind": LAYER_KINDS,
            "tag_scheme": TAG_SCHEMES,
            "relation_kind": RELATION_KINDS,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"model setting {name}={shown(repr(getattr(self, name)))} is not known; "
                    f"use one of {', '.join(allowed)}"
                )
        for least, names in ((1, _AT_LEAST_ONE), (0, _AT_LEAST_ZERO)):
            for name in names:
                value = getattr(self, name)
                if value is not None and value < least:
                    raise InputError(f"model setting {name}={value} must be at least {least}")
        for name in _DEPTHS:
            if getattr(self, name) > _MOST_LAYERS:
                raise InputError(
                    f"model setting {name}={getattr(self, name)} must be at most {_MOST_LAYERS}"
                )
        for name in _SHARES:
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InputError(f"model setting {name}={value} must be from 0 to 1")
        if self.distance_unit <= 0:
            raise InputError(f"model setting distance_unit={self.distance_unit} must be above 0")
        if not 0 < self.selection_room <= 1:
            raise InputError(
                f"model setting selection_room={self.selection_room} must be above 0 and at most 1"
            )
        if self.hidden_size % 2:
            raise InputError(
                f"model setting hidden_size={self.hidden_size} must be even: "
                "sine and cosine positions come in pairs"
            )
        fourier = self.layer_kind == "fourier"
        if fourier and self.mixing_windows and len(self.mixing_windows) != self.num_layers:
            raise InputError(
                f"model setting mixing_windows has {len(self.mixing_windows)} entries for "
                f"{self.num_layers} layers; give one a layer (0 mixes the whole document), or none"
            )
        if any(window < 0 for window in self.mixing_windows):
            raise InputError("model setting mixing_windows must be at least 0 each")
        if len(self.encoder_frame) != 2:
            raise InputError("model setting encoder_frame must be two lists of wordpiece ids")
        self.schema.check()
        self._check_auxiliary()
        if self.tag_scheme != "BIO":
            for tags in (self.schema.tags, *(task["tags"] for task in self.auxiliary)):
                _check_both_tags(tags, self.tag_scheme)

    def _check_kinds(self) -> None:
        for setting in dataclasses.fields(self):
            value = getattr(self, setting.name)
            kind, _, optional = setting.type.partition(" | ")
            what, is_one = _KINDS[kind]
            if not (value is None and optional) and not is_one(value):
                raise InputError(
                    f"model setting {setting.name}={shown(repr(value))} must be {what}"
                )

    def _check_auxiliary(self) -> None:
        if len(self.auxiliary) > _MOST_TASKS:
            raise InputError(f"model setting auxiliary has more than {_MOST_TASKS} corpora")
        for task in self.auxiliary:
            group = task.get("group")
            if not isinstance(task.get("tags"), list) or not _is_int(group) or group < 0:
                raise InputError('model setting auxiliary must be {"tags": [...], "group": number}')
            Schema(task["tags"], ["none"]).check()
        if sum(len(task["tags"]) for task in self.auxiliary) > _MOST_TAGS:
            raise InputError(f"model setting auxiliary has more than {_MOST_TAGS} tags")

    @classmethod
    def reference(cls, **settings) -> JNRFConfig:
        """The paper's sizes, and the settings that compute what the authors' code computes."""
        theirs: dict[str, Any] = {
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
        if not isinstance(data, dict):
            raise InputError("config.json must be an object of settings")
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(set(data) - known - {"architectures", "model_type", "jnrf_version"})
        if unknown:
            names = map(shown, unknown[:5])
            raise InputError(
                f"config.json has settings this version does not know ({', '.join(names)}); "
                "it was written by a newer jnrf_ext: install that one"
            )
        values = {key: value for key, value in data.items() if key in known}
        return cls(**(values | {"schema": Schema.from_dict(data.get("schema", {}))}))


def _check_both_tags(tags: list[str], scheme: str) -> None:
    """Schemes that tell more apart are spelt from the B- and the I- of each type."""
    for kind in {tag[2:] for tag in tags if tag != OUTSIDE}:
        if not {f"B-{kind}", f"I-{kind}"} <= set(tags):
            raise InputError(f"schema: tag_scheme={scheme} needs B- and I- of {shown(kind)!r}")
