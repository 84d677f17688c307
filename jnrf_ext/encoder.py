"""Pretrained transformers over whole documents, by overlapping windows.

Any encoder of the ``transformers`` library will do: BERT, DistilBERT, XLNet and others, from a
Hugging Face folder, the hub or an installed package of weights, or with random weights from a
configuration alone. The library's modules are used as they are, but for dropout, which is ours
(with none on attention weights, but in XLNet, where it is one module with the others), and for
attention in training on a CPU (`jnrf_ext.attention`).
"""

from __future__ import annotations

import logging
import re
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from jnrf_ext.attention import FastAttention
from jnrf_ext.errors import InputError
from jnrf_ext.installed import find_in_package
from jnrf_ext.layers import Dropout
from jnrf_ext.shown import reason_of, shown
from jnrf_ext.tokenizer import Tokenizer
from jnrf_ext.windows import cut_windows

#: Wordpieces that go through the encoder at once in prediction; in training all do.
_MOST_TOKENS = 16_384
#: What many encoders have beside their layers: heads for whole windows, of no use here.
_POOLERS = ("pooler", "pooling_layer")
#: Settings of a configuration that name code or files to fetch, or change what a forward returns.
#: They are left out wherever they stand: a configuration may come from anyone.
_LEFT_OUT = {
    *("auto_map", "custom_pipelines", "trust_remote_code", "quantization_config"),
    *("attn_implementation", "experts_implementation", "use_kernels"),
    *("backbone", "backbone_kwargs", "use_timm_backbone", "use_pretrained_backbone"),
    *("name_or_path", "adapter", "per_layer_config"),
    *("return_dict", "use_return_dict", "output_attentions", "output_hidden_states", "torchscript"),
    *("num_labels", "id2label", "label2id", "problem_type", "dtype", "torch_dtype"),
}
#: Whole numbers of a configuration at most, and where they count layers or the like.
_MOST, _MOST_LAYERS = 2**31 - 1, 1000
_COUNTS_LAYERS = re.compile(r"layer|depth|block|experts|stages|_labels|cross")
#: Lists of the library's models for which text is tokens: what they are all made of reads text.
_TEXT_MODELS = (
    "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES",
    "MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES",
    "MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES",
)


def _transformers():
    """The library, which is loaded only where an encoder is used."""
    try:
        import transformers
    except ImportError:
        raise InputError(
            "this model has a pretrained encoder, which needs the transformers library; "
            "pip install 'jnrf_ext[encoders]' (or pip install transformers)"
        ) from None
    return transformers


def find_encoder(source: str) -> str:
    """What ``transformers`` is to load: a folder, the folder in an installed package, or a hub id.

    Raises :class:`InputError` where ``source`` is neither.
    """
    path = Path(source)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(
                f"model.encoder: {source} has no config.json; give an encoder's folder"
            )
        return str(path)
    if path.suffix == ".json" and path.is_file():
        return str(path)
    if "/" in source:
        if source.count("/") == 1 and not source.startswith((".", "~", "/")):
            return source
        raise InputError(f"model.encoder: no folder {source}; check the path")
    return str(find_in_package(source, "config.json").parent)


def load_encoder(source: str, random: bool = False) -> tuple[dict, nn.Module]:
    """An encoder's configuration, as plain JSON types, and the encoder with its weights.

    ``source`` is a Hugging Face folder or hub id, an installed package of weights, or a
    ``config.json`` alone, whose weights are random, as all are with ``random``.
    Raises :class:`InputError` for what cannot be loaded.
    """
    transformers = _transformers()
    found = find_encoder(source)
    plain, config = read_encoder_config(source)
    # What the checkpoint has beside the encoder (a pooler, a language model's head) is of no use
    # here, which the library would tell at length.
    logger = logging.getLogger("transformers")
    level, bars = logger.level, transformers.utils.logging.is_progress_bar_enabled()
    logger.setLevel(logging.ERROR)
    transformers.utils.logging.disable_progress_bar()
    missing: list[str] = []
    try:
        if random or found.endswith(".json"):
            model = transformers.AutoModel.from_config(
                config, dtype=torch.float32, trust_remote_code=False
            )
        else:
            model, said = transformers.AutoModel.from_pretrained(
                found,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                trust_remote_code=False,
                use_safetensors=True,  # never pickle
            )
            missing = [n for n in said["missing_keys"] if n.split(".")[0] not in _POOLERS]
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = reason_of(error)
        raise InputError(f"model.encoder: {source} cannot be loaded ({reason})") from error
    finally:
        logger.setLevel(level)
        if bars:
            transformers.utils.logging.enable_progress_bar()
    if missing:  # the library would start them at random
        raise InputError(
            f"model.encoder: {source} has no weights for {', '.join(sorted(missing)[:3])}"
            f"{' ...' * (len(missing) > 3)}; copy it again, or set model.encoder_random"
        )
    return plain, model


