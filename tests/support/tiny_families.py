"""Configurations of a few numbers for every family of the transformers library that reads text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from tiny_encoders import write_framing_tokenizer
from torch import nn

#: Wordpieces of every tiny encoder, and its longest window where positions are counted.
VOCABULARY, POSITIONS = 60, 64
#: Sizes by the library's names, for the families that have them.
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "embedding_size": 8,
    "intermediate_size": 24,
    "moe_intermediate_size": 8,
    "num_hidden_layers": 2,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": POSITIONS,
    "max_seq_len": POSITIONS,
    "d_ff": 24,
    "d_kv": 8,
    "ffn_dim": 24,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "n_inner": 24,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
}
#: Names of those that a family does not take, and settings of its own.
_SPECIAL: dict[str, tuple[set[str], dict]] = {
    "big_bird": (set(), {"block_size": 4, "num_random_blocks": 1}),
    "bigbird_pegasus": (set(), {"block_size": 4, "num_random_blocks": 1}),
    "albert": (set(), {"num_hidden_groups": 1}),
    "deberta-v2": (set(), {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
    "distilbert": (set(), {"hidden_dim": 24}),
    "falcon": ({"head_dim"}, {}),
    "flaubert": (set(), {"pad_token_id": 0}),
    "funnel": (
        {"num_hidden_layers"},
        {"block_sizes": [1, 1], "block_repeats": [1, 1], "d_head": 8, "d_inner": 24},
    ),
    "gpt_neo": (
        {"num_layers", "num_hidden_layers"},
        {"num_layers": 2, "attention_types": [[["global", "local"], 1]], "window_size": 8},
    ),
    "gptj": (set(), {"rotary_dim": 4}),
    "led": (
        set(),
        {
            "attention_window": 8,
            "max_encoder_position_embeddings": POSITIONS,
            "max_decoder_position_embeddings": POSITIONS,
        },
    ),
    "longformer": (set(), {"attention_window": 8}),
    "luke": (set(), {"entity_vocab_size": 8, "entity_emb_size": 8}),
    "mobilebert": (
        set(),
        {"true_hidden_size": 16, "intra_bottleneck_size": 16, "embedding_size": 8},
    ),
    "modernbert": (set(), {"num_hidden_layers": 3, "local_attention": 8}),
    "nemotron": (set(), {"head_dim": 8, "num_key_value_heads": 2}),
    "ministral": (set(), {"head_dim": 8}),
    "rembert": (set(), {"input_embedding_size": 8, "output_embedding_size": 8}),
    "roc_bert": (
        set(),
        {
            "shape_vocab_size": 8,
            "pronunciation_vocab_size": 8,
            "shape_embed_dim": 8,
            "pronunciation_embed_dim": 8,
        },
    ),
    "squeezebert": (set(), {"embedding_size": 16}),
    "xlm": (set(), {"pad_index": 0}),
    "xlnet": ({"max_position_embeddings"}, {"d_inner": 24}),
    "xmod": (set(), {"languages": ["en_XX"], "default_language": "en_XX"}),
}
_SPECIAL_TOKENS = ("pad", "bos", "eos", "cls", "sep", "mask", "decoder_start", "unk")


def tiny_config(kind: str):
    """A configuration of the ``transformers`` library, as small as its family can be."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    made = CONFIG_MAPPING[kind]
    if kind == "t5gemma":
        return _tiny_t5gemma(made)
    without, own = _SPECIAL.get(kind, (set(), {}))
    defaults = made()
    settings = {
        made.attribute_map.get(name, name): size
        for name, size in _SIZES.items()
        if name not in without and isinstance(getattr(defaults, name, None), int)
    }
    for name in (f"{token}_token_id" for token in _SPECIAL_TOKENS):
        if isinstance(value := getattr(defaults, name, None), int) and value >= VOCABULARY:
            settings[name] = 0 if name.startswith("pad") else 1
    return made(**(settings | own))


def _tiny_t5gemma(made):
    """A family whose encoder and decoder are configurations of their own."""
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "head_dim")
    names += ("num_attention_heads", "num_key_value_heads", "max_position_embeddings")
    part = {name: _SIZES[name] for name in names}
    return made(encoder=dict(part), decoder=dict(part), vocab_size=VOCABULARY)


def write_family(folder: Path, kind: str, texts: Iterable[str]) -> Path:
    """A folder of a family as the library saves it, random weights, and a tokenizer of ``texts``.

    The tokenizer puts [CLS] and [SEP] around a text, whatever the family's own does.
    """
    import transformers

    config = tiny_config(kind)
    config.architectures = config.architectures or []
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(config, dtype=torch.float32)
    for parameter in model.parameters():
        if parameter.requires_grad:  # large enough that inputs matter
            nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    write_framing_tokenizer(folder, texts, VOCABULARY)
    return folder
