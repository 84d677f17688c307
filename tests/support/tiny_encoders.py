"""Transformers of a few numbers with random weights, and folders of them as the hub has them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from jnrf_ext.text.tokenizer import Tokenizer

KINDS = ("bert", "distilbert", "xlnet")
#: Wordpieces that a frame is made of.
CLS, SEP = "[CLS]", "[SEP]"


def configuration(kind: str, vocabulary: int = 60, width: int = 8, layers: int = 2, **settings):
    """A configuration of the ``transformers`` library."""
    import transformers

    if kind == "bert":
        sizes = {
            "hidden_size": width,
            "num_hidden_layers": layers,
            "num_attention_heads": 2,
            "intermediate_size": 2 * width,
            "max_position_embeddings": 64,
        }
        return transformers.BertConfig(vocab_size=vocabulary, **(sizes | settings))
    if kind == "distilbert":
        sizes = {"dim": width, "n_layers": layers, "n_heads": 2, "hidden_dim": 2 * width}
        sizes["max_position_embeddings"] = 64
        return transformers.DistilBertConfig(vocab_size=vocabulary, **(sizes | settings))
    sizes = {"d_model": width, "n_layer": layers, "n_head": 2, "d_inner": 2 * width}
    return transformers.XLNetConfig(vocab_size=vocabulary, **(sizes | settings))


def random_encoder(kind: str, **settings) -> nn.Module:
    """The library's model, the same weights every time, large enough that inputs matter."""
    import transformers

    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(configuration(kind, **settings)).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def plain(config) -> dict:
    """A configuration as `JNRFConfig.encoder` has it."""
    return {"model_type": config.model_type} | config.to_diff_dict()


def write_encoder(
    folder: Path, texts: Iterable[str], kind: str = "bert", vocabulary: int = 150, **settings
) -> Path:
    """A folder with weights and a tokenizer trained on ``texts`` that frames by [CLS] and [SEP]."""
    tokenizer = write_framing_tokenizer(folder, texts, vocabulary)
    import transformers

    torch.manual_seed(0)
    # Such that it can be trained, unlike `random_encoder`.
    made = configuration(kind, tokenizer.vocab_size, initializer_range=0.1, **settings)
    transformers.AutoModel.from_config(made).save_pretrained(folder)
    return folder


def write_framing_tokenizer(folder: Path, texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Write a tokenizer.json trained on ``texts`` that frames a text by [CLS] and [SEP]."""
    tokenizer = Tokenizer.train(texts, vocabulary)
    description = json.loads(tokenizer.to_json())
    ids = {name: tokenizer.id_of(name) for name in (CLS, SEP)}
    parts = [{"SpecialToken": {"id": CLS, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    parts.append({"SpecialToken": {"id": SEP, "type_id": 0}})
    description["post_processor"] = {
        "type": "TemplateProcessing",
        "single": parts,
        "pair": [*parts, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            name: {"id": name, "ids": [id], "tokens": [name]} for name, id in ids.items()
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(description), encoding="utf-8")
    return tokenizer
