"""From wordpieces to the rows that layers work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from jnrf_ext.config import JNRFConfig
from jnrf_ext.errors import InputError
from jnrf_ext.nn.inputs.word_shapes import WordShapeEncoder
from jnrf_ext.nn.layers import Dropout, Mlp, SinusoidalPositions
from jnrf_ext.nn.linear import Linear
from jnrf_ext.packing.outline import Layout

if TYPE_CHECKING:
    from jnrf_ext.nn.encoder.encoder import Encoder

#: Classes of jnrf_ext.text.tokenizer.Encoded.surface: casing times gap.
NUM_SURFACES = 24


class Inputs(nn.Module):
    """Embeddings or a pretrained encoder, words from their wordpieces, characters, positions.

    ``int64 [T]`` wordpieces -> ``[N, H]`` rows, one a wordpiece or a word (see `Layout`).
    """

    # One of the two is there.
    encoder: Encoder | None
    embedding: nn.Embedding | None

    def __init__(self, config: JNRFConfig):
        super().__init__()
        self.config = config
        hidden = config.hidden_size
        if config.encoder is None:
            self.encoder = None
            self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
            self.embedding.weight.requires_grad_(not config.freeze_embeddings)
            size = config.embedding_size
        else:
            from jnrf_ext.nn.encoder.encoder import Encoder

            self.encoder = Encoder(
                config.encoder,
                config.encoder_frame,
                config.encoder_window,
                config.encoder_overlap,
                config.encoder_dropout,
            )
            self.encoder.requires_grad_(not config.freeze_encoder)
            self.embedding = None
            size = self.encoder.size
        self.shapes = WordShapeEncoder(config.character_size) if config.character_size else None
        size += self.shapes.out_features if self.shapes else 0
        self.surface_embedding = nn.Embedding(NUM_SURFACES, hidden) if config.use_surface else None
        if config.input_layers:
            self.mlp: nn.Module = Mlp(size, hidden, config.input_layers)
        else:
            self.mlp = nn.Identity() if size == hidden else Linear(size, hidden)
        self.dropout = Dropout(config.embedding_dropout)
        self.positions = None
        if config.positions != "none":
            self.positions = SinusoidalPositions(hidden, config.positions, config.position_scale)

    def load_embeddings(self, weight: Tensor) -> None:
        """Copy pretrained wordpiece embeddings ``[vocab_size, embedding_size]``."""
        if self.embedding is None or weight.shape != self.embedding.weight.shape:
            ours = None if self.embedding is None else list(self.embedding.weight.shape)
            raise InputError(
                f"pretrained embeddings are {list(weight.shape)}, the model's {ours}; "
                "set vocab_size and embedding_size to match"
            )
        with torch.no_grad():
            self.embedding.weight.copy_(weight)

    def forward(
        self, input_ids: Tensor, surface: Tensor | None, layout: Layout, phase: int = 0
    ) -> Tensor:
        """``surface int64 [T]`` are casing and gap classes; positions begin at ``phase``."""
        config = self.config
        if self.training and config.wordpiece_dropout > 0:
            dropped = torch.rand(input_ids.shape, device=input_ids.device)
            input_ids = input_ids.masked_fill(dropped < config.wordpiece_dropout, config.mask_id)
        if self.encoder is not None:
            x = self.encoder(input_ids, layout.cu_segment_pieces)
            # Under autocast the encoder gives bfloat16; what follows adds to it in float32.
            x = x.float() if x.dtype == torch.bfloat16 else x
        elif self.embedding is not None:
            x = self.embedding(input_ids)
        else:
            raise ValueError("these inputs have neither wordpiece embeddings nor an encoder")
        x = self._rows(x, layout)
        x = x if self.encoder is not None else x * config.embedding_scale
        if self.shapes is not None:
            x = torch.cat([x, self.shapes(layout.shapes).to(x.dtype)], dim=1)
        x = self.mlp(x)
        # Under autocast it is bfloat16, which Fourier mixing does not take on the CPU.
        x = x.float() if x.dtype == torch.bfloat16 and x.device.type == "cpu" else x
        if self.positions is not None:
            x = x + self.positions(x, layout.cu_rows, phase)
        if self.surface_embedding is not None and surface is not None:
            surface = surface if layout.pieces is None else surface[layout.pieces]
            x = x + self.surface_embedding(surface)
        return self.dropout(x)

    def _rows(self, x: Tensor, layout: Layout) -> Tensor:
        """Wordpieces ``[T, E]`` to rows ``[N, E]``: a word's first, or the mean of them all."""
        if layout.pieces is None:
            return x
        if self.config.word_pooling == "first":
            return x.index_select(0, layout.pieces)
        if layout.row_of is None:
            raise ValueError("a layout with pieces needs row_of")
        ends = torch.cat([layout.pieces[1:], layout.pieces.new_full((1,), len(x))])
        total = x.new_zeros(len(layout.pieces), x.shape[1]).index_add(0, layout.row_of, x)
        return total / (ends - layout.pieces).unsqueeze(1)
