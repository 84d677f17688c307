"""Pretrained transformers over whole documents, by overlapping windows.

Any encoder of the ``transformers`` library that reads text will do: BERT, ModernBERT, DeBERTa,
XLNet, T5's encoder and others, from a Hugging Face folder, the hub or an installed package of
weights, or with random weights from a configuration alone. The library's modules are used as they
are, but for dropout, which is ours (with none on attention weights, but in XLNet, where it is one
module with the others), and for attention in training on a CPU (`jnrf_ext.nn.attention`).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from jnrf_ext.errors import InputError
from jnrf_ext.nn.attention import FastAttention
from jnrf_ext.nn.encoder.families import PADDING_COUNTS, most_positions
from jnrf_ext.nn.encoder.files import (
    find_encoder,
    load_encoder,
    load_tokenizer,
    read_encoder_config,
)
from jnrf_ext.nn.encoder.settings import build_configured
from jnrf_ext.nn.encoder.weights import POOLERS
from jnrf_ext.nn.encoder.windows import cut_windows
from jnrf_ext.nn.layers import Dropout
from jnrf_ext.shown import reason_of

__all__ = ["Encoder", "find_encoder", "load_encoder", "load_tokenizer", "read_encoder_config"]

#: Wordpieces that go through the encoder at once in prediction; in training all do.
_MOST_TOKENS = 16_384


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
        self.model = build_configured(config)
        self.before, self.after = frame
        most = most_positions(self.model)
        size = window - len(self.before) - len(self.after)
        if 0 < most < window:
            raise InputError(
                f"model setting encoder_window={window} is above the encoder's {most} positions; "
                f"set encoder_window to {most} or less"
            )
        if not 0 <= overlap < size:
            raise InputError(
                f"model setting encoder_overlap={overlap} must be at least 0 and below the window "
                f"of {size} wordpieces"
            )
        self.window, self.overlap = size, overlap
        self.size: int = self.model.config.hidden_size
        self._takes_mask = "attention_mask" in inspect.signature(self.model.forward).parameters
        self._one_length = self.model.config.model_type in PADDING_COUNTS
        for name in POOLERS:
            if isinstance(getattr(self.model, name, None), nn.Module):
                # In place of nothing, which not every family can do with.
                setattr(self.model, name, nn.Identity())
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
        """The encoder's layers, lowest first.

        Raises :class:`InputError` where layers are one, or spread over several lists.
        """
        found = self.find_layers()
        if found is None:
            name = type(self.model).__name__
            raise InputError(
                f"the layers of a {name} cannot be told apart; use another encoder, or "
                "optim.layer_decay=1 and group_layers=0"
            )
        return found

    def find_layers(self) -> nn.ModuleList | None:
        """The list of the encoder's layers, None where there is not one of them."""
        count = self.model.config.num_hidden_layers
        lists = [m for m in self.model.modules() if isinstance(m, nn.ModuleList)]
        found = [m for m in lists if len(m) == count]
        # Lists within the layers, of experts say, are not those of layers.
        inner = {id(m) for outer in found for m in outer.modules() if m is not outer}
        outermost = [m for m in found if id(m) not in inner]
        return outermost[0] if len(outermost) == 1 else None

    @torch.no_grad()
    def try_out(self) -> None:
        """Run once over a few wordpieces: a configuration may ask for what its library cannot do.

        Raises :class:`InputError` with the reason. Random numbers and modes stay as they were.
        """
        length = min(3, self.window)
        ids = torch.zeros(length, dtype=torch.int64, device=next(self.parameters()).device)
        try:
            with _in_evaluation(self):
                rows = self(ids, torch.tensor([0, length], dtype=torch.int32))
            if rows.shape != (length, self.size):
                raise ValueError(f"{length} wordpieces became {list(rows.shape)}")
        except Exception as error:  # whatever the library raises
            reason = f"{type(error).__name__}: {reason_of(error)}"
            raise InputError(f"its encoder cannot read text ({reason})") from error

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
        most_tokens = sys.maxsize if training else _MOST_TOKENS
        for group in windows.groups(most_tokens, one_length=self._one_length):
            ids, mask = self._gather(input_ids, windows.starts[group], windows.lengths[group])
            self._restore_attention()
            with fast:
                masked = {"attention_mask": mask} if self._takes_mask else {}
                hidden = self.model(input_ids=ids, **masked).last_hidden_state
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

    def _restore_attention(self) -> None:
        """Give BigBird its sparse attention back, which it drops for good at a short window."""
        kind = getattr(self.model.config, "attention_type", None)
        if kind is not None and hasattr(self.model, "set_attention_type"):
            self.model.set_attention_type(kind)

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
        at, around, is_text, is_real = (
            torch.from_numpy(a).to(device, non_blocking=True)
            for a in (places, special, inside, real)
        )
        ids = torch.where(is_text, input_ids[at], around)
        return ids, is_real.long()


@contextmanager
def _in_evaluation(module: nn.Module) -> Iterator[None]:
    """Have a module in evaluation mode, and each of its parts in the mode it had afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
