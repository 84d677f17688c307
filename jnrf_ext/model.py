"""JNRF: joint entity and relation extraction by Fourier networks (arXiv 2302.04185)."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from jnrf_ext import ops
from jnrf_ext.config import JNRFConfig
from jnrf_ext.errors import InputError
from jnrf_ext.layers import (
    Dropout,
    FourierLayer,
    Mlp,
    RelationHead,
    SinusoidalPositions,
)
from jnrf_ext.linear import Linear, cast_together
from jnrf_ext.pretrained import PretrainedMixin
from jnrf_ext.schema import OUTSIDE, Schema
from jnrf_ext.selection import Selection

if TYPE_CHECKING:
    from jnrf_ext.document import Document
    from jnrf_ext.tokenizer import Tokenizer

#: Classes of jnrf_ext.tokenizer.Encoded.surface: casing times gap.
NUM_SURFACES = 24
HEAD, TAIL = 1, 2
#: Selected tokens that there is always room for.
LEAST_ROOM = 256


@dataclass
class JNRFOutput:
    """What one pass over packed documents gives.

    ``tag_logits [T, L]``; ``heads [n_heads]``, ``tails [n_tails]`` token indices into the packed
    batch, delimited a document by ``cu_heads``, ``cu_tails int32 [B + 1]``; ``relation_scores`` a
    list, a document each, of ``[n_heads, n_tails, R]`` (None unless asked for); the losses are
    None without ``tags``.

    In training off the CPU nothing waits for what was selected: ``heads`` and ``tails`` then have
    places for a share of the tokens (`JNRFConfig.selection_room`), unused ones hold -1, and
    ``dropped``, int64 ``[]``, counts selected tokens without a place (else None).
    """

    tag_logits: Tensor
    heads: Tensor
    tails: Tensor
    cu_heads: Tensor
    cu_tails: Tensor
    relation_scores: list[Tensor] | None = None
    loss: Tensor | None = None
    tag_loss: Tensor | None = None
    relation_loss: Tensor | None = None
    dropped: Tensor | None = None


def roles_of_tags(schema: Schema, begin_only: bool = False) -> list[int]:
    """The role bits of each tag: 1 may be the head of some relation, 2 the tail, 3 both.

    With ``begin_only`` a mention is pooled at its first wordpiece alone.
    """
    heads, tails = schema.head_types, schema.tail_types
    return [
        0
        if tag == OUTSIDE or (begin_only and tag.startswith("I-"))
        else HEAD * (tag[2:] in heads) + TAIL * (tag[2:] in tails)
        for tag in schema.tags
    ]


class JNRF(nn.Module, PretrainedMixin):
    """Tags every wordpiece and scores relations among the selected ones, in one pass.

    Documents are packed: ``input_ids int64 [T]`` holds them one after another and ``cu_seqlens
    int32 [B + 1]`` their bounds. Any length; nothing is padded or cut.
    """

    def __init__(self, config: JNRFConfig, tokenizer: Tokenizer | None = None):
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        schema = config.schema
        hidden = config.hidden_size
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size)
        self.embedding.weight.requires_grad_(not config.freeze_embeddings)
        self.surface_embedding = nn.Embedding(NUM_SURFACES, hidden) if config.use_surface else None
        self.embedding_mlp = Mlp(config.embedding_size, hidden, 1)
        self.embedding_dropout = Dropout(config.embedding_dropout)
        self.positions = SinusoidalPositions(hidden, config.positions, config.position_scale)
        self.layers = nn.ModuleList(
            FourierLayer(
                hidden,
                config.expansion,
                config.layer_dropout,
                config.fourier_scale,
                config.orthonormal,
            )
            for _ in range(1 if config.share_layers else config.num_layers)
        )
        self.tag_mlp = Mlp(hidden, hidden, config.tag_layers, config.head_dropout)
        self.tag_output = Linear(hidden, len(schema.tags))
        size = config.relation_size or hidden
        standard = config.behaviour == "standard"
        self.relation_head = RelationHead(
            hidden,
            len(schema.relations),
            config.relation_layers,
            size,
            config.head_dropout,
            scale=size**-0.5 if standard else 1.0,
            distance_unit=config.distance_unit,
        )
        self.no_relation = schema.relations.index(schema.no_relation)
        # These follow from the schema and are not saved.
        self.register_buffer(
            "tag_roles",
            torch.tensor(roles_of_tags(schema, begin_only=standard), dtype=torch.int32),
            persistent=False,
        )
        class_weight = torch.full((len(schema.relations),), config.related_weight)
        class_weight[self.no_relation] = 1.0
        self.register_buffer("class_weight", class_weight, persistent=False)
        if standard:
            self._initialise()

    def _initialise(self) -> None:
        """Start where training does best; the reference keeps torch's and the paper's values."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)
        if self.surface_embedding is not None:
            nn.init.normal_(self.surface_embedding.weight, std=0.1)
        head = self.relation_head
        with torch.no_grad():
            head.alpha.fill_(self.config.alpha_start)
            head.beta.zero_()
            head.gamma.zero_()
            head.alpha[self.no_relation] = 0.0
            head.gamma[self.no_relation] = self.config.none_start

    def load_embeddings(self, weight: Tensor) -> None:
        """Copy pretrained wordpiece embeddings ``[vocab_size, embedding_size]`` into the model."""
        if weight.shape != self.embedding.weight.shape:
            raise InputError(
                f"pretrained embeddings are {list(weight.shape)}, the model's "
                f"{list(self.embedding.weight.shape)}; set vocab_size and embedding_size to match"
            )
        with torch.no_grad():
            self.embedding.weight.copy_(weight)
        if self.config.behaviour == "standard":
            self.config.embedding_scale = 1 / float(weight.float().square().mean().sqrt())

    def encode(self, input_ids: Tensor, cu_seqlens: Tensor, surface: Tensor | None) -> Tensor:
        """Wordpieces ``int64 [T]`` -> contextual rows ``[T, H]`` after all Fourier layers."""
        config = self.config
        if self.training and config.wordpiece_dropout > 0:
            dropped = torch.rand(input_ids.shape, device=input_ids.device)
            input_ids = input_ids.masked_fill(dropped < config.wordpiece_dropout, config.mask_id)
        jitter = config.phase_jitter if self.training else 0
        phase = int(torch.randint(jitter, (), device="cpu")) if jitter > 0 else 0
        x = self.embedding_mlp(self.embedding(input_ids) * config.embedding_scale)
        x = x + self.positions(x, cu_seqlens, phase)
        if self.surface_embedding is not None and surface is not None:
            x = x + self.surface_embedding(surface)
        x = self.embedding_dropout(x)
        windows = config.mixing_windows or [0] * config.num_layers
        for index, window in enumerate(windows):
            layer = self.layers[0 if config.share_layers else index]
            # Every second windowed layer starts half a window in, so that borders move.
            shift = phase + (window // 2 if index % 2 else 0)
            x = layer(x, cu_seqlens, window, shift)
        return x

    def select(self, tag_logits: Tensor, tags: Tensor | None, cu_seqlens: Tensor) -> Selection:
        """Selective pooling (section 3.3): the tokens that may be heads or tails of relations.

        Without gold ``tags`` the predicted ones decide; with them ``config.pooling`` says which.
        """
        pooling = "predicted" if tags is None else self.config.pooling
        roles = torch.zeros_like(tag_logits[:, 0], dtype=torch.int32)
        if pooling != "gold":
            roles |= self.tag_roles[tag_logits.detach().argmax(dim=-1)]
        if pooling != "predicted":
            roles |= self.tag_roles[tags]
        return Selection.of_roles(roles, cu_seqlens, self._room(len(roles), roles.device))

    def _room(self, tokens: int, device: torch.device) -> int | None:
        """Places for selected tokens; None is as many as it takes, which the host waits for."""
        if not self.training or device.type == "cpu":
            return None
        return min(tokens, max(LEAST_ROOM, math.ceil(self.config.selection_room * tokens)))

    def forward(
        self,
        input_ids: Tensor,
        cu_seqlens: Tensor,
        surface: Tensor | None = None,
        tags: Tensor | None = None,
        pairs: Tensor | None = None,
        return_scores: bool = False,
    ) -> JNRFOutput:
        """One pass; with ``tags int64 [T]`` and ``pairs int64 [P, 3]`` also the losses.

        ``pairs`` lists the gold relations as (head token, tail token, class), token indices into
        the packed batch; a listing with token -1 is ignored. ``surface int64 [T]`` are casing and
        gap classes, used where the model has an embedding for them. ``return_scores`` fills
        ``relation_scores``.
        """
        casts = self._casts(input_ids.device)
        with cast_together(self, input_ids.device.type) if casts else nullcontext():
            x = self.encode(input_ids, cu_seqlens, surface)
            tag_logits = self.tag_output(self.tag_mlp(x)).to(x.dtype)
            selection = self.select(tag_logits, tags, cu_seqlens)
            output = JNRFOutput(
                tag_logits,
                selection.heads,
                selection.tails,
                selection.cu_heads,
                selection.cu_tails,
                dropped=selection.dropped,
            )
            if tags is None and not return_scores:
                return output
            operands = self.relation_operands(x, selection)
        if return_scores:
            output.relation_scores = self._split_scores(ops.relation_scores(*operands), output)
        if tags is not None:
            self._add_losses(output, operands, tags, pairs)
        return output

    def _casts(self, device: torch.device) -> bool:
        """Whether to cast all weights at once: where launches count, and all weights are used."""
        return device.type == "cuda" and self.training and torch.is_grad_enabled()

    def relation_operands(self, x: Tensor, selection: Selection) -> tuple[Tensor, ...]:
        """The first nine arguments of the relation operators, from token rows ``x [T, H]``."""
        w, u = self.relation_head.project(x, selection)
        positions = (selection.tails, selection.heads)
        bounds = (selection.cu_tails, selection.cu_heads)
        return u, w, *positions, *bounds, *self.relation_head.polynomial

    def _split_scores(self, scores: Tensor, output: JNRFOutput) -> list[Tensor]:
        sizes = zip(output.cu_heads.diff().tolist(), output.cu_tails.diff().tolist(), strict=True)
        shapes = [(h, t, scores.shape[-1]) for h, t in sizes]
        parts = scores.split([h * t for h, t, _ in shapes])
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

    def _add_losses(
        self,
        output: JNRFOutput,
        operands: tuple[Tensor, ...],
        tags: Tensor,
        pairs: Tensor | None,
    ) -> None:
        """Fill the losses: cross-entropy over tokens, and over the pairs of selected tokens."""
        config = self.config
        output.tag_loss = functional.cross_entropy(
            output.tag_logits, tags, label_smoothing=config.label_smoothing
        )
        rows = self._pair_rows(output, pairs)
        losses = ops.relation_loss(*operands, rows, self.no_relation, self.class_weight)
        n_heads, n_tails = output.cu_heads.diff(), output.cu_tails.diff()
        if config.behaviour == "reference":
            # The authors' rule: relations count only where more than ten of each were selected.
            counted = ((n_heads > 10) & (n_tails > 10)).to(losses)
            mean = losses / (n_heads.long() * n_tails).clamp(min=1)
            output.relation_loss = (mean * counted).sum() / counted.sum().clamp(min=1)
            joint = 0.5 * (output.tag_loss + output.relation_loss)
            output.loss = torch.where(counted.sum() > 0, joint, output.tag_loss)
            return
        # By head, not by pair: a mean over pairs would drown the few related ones in long notes.
        output.relation_loss = losses.sum() / n_heads.sum().clamp(min=1)
        output.loss = output.tag_loss + config.relation_weight * output.relation_loss

    @staticmethod
    def _pair_rows(output: JNRFOutput, pairs: Tensor | None) -> Tensor:
        """Gold pairs by token -> by row among heads and tails, -1 where a token was not selected.

        The loss ignores listings with a row of -1. What has -1 for a token, in unused places,
        meets in a column of its own, the last one.
        """
        if pairs is None or len(pairs) == 0:
            return output.heads.new_zeros(0, 3)
        num_tokens = output.tag_logits.shape[0]
        row_of = output.heads.new_full((2, num_tokens + 1), -1)
        row_of[0, output.heads] = torch.arange(len(output.heads), device=row_of.device)
        row_of[1, output.tails] = torch.arange(len(output.tails), device=row_of.device)
        row_of[:, -1] = -1
        return torch.stack([row_of[0, pairs[:, 0]], row_of[1, pairs[:, 1]], pairs[:, 2]], dim=1)

    def extract(
        self, texts: str | list[str], ids: list[str] | None = None, batch_tokens: int = 16_384
    ) -> Document | list[Document]:
        """Text in, documents with mentions and relations out (a list for a list).

        ``ids`` name the documents ("1", "2", ... by default); ``batch_tokens`` bounds how many
        wordpieces go through the model at once (a longer document goes alone). Needs a tokenizer.
        """
        from jnrf_ext.extract import extract_documents

        if isinstance(texts, str):
            return extract_documents(self, [texts], ids or ["1"], batch_tokens)[0]
        ids = ids or [str(i + 1) for i in range(len(texts))]
        return extract_documents(self, list(texts), ids, batch_tokens)
