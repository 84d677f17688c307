"""Families of the transformers library: which of them read text here, and why others do not.

A family is the library's ``model_type``. What is taken of an encoder-decoder is its encoder.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from jnrf_ext.errors import InputError
from jnrf_ext.shown import shown

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: Lists of the library's models for which text is tokens: what they are all made of reads text.
_TEXT_MODELS = (
    "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES",
    "MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES",
    "MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES",
)
#: Families with an encoder of text that those lists lack.
_MORE_TEXT_MODELS = frozenset(
    {
        *("bert-generation", "blenderbot", "blenderbot-small", "longt5", "m2m_100", "marian"),
        *("pegasus", "pegasus_x", "plbart", "switch_transformers"),
    }
)
_BOXES = "it needs the place of each word on a page beside the text"
_IMAGES = "it reads images or sound beside text"
_CHARACTERS = "it reads characters or bytes, not wordpieces"
_PROTEINS = "it reads proteins"
_UNTRIED = "a decoder of this kind has never been tried here"
#: Families that those lists have and that cannot be used, and why.
REFUSED = {
    **dict.fromkeys(("bros", "layoutlm", "layoutlmv2", "layoutlmv3", "lilt"), _BOXES),
    "markuplm": "it needs the tags of a web page beside the text",
    "tapas": "it needs the rows and columns of a table beside the text",
    **dict.fromkeys(("emu3", "llama4", "lxmert", "mllama", "modernvbert", "neomme"), _IMAGES),
    **dict.fromkeys(("qwen3_5", "qwen3_asr", "t5gemma2", "ultravbert"), _IMAGES),
    **dict.fromkeys(("canine", "perceiver"), _CHARACTERS),
    **dict.fromkeys(("esm", "esmc"), _PROTEINS),
    "reformer": "it reads texts of the one length that it was trained with",
    "nystromformer": "it reads windows of one length only",
    "mra": "its attention is a CUDA kernel of the hub, and nothing without it",
    **dict.fromkeys(("axk1", "axk2", "deepseek_v3", "mistral4", "qwen3_next"), _UNTRIED),
}
#: Families whose output at a wordpiece depends on how much padding follows: convolutions, say, go
#: over it. Only windows of one length go through them together.
PADDING_COUNTS = frozenset(
    {
        *("big_bird", "bigbird_pegasus", "convbert", "fnet", "funnel", "mobilebert"),
        "yoso",
    }
)
#: Families whose positions are distances between wordpieces, so that no window is too long.
_DISTANCES = frozenset({"funnel", "xlnet"})


def load_transformers():
    """The library, which is loaded only where an encoder is used."""
    try:
        import transformers
    except ImportError:
        raise InputError(
            "this model has a pretrained encoder, which needs the transformers library; "
            "pip install 'jnrf_ext[encoders]' (or pip install transformers)"
        ) from None
    return transformers


def text_families() -> set[str]:
    """The families of the installed library that can be encoders here."""
    from transformers.models.auto import modeling_auto

    listed = {kind for names in _TEXT_MODELS for kind in getattr(modeling_auto, names, ())}
    more = _MORE_TEXT_MODELS & set(modeling_auto.MODEL_MAPPING_NAMES)
    return (listed | more) - set(REFUSED)


def refusal(kind: str) -> str | None:
    """Why a family that the library has cannot be an encoder here; None where it can."""
    from transformers.models.auto import modeling_auto

    if kind in REFUSED:
        return REFUSED[kind]
    if kind in text_families():
        return None
    if kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return "it reads from left to right only, and the library tags no text with it"
    return "the library has it for other things than text alone"


def check_family(kind: object, where: str) -> str:
    """The family that ``kind`` names; :class:`InputError` where it cannot be an encoder here.

    ``kind`` is what a configuration gives as its ``model_type``, and ``where`` whose it is.
    """
    from transformers.models.auto import modeling_auto

    if not isinstance(kind, str) or kind not in modeling_auto.MODEL_MAPPING_NAMES:
        raise InputError(
            f"{where} is unknown to the installed transformers (model_type {shown(repr(kind))}); "
            "pip install -U transformers, or give an encoder that it knows"
        )
    why = refusal(kind)
    if why is not None:
        raise InputError(
            f"{where} is a {shown(kind)}, no encoder of text: {why}; give one of another family, "
            "such as bert, roberta or modernbert"
        )
    return kind


def reads_left_to_right(config) -> bool:
    """Whether a wordpiece sees only those before it, by a configuration of the library.

    So do models made to continue a text, which can be used here but know less of each word.
    """
    from transformers.models.auto import modeling_auto

    kind = config.model_type
    masked = {n for names in _TEXT_MODELS[:1] for n in getattr(modeling_auto, names, ())}
    if getattr(config, "is_decoder", False) or kind in ("clip_text_model", "molmo2_text"):
        return True
    bidirectional = kind in masked or kind in _BOTH_WAYS or _has_decoder(config)
    return not bidirectional and kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


#: Families that read both ways although the library lists them for continuing a text too.
_BOTH_WAYS = frozenset({"bert-generation", "openai_privacy_filter", "xlnet"})


def build_encoder(config) -> nn.Module:
    """An encoder of a configuration of the library, with new weights, in float32."""
    config = with_short_decoder(config)
    if config.architectures is None:  # which the library goes through where a family has several
        config.architectures = []
    model = load_transformers().AutoModel.from_config(
        config, dtype=torch.float32, trust_remote_code=False
    )
    return only_encoder(model)


def only_encoder(model: PreTrainedModel) -> nn.Module:
    """The encoder of an encoder-decoder; any other model as it is."""
    return model.get_encoder() if _has_decoder(model.config) else model


def _has_decoder(config) -> bool:
    """Whether models of a configuration have a decoder beside the encoder.

    The family says it: a checkpoint of the encoder alone says of itself that it has none.
    """
    families = load_transformers().models.auto.configuration_auto.CONFIG_MAPPING
    if config.model_type not in families:  # of one half
        return False
    return bool(getattr(families[config.model_type](), "is_encoder_decoder", False))


def with_short_decoder(config):
    """The configuration with a decoder as small as can be: it is built, and then thrown away."""
    if not _has_decoder(config):
        return config
    config = copy.deepcopy(config)
    for name in ("decoder_layers", "num_decoder_layers"):
        if name in vars(config):
            setattr(config, name, 1)
    for name in ("decoder_ffn_dim", "decoder_attention_heads"):
        if name in vars(config):
            setattr(config, name, getattr(config, name.replace("decoder", "encoder")))
    inner = vars(config).get("decoder")
    if getattr(inner, "num_hidden_layers", 0):
        inner.num_hidden_layers = 1
        if getattr(inner, "layer_types", None):
            inner.layer_types = inner.layer_types[:1]
    return config


def most_positions(model: PreTrainedModel) -> int:
    """The longest window, in wordpieces, that an encoder can read; 0 where it knows no limit."""
    config = model.config
    if config.model_type in _DISTANCES or not getattr(config, "position_biased_input", True):
        return 0
    most = 0
    for name in ("max_position_embeddings", "max_encoder_position_embeddings", "max_seq_len"):
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            most = value
            break
    for name, module in model.named_modules():
        # RoBERTa and its kin count positions from behind that of padding.
        padding = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            most -= padding + 1
    return max(most, 0)
