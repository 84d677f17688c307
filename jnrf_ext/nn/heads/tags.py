"""Tags of rows: a softmax each, or a conditional random field over them all."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from jnrf_ext import ops
from jnrf_ext.config import JNRFConfig
from jnrf_ext.nn.layers import Mlp
from jnrf_ext.nn.linear import Linear
from jnrf_ext.schema import OUTSIDE, Schema
from jnrf_ext.text.tag_rules import SCHEMES, allowed_tags


def scheme_labels(tags: list[str], scheme: str) -> tuple[list[str], list[int]]:
    """The labels of a scheme for BIO ``tags``, and the BIO tag, as an index, that each stands for.

    BIO's own labels are the tags themselves, in their order.
    """
    if scheme == "BIO":
        return tags, list(range(len(tags)))
    parts, beginnings, _ = SCHEMES[scheme]
    labels, stand_for = [OUTSIDE], [tags.index(OUTSIDE)]
    for kind in dict.fromkeys(tag[2:] for tag in tags if tag != OUTSIDE):
        for part in parts:
            labels.append(f"{part}-{kind}")
            stand_for.append(tags.index(f"{'B' if part in beginnings else 'I'}-{kind}"))
    return labels, stand_for


def _continues(tags: list[str]) -> Tensor:
    """bool ``[L, L]``: whether the second of two BIO tags continues the first one's mention."""
    rule = [[b[0] == "I" and a != OUTSIDE and a[2:] == b[2:] for b in tags] for a in tags]
    return torch.tensor(rule)


class Crf(nn.Module):
    """The weights of a linear-chain CRF of ``count`` tags, which start at 0."""

    def __init__(self, count: int):
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(count, count))
        self.start = nn.Parameter(torch.zeros(count))
        self.end = nn.Parameter(torch.zeros(count))

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions, start and end, as the CRF operators take them."""
        return self.transitions, self.start, self.end

    def emissions(self, logits: Tensor) -> Tensor:
        """Logits in the dtype of the weights."""
        return logits.to(self.transitions.dtype)


class TagHead(nn.Module):
    """``[N, H]`` rows -> logits ``[N, C]`` of the labels, their loss, and the best BIO tags.

    ``layers`` times Linear-CELU and a Linear (0: none of these), then Linear to the labels
    (section 3.2). With ``crf`` the tags of a segment are scored together.
    """

    tag_of: Tensor
    label_of: Tensor
    continues: Tensor

    def __init__(
        self,
        hidden_size: int,
        schema: Schema,
        layers: int,
        dropout: float,
        crf: bool = False,
        scheme: str = "BIO",
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        self.labels, self.stand_for = scheme_labels(schema.tags, scheme)
        self.scheme, self.label_smoothing = scheme, label_smoothing
        self.mlp = Mlp(hidden_size, hidden_size, layers, dropout) if layers else nn.Identity()
        self.output = Linear(hidden_size, len(self.labels))
        self.crf = Crf(len(self.labels)) if crf else None
        self.register_buffer("tag_of", torch.tensor(self.stand_for), persistent=False)
        self.register_buffer("label_of", self._labels_of(schema.tags), persistent=False)
        self.register_buffer("continues", _continues(schema.tags), persistent=False)

    @classmethod
    def of_config(cls, config: JNRFConfig, schema: Schema) -> TagHead:
        """The tag head that a configuration asks for, for the tags of ``schema``."""
        return cls(
            config.hidden_size,
            schema,
            config.tag_layers,
            config.head_dropout,
            config.crf,
            config.tag_scheme,
            config.label_smoothing,
        )

    @torch.no_grad()
    def start_at(self, counts: Tensor) -> None:
        """Start from how often each BIO tag is, ``counts [L]``, whatever the row.

        Where mentions are rare a head that starts from nothing spends its first epochs on that.
        """
        share = (counts.double() + 1) / (counts.double() + 1).sum()
        share = share[self.tag_of.cpu()]
        if self.scheme != "BIO":
            share /= torch.bincount(self.tag_of.cpu())[self.tag_of.cpu()]
        self.output.weight.mul_(0.1)
        self.output.bias.copy_(share.log())

    def _labels_of(self, tags: list[str]) -> Tensor:
        """Label of a BIO tag that goes on, and of one that ends its mention: int64 ``[2, L]``."""
        ends = {"B": "S", "I": "E"}
        names = [
            [tag if going_on or tag == OUTSIDE else ends[tag[0]] + tag[1:] for tag in tags]
            for going_on in (True, False)
        ]
        if self.scheme == "BIO":
            names = [tags, tags]
        return torch.tensor([[self.labels.index(name) for name in row] for row in names])

    def forward(self, x: Tensor) -> Tensor:
        """The logits of the labels, ``[N, C]`` in the dtype of ``x``."""
        return self.output(self.mlp(x)).to(x.dtype)

    def loss(self, logits: Tensor, tags: Tensor, cu_segments: Tensor) -> Tensor:
        """The mean over rows of the cross-entropy, or of the CRF's negative log likelihood."""
        labels = self.to_labels(tags, cu_segments)
        if self.crf is None:
            return functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        emissions = self.crf.emissions(logits)
        likelihoods = ops.crf_nll(emissions, labels, *self.crf.weights, cu_segments)
        return likelihoods.sum() / max(len(labels), 1)

    def to_labels(self, tags: Tensor, cu_segments: Tensor) -> Tensor:
        """The labels of BIO tags ``int64 [N]``: a mention goes on where an I- of its type follows.

        Mentions end at the ends of segments.
        """
        if self.scheme == "BIO":
            return tags
        following = torch.cat([tags[1:], tags.new_zeros(1)]) if len(tags) else tags
        last = torch.zeros(len(tags), dtype=torch.bool)
        ends = cu_segments[1:].long().cpu() - 1
        last[ends[ends >= 0]] = True
        goes_on = self.continues[tags, following] & ~last.to(tags.device)
        return torch.where(goes_on, self.label_of[0][tags], self.label_of[1][tags])

    def best(self, logits: Tensor, cu_segments: Tensor, constrained: bool = False) -> Tensor:
        """The best BIO tag of each row, int64 ``[N]``: alone, or with a CRF by segments.

        ``constrained`` allows the CRF only what spells mentions in its scheme.
        """
        logits = logits.detach()
        if self.crf is None:
            labels = logits.argmax(dim=-1)
        else:
            allowed = self.allowed if constrained else None
            emissions = self.crf.emissions(logits)
            labels, _ = ops.crf_decode(emissions, *self.crf.weights, cu_segments, allowed)
        return labels if self.scheme == "BIO" else self.tag_of[labels]

    def log_probabilities(self, logits: Tensor, cu_segments: Tensor) -> Tensor:
        """Log-probabilities of the BIO tags, float ``[N, L]``; with a CRF those given all rows."""
        if self.crf is None:
            probabilities = logits.detach().float().log_softmax(dim=-1)
            if self.scheme == "BIO":
                return probabilities
            probabilities = probabilities.exp()
        else:
            transitions, start, end = (w.detach() for w in self.crf.weights)
            emissions = self.crf.emissions(logits.detach())
            probabilities = ops.crf_marginals(emissions, transitions, start, end, cu_segments)
        merged = probabilities.new_zeros(len(logits), self.label_of.shape[1])
        merged.index_add_(1, self.tag_of, probabilities)
        # What is too small for the dtype stays finite: paths of tags add these up.
        return merged.clamp_(min=torch.finfo(merged.dtype).tiny).log()

    @cached_property
    def allowed(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the scheme allows, for `ops.crf_decode`."""
        return allowed_tags(self.labels, self.scheme)
