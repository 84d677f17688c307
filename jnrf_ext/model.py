"""JNRF: joint entity and relation extraction by Fourier networks (arXiv 2302.04185)."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import torch
from torch import Tensor, nn

from jnrf_ext import ops
from jnrf_ext.checkpoints.pretrained import PretrainedMixin
from jnrf_ext.config import JNRFConfig
from jnrf_ext.errors import InputError
from jnrf_ext.nn.auxiliary import Auxiliary
from jnrf_ext.nn.heads.polynomial import PolynomialHead
from jnrf_ext.nn.heads.registry import build_relation_head
from jnrf_ext.nn.heads.tags import TagHead
from jnrf_ext.nn.inputs.inputs import Inputs
from jnrf_ext.nn.layers import GatedMixing
from jnrf_ext.nn.linear import Linear, cast_together
from jnrf_ext.nn.selection import Selection
from jnrf_ext.nn.stack import Stack
from jnrf_ext.packing.outline import Layout
from jnrf_ext.schema import OUTSIDE, Schema

if TYPE_CHECKING:
    from jnrf_ext.documents.document import Document
    from jnrf_ext.nn.encoder.encoder import Encoder
    from jnrf_ext.ops.relation import Operands
    from jnrf_ext.packing.mention_rows import MentionPairHead
    from jnrf_ext.text.tokenizer import Tokenizer

HEAD, TAIL = 1, 2
#: The tags' loss is a mean over as many rows for each that is in a mention, but no fewer than a
#: MOST_TAG_WEIGHT-th of all.
ROWS_A_MENTION_ROW, MOST_TAG_WEIGHT = 4, 32
#: Selected tokens that there is always room for.
LEAST_ROOM = 256


@dataclass
class JNRFOutput:
    """What one pass over packed documents gives.

    ``tag_logits [N, C]``; ``heads [n_heads]``, ``tails [n_tails]`` rows of the packed batch,
    delimited a document by ``cu_heads``, ``cu_tails int32 [B + 1]`` (None where relations are not
    scored by the polynomial head); ``relation_scores`` a list, a document each, of
    ``[n_heads, n_tails, R]`` (None unless asked for); the losses are None without ``tags``.

    In training off the CPU nothing waits for what was selected: ``heads`` and ``tails`` then have
    places for a share of the tokens (`JNRFConfig.selection_room`), unused ones hold -1, and
    ``dropped``, int64 ``[]``, counts selected tokens without a place (else None).
    """

    tag_logits: Tensor
    heads: Tensor | None = None
    tails: Tensor | None = None
    cu_heads: Tensor | None = None
    cu_tails: Tensor | None = None
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
    """Tags every row and scores relations among the selected ones, in one pass.

    Documents are packed: ``input_ids int64 [T]`` holds them one after another and ``cu_seqlens
    int32 [B + 1]`` their bounds. Any length; nothing is padded or cut. Rows are wordpieces, or
    words where the configuration says so (`Layout`); N of them.
    """

    tag_roles: Tensor
    class_weight: Tensor
    relation_inputs: Inputs | None
    relation_layers: Stack | None

    def __init__(self, config: JNRFConfig, tokenizer: Tokenizer | None = None):
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        schema = config.schema
        self.inputs = Inputs(config)
        windows = config.mixing_windows
        self.layers = Stack(config, config.num_layers, windows, config.share_layers)
        self.mixing = GatedMixing(config.hidden_size) if config.document_mixing else None
        self.relation_inputs = self.relation_layers = None
        if config.separate_inputs:
            self.relation_inputs = Inputs(config)
            self.relation_layers = Stack(config, config.num_layers, windows, config.share_layers)
        self.tag_task_layers = Stack(config, config.tag_task_layers, [])
        self.relation_task_layers = Stack(config, config.relation_task_layers, [])
        self.tag_head = TagHead.of_config(config, schema)
        self.relation_head = build_relation_head(config)
        self.auxiliary = Auxiliary(config, self.inputs.encoder) if config.auxiliary else None
        self.no_relation = schema.relations.index(schema.no_relation)
        self.outside = schema.tags.index(OUTSIDE)
        # These follow from the schema and are not saved.
        standard = config.behaviour == "standard"
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
        head = self.relation_head
        # Heads that relate mentions have starts of their own.
        own = set() if isinstance(head, PolynomialHead) or head is None else {*head.modules()}
        for module in self.modules():
            if isinstance(module, Linear) and module not in own:
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)
        for inputs in filter(None, (self.inputs, self.relation_inputs)):
            if inputs.surface_embedding is not None:
                nn.init.normal_(inputs.surface_embedding.weight, std=0.1)
        if not isinstance(head, PolynomialHead):
            return
        with torch.no_grad():
            head.alpha.fill_(self.config.alpha_start)
            head.beta.zero_()
            head.gamma.zero_()
            head.alpha[self.no_relation] = 0.0
            head.gamma[self.no_relation] = self.config.none_start

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.tag_roles.device

    def load_embeddings(self, weight: Tensor) -> None:
        """Copy pretrained wordpiece embeddings ``[vocab_size, embedding_size]`` into the model."""
        for inputs in filter(None, (self.inputs, self.relation_inputs)):
            inputs.load_embeddings(weight)
        if self.config.behaviour == "standard":
            self.config.embedding_scale = 1 / float(weight.float().square().mean().sqrt())

    def load_encoder(self, encoder: nn.Module) -> None:
        """Copy the weights of a pretrained encoder (`jnrf_ext.nn.encoder.encoder.load_encoder`)."""
        for inputs in filter(None, (self.inputs, self.relation_inputs)):
            _encoder_of(inputs).load(encoder)
        if self.auxiliary is not None:
            self.auxiliary.copy_upper_layers(_encoder_of(self.inputs))

    def encode(
        self,
        input_ids: Tensor,
        cu_seqlens: Tensor,
        surface: Tensor | None,
        layout: Layout | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Wordpieces ``int64 [T]`` -> contextual rows for tags and for relations, ``[N, H]`` each.

        ``layout`` says what rows are; without one each wordpiece is. Both results are the same
        tensor where the tasks have no layers of their own.
        """
        layout = layout or Layout.plain(cu_seqlens)
        jitter = self.config.phase_jitter if self.training else 0
        phase = int(torch.randint(jitter, (), device="cpu")) if jitter > 0 else 0
        x = self.layers(self.inputs(input_ids, surface, layout, phase), layout, phase)
        if self.mixing is not None:
            x = self.mixing(x, layout.cu_rows)
        y = x
        if self.relation_inputs is not None and self.relation_layers is not None:
            y = self.relation_inputs(input_ids, surface, layout, phase)
            y = self.relation_layers(y, layout, phase)
        x = self.tag_task_layers(x, layout, phase)
        return x, self.relation_task_layers(y, layout, phase)

    def select(self, tag_logits: Tensor, tags: Tensor | None, layout: Layout) -> Selection:
        """Selective pooling (section 3.3): the rows that may be heads or tails of relations.

        Without gold ``tags`` the predicted ones decide; with them ``config.pooling`` says which.
        """
        pooling = "predicted" if tags is None else self.config.pooling
        roles = torch.zeros_like(tag_logits[:, 0], dtype=torch.int32)
        if pooling != "gold":
            roles |= self.tag_roles[self.tag_head.best(tag_logits, layout.cu_segments)]
        if pooling != "predicted":
            roles |= self.tag_roles[tags]
        return Selection.of_roles(roles, layout.cu_rows, self._room(len(roles), roles.device))

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
        layout: Layout | None = None,
        task: int = 0,
    ) -> JNRFOutput:
        """One pass; with ``tags int64 [N]`` and ``pairs int64 [P, 3]`` also the losses.

        ``pairs`` lists the gold relations as (head row, tail row, class), rows counted through the
        packed batch; a listing with row -1 is ignored. ``surface int64 [T]`` are casing and gap
        classes, used where the model has an embedding for them. ``return_scores`` fills
        ``relation_scores``, which only the polynomial relation head has. ``layout`` says what rows
        are; without one each wordpiece is. ``task`` above 0 trains an auxiliary corpus' tags.
        """
        layout = layout or Layout.plain(cu_seqlens)
        if task:
            return self._auxiliary_pass(task, input_ids, cu_seqlens, surface, tags, layout)
        casts = self._casts(input_ids.device)
        with cast_together(self, input_ids.device.type) if casts else nullcontext():
            x, y = self.encode(input_ids, cu_seqlens, surface, layout)
            tag_logits = self.tag_head(x)
            output = JNRFOutput(tag_logits)
            if not isinstance(self.relation_head, PolynomialHead):
                if tags is not None:
                    self._add_mention_losses(output, self.relation_head, y, tags, pairs, layout)
                return output
            selection = self.select(tag_logits, tags, layout)
            output.heads, output.tails = selection.heads, selection.tails
            output.cu_heads, output.cu_tails = selection.cu_heads, selection.cu_tails
            output.dropped = selection.dropped
            if tags is None and not return_scores:
                return output
            operands = self.relation_operands(y, selection)
        if return_scores:
            output.relation_scores = self._split_scores(ops.relation_scores(*operands), selection)
        if tags is not None:
            self._add_losses(output, selection, operands, tags, pairs, layout)
        return output

    def _auxiliary_pass(self, task, input_ids, cu_seqlens, surface, tags, layout) -> JNRFOutput:
        if self.auxiliary is None:
            raise ValueError(f"task {task} is of an auxiliary corpus, and the model has none")
        head = self.auxiliary.head(task)
        with self.auxiliary.upper_layers(self.inputs.encoder, task):
            x, _ = self.encode(input_ids, cu_seqlens, surface, layout)
        output = JNRFOutput(head(x))
        if tags is not None:
            output.tag_loss = head.loss(output.tag_logits, tags, layout.cu_segments)
            output.relation_loss = torch.zeros_like(output.tag_loss)
            output.loss = output.tag_loss
        return output

    def _casts(self, device: torch.device) -> bool:
        """Whether to cast all weights at once: where launches count, and all weights are used."""
        return device.type == "cuda" and self.training and torch.is_grad_enabled()

    def relation_operands(self, x: Tensor, selection: Selection) -> Operands:
        """The first nine arguments of the relation operators, from token rows ``x [T, H]``."""
        head = self.relation_head
        if not isinstance(head, PolynomialHead):
            raise TypeError("only the polynomial relation head scores selected rows")
        w, u = head.project(x, selection)
        positions = (selection.tails, selection.heads)
        bounds = (selection.cu_tails, selection.cu_heads)
        return u, w, *positions, *bounds, *head.polynomial

    def _split_scores(self, scores: Tensor, selection: Selection) -> list[Tensor]:
        n_heads, n_tails = selection.cu_heads.diff(), selection.cu_tails.diff()
        sizes = zip(n_heads.tolist(), n_tails.tolist(), strict=True)
        shapes = [(h, t, scores.shape[-1]) for h, t in sizes]
        parts = scores.split([h * t for h, t, _ in shapes])
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

    def _tag_loss(self, tag_logits: Tensor, tags: Tensor, layout: Layout) -> Tensor:
        """The mean over rows of the tags' loss; where mentions are few, over a part of them.

        A mean over all rows would shrink with the share of rows that are in mentions, while the
        relation loss beside it, a mean by head, stays as large as ever: on long notes with few
        mentions the relations' gradient would be all that is left.
        """
        mean = self.tag_head.loss(tag_logits, tags, layout.cu_segments)
        if self.config.behaviour == "reference" or not len(tags):
            return mean
        rows = len(tags)
        counted = (ROWS_A_MENTION_ROW * (tags != self.outside).sum()).clamp(
            rows / MOST_TAG_WEIGHT, rows
        )
        return mean * (rows / counted)

    def _add_mention_losses(
        self,
        output: JNRFOutput,
        head: MentionPairHead | None,
        y: Tensor,
        tags: Tensor,
        pairs: Tensor | None,
        layout: Layout,
    ) -> None:
        """Fill the losses of a model whose relations, if any, are between mentions."""
        output.tag_loss = self._tag_loss(output.tag_logits, tags, layout)
        output.relation_loss = torch.zeros_like(output.tag_loss)
        if head is not None:
            if layout.mentions is None:
                raise ValueError("training this relation head needs layout.mentions")
            pairs = tags.new_zeros(0, 3) if pairs is None else pairs
            output.relation_loss = head.loss(y, layout.mentions, pairs)
        output.loss = output.tag_loss + self.config.relation_weight * output.relation_loss

    def _add_losses(
        self,
        output: JNRFOutput,
        selection: Selection,
        operands: Operands,
        tags: Tensor,
        pairs: Tensor | None,
        layout: Layout,
    ) -> None:
        """Fill the losses: over the tags, and over the pairs of selected rows."""
        config = self.config
        output.tag_loss = self._tag_loss(output.tag_logits, tags, layout)
        rows = self._pair_rows(selection, len(output.tag_logits), pairs)
        losses = ops.relation_loss(*operands, rows, self.no_relation, self.class_weight)
        n_heads, n_tails = selection.cu_heads.diff(), selection.cu_tails.diff()
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
    def _pair_rows(selection: Selection, num_tokens: int, pairs: Tensor | None) -> Tensor:
        """Gold pairs by token -> by row among heads and tails, -1 where a token was not selected.

        The loss ignores listings with a row of -1. What has -1 for a token, in unused places,
        meets in a column of its own, the last one.
        """
        if pairs is None or len(pairs) == 0:
            return selection.heads.new_zeros(0, 3)
        heads, tails = selection.heads, selection.tails
        row_of = heads.new_full((2, num_tokens + 1), -1)
        row_of[0, heads] = torch.arange(len(heads), device=row_of.device)
        row_of[1, tails] = torch.arange(len(tails), device=row_of.device)
        row_of[:, -1] = -1
        return torch.stack([row_of[0, pairs[:, 0]], row_of[1, pairs[:, 1]], pairs[:, 2]], dim=1)

    @overload
    def extract(
        self, texts: str, ids: list[str] | None = None, batch_tokens: int | None = None
    ) -> Document: ...

    @overload
    def extract(
        self, texts: list[str], ids: list[str] | None = None, batch_tokens: int | None = None
    ) -> list[Document]: ...

    def extract(
        self,
        texts: str | list[str],
        ids: list[str] | None = None,
        batch_tokens: int | None = None,
    ) -> Document | list[Document]:
        """Text in, documents with mentions and relations out (a list for a list).

        ``ids`` name the documents ("1", "2", ... by default); ``batch_tokens`` bounds how many
        wordpieces go through the model at once (by default 4,096 on the CPU, 32,768 on CUDA; a
        longer document goes alone). Needs a tokenizer. Raises :class:`InputError` for what is no
        text, such as None for a note that is missing in a table.
        """
        from jnrf_ext.inference.extract import checked_input, extract_documents

        checked, names = checked_input(texts, ids, batch_tokens)
        documents = extract_documents(self, checked, names, batch_tokens)
        return documents[0] if isinstance(texts, str) else documents


def _encoder_of(inputs: Inputs) -> Encoder:
    if inputs.encoder is None:
        raise InputError("this model has wordpiece embeddings, and no encoder to load weights into")
    return inputs.encoder