def read_encoder_config(source: str) -> tuple[dict, object]:
    """An encoder's configuration as plain JSON types, and as transformers has it."""
    transformers = _transformers()
    try:
        config = transformers.AutoConfig.from_pretrained(
            find_encoder(source), trust_remote_code=False
        )
    except InputError:
        raise
    except Exception as error:  # whatever the library raises
        reason = reason_of(error)
        raise InputError(f"model.encoder: {source} cannot be read ({reason})") from error
    plain = {"model_type": config.model_type} | config.to_diff_dict()
    if config.model_type not in _text_models():
        raise InputError(f"model.encoder: {source} is a {config.model_type}, no encoder of text")
    return _harmless(plain), config


def _text_models() -> set[str]:
    """The kinds of models that the library itself has for text."""
    from transformers.models.auto import modeling_auto

    return {kind for names in _TEXT_MODELS for kind in getattr(modeling_auto, names, ())}


def _harmless(settings: dict) -> dict:
    """A configuration without what may fetch or run something; its numbers checked.

    Raises :class:`InputError` for numbers that no encoder has.
    """
    kept = {}
    for name, value in settings.items():
        if name.startswith("_") or name in _LEFT_OUT:
            continue
        if isinstance(value, dict):
            value = _harmless(value)
        most = _MOST_LAYERS if _COUNTS_LAYERS.search(name) else _MOST
        if isinstance(value, int) and not -1 <= value <= most:
            raise InputError(f"config.json: its encoder's {shown(name)}={shown(value)}")
        kept[name] = value
    return kept


def load_tokenizer(source: str) -> Tokenizer:
    """The tokenizer of an encoder: its ``tokenizer.json``, or what transformers makes of its files.

    Raises :class:`InputError` where it has none that can be used here.
    """
    found = find_encoder(source)
    if (Path(found) / "tokenizer.json").is_file():
        return Tokenizer.from_file(found)
    try:
        made = _transformers().AutoTokenizer.from_pretrained(found, trust_remote_code=False)
        tokenizer = Tokenizer.from_json(made.backend_tokenizer.to_str())
        # Of a folder without a vocabulary the library makes a tokenizer of special tokens alone.
        if len(made.get_vocab()) <= len(made.all_special_tokens):
            raise ValueError("it has no vocabulary")
    except (OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        reason = reason_of(error)
        raise InputError(
            f"model.encoder: no tokenizer for {source} ({reason}); give --data.tokenizer FILE"
        ) from error
    return tokenizer


def _without_attention_dropout(config):
    for name in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    return config


def _most_positions(model: nn.Module) -> int:
    """The longest window that an encoder has positions for; 0 where it knows no limit."""
    most = getattr(model.config, "max_position_embeddings", None) or 0
    for name, module in model.named_modules():
        # RoBERTa and its kin count positions from behind that of padding.
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            most -= 0 if module.padding_idx is None else module.padding_idx + 1
    return max(most, 0)


def _build(config: dict) -> nn.Module:
    """An encoder of a saved configuration, its weights to be loaded."""
    transformers = _transformers()
    kind = config.get("model_type")
    settings = {
        name: value
        for name, value in _harmless(config).items()
        if name not in ("model_type", "transformers_version")
    }
    try:
        if kind not in _text_models():
            raise ValueError(f"no model_type {shown(kind)!r} for text")
        made = transformers.AutoConfig.for_model(kind, **settings)
        made = _without_attention_dropout(made)
        return transformers.AutoModel.from_config(
            made, dtype=torch.float32, trust_remote_code=False
        )
    except (ValueError, KeyError) as error:
        reason = reason_of(error)
        raise InputError(
            f"config.json: its encoder is unknown to the installed transformers ({reason}); "
            "pip install -U transformers"
        ) from error


class Encoder(nn.Module):
    """``int64 [T]`` packed wordpieces -> float ``[T, size]``, documents of any length.

    Longer segments than ``window`` are cut into windows that overlap by ``overlap`` wordpieces;
    each wordpiece is taken from the window it is most central in. ``frame`` are the special tokens
    put before and after each window.
    """

    def __init__(
        self,
        config: dict,
        frame: list[list[int]],
        window: int,
        overlap: int,
        dropout: float | None = None,
    ):
        super().__init__()
        self.model = _build(config)
        self.before, self.after = frame
        most = _most_positions(self.model)
        size = window - len(self.before) - len(self.after)
        if 0 < most < window:
            raise InputError(
                f"model setting encoder_window={window} is above the encoder's {most} positions"
            )
        if not 0 <= overlap < size:
            raise InputError(
                f"model setting encoder_overlap={overlap} must be at least 0 and below the window "
                f"of {size} wordpieces"
            )
        self.window, self.overlap = size, overlap
        self.size: int = self.model.config.hidden_size
        for name in _POOLERS:
            if isinstance(getattr(self.model, name, None), nn.Module):
                setattr(self.model, name, None)
        for module in list(self.model.modules()):
            for name, child in list(module.named_children()):
                if type(child) is nn.Dropout:
                    # A rate of 0 is that of attention weights, and stays.
                    rate = child.p if dropout is None or child.p == 0 else dropout
                    setattr(module, name, Dropout(rate))

        if any(parameter.numel() == 0 for parameter in self.model.parameters()):
            raise InputError("config.json: its encoder has weights of size 0")

    @property
    def vocab_size(self) -> int | None:
        """Rows of its wordpiece embeddings; None where it has no such table."""
        table = self.model.get_input_embeddings()
        return table.num_embeddings if isinstance(table, nn.Embedding) else None

    def load(self, pretrained: nn.Module) -> None:
        """Take over the weights of an encoder of the same configuration."""
        missing, _ = self.model.load_state_dict(pretrained.state_dict(), strict=False)
        if missing:
            raise InputError(f"model.encoder: has no weights for {', '.join(missing[:3])}")

    @property
    def layers(self) -> nn.ModuleList:
        """The encoder's layers, lowest first."""
        count = self.model.config.num_hidden_layers
        lists = (m for m in self.model.modules() if isinstance(m, nn.ModuleList))
        found = next((m for m in lists if len(m) == count), None)
        if found is None:
            name = type(self.model).__name__
            raise InputError(f"the layers of a {name} cannot be told apart; use another encoder")
        return found

    def forward(self, input_ids: Tensor, cu_seqlens: Tensor) -> Tensor:
        """The last layer's output at each wordpiece; ``cu_seqlens int32 [S + 1]`` are segments."""
        device = input_ids.device
        windows = cut_windows(cu_seqlens.cpu().numpy(), self.window, self.overlap)
        outputs: list[Tensor] = []
        base = np.empty(len(windows.starts), np.int64)  # where a window's rows start, less its own
        rows = 0
        # With gradients all is kept anyway: portions would save nothing.
        training = torch.is_grad_enabled()
        fast = FastAttention() if training and device.type == "cpu" else nullcontext()
        for group in windows.groups(sys.maxsize if training else _MOST_TOKENS):
            ids, mask = self._gather(input_ids, windows.starts[group], windows.lengths[group])
            with fast:
                hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            width = hidden.shape[1]
            base[group] = rows + np.arange(len(group)) * width + len(self.before)
            rows += len(group) * width
            outputs.append(hidden.flatten(0, 1))
        if not outputs:
            return next(self.model.parameters()).new_zeros(0, self.size)
        at = base[windows.window_of] - windows.starts[windows.window_of]
        at += np.arange(len(input_ids))
        flat = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return flat.index_select(0, torch.from_numpy(at).to(device, non_blocking=True))

    def _gather(
        self, input_ids: Tensor, starts: np.ndarray, lengths: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        """Windows as ``[W, L]`` ids, framed and padded at the end, and the mask of what is real."""
        device = input_ids.device
        left, right = len(self.before), len(self.after)
        columns = np.arange(left + int(lengths.max()) + right)
        offset = columns - left
        real = columns < (lengths + left + right)[:, None]
        inside = (offset >= 0) & (offset < lengths[:, None])
        places = np.where(inside, starts[:, None] + offset, 0)
        special = np.zeros(real.shape, np.int64)
        special[:, :left] = self.before
        for number, token in enumerate(self.after):
            special[np.arange(len(lengths)), left + lengths + number] = token
        places, special, inside, real = (
            torch.from_numpy(a).to(device, non_blocking=True)
            for a in (places, special, inside, real)
        )
        ids = torch.where(inside, input_ids[places], special)
        return ids, real.long()
