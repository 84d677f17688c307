"""Every operator of `jnrf_ext.ops` written in plain torch, one document at a time.

These say what the compiled operators mean; the tests compare with them, and they stand in where
no kernel is compiled for a tensor's device. They are written to be read, not to be fast.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def documents(x: Tensor, cu_seqlens: Tensor) -> tuple[Tensor, ...]:
    """The documents of ``x [T, ...]``, packed by ``cu_seqlens int32 [B + 1]``, as B views."""
    return torch.split(x, cu_seqlens.diff().tolist())


def token_positions(x: Tensor, cu_seqlens: Tensor, first: int = 0) -> Tensor:
    """`jnrf_ext.ops.token_positions` as its definition: a range a document."""
    starts = cu_seqlens[:-1].repeat_interleave(cu_seqlens.diff())
    return torch.arange(first, first + len(x), device=x.device) - starts.to(x.device)


def windows(cu_seqlens: Tensor, window: int, shift: int = 0) -> Tensor:
    """The bounds of the windows of packed documents, int32, from the bounds of these.

    Windows have ``window`` tokens, but for the first of a document, which is ``shift % window``
    tokens short, and its last, which ends with it. ``window`` 0 leaves the documents whole.
    """
    if window == 0:
        return cu_seqlens
    starts = cu_seqlens[:-1].repeat_interleave(cu_seqlens.diff())
    local = torch.arange(len(starts), dtype=torch.int32, device=starts.device) - starts
    cuts = torch.where((local == 0) | ((local + shift) % window == 0))[0]
    return torch.cat([cuts.int(), cu_seqlens[-1:]])


def fourier_mix(
    x: Tensor,
    cu_seqlens: Tensor,
    scale: float = 1.0,
    ortho: bool = False,
    window: int = 0,
    shift: int = 0,
) -> Tensor:
    """`jnrf_ext.ops.fourier_mix` as its definition: ``scale * Re FFT2`` of every document.

    Types that torch cannot transform (bfloat16) go through float32.
    """
    cu_seqlens = windows(cu_seqlens, window, shift)
    wide = x if x.dtype in (torch.float32, torch.float64) else x.float()
    norm = "ortho" if ortho else "backward"
    mixed = [
        torch.fft.fft2(part, norm=norm).real for part in documents(wide, cu_seqlens) if part.numel()
    ]
    return (scale * torch.cat(mixed)).to(x.dtype) if mixed else x.clone()


def fourier_mix_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    cu_seqlens: Tensor,
    eps: float = 1e-5,
    scale: float = 1.0,
    ortho: bool = False,
    window: int = 0,
    shift: int = 0,
) -> Tensor:
    """`jnrf_ext.ops.fourier_mix_norm` as its definition: ``LayerNorm(x + fourier_mix(x))``."""
    mixed = fourier_mix(x, cu_seqlens, scale, ortho, window, shift)
    return functional.layer_norm(x + mixed, (x.shape[1],), weight, bias, eps)


def select_tokens(
    labels: Tensor, role_of_label: Tensor, cu_seqlens: Tensor, capacity: int | None = None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`jnrf_ext.ops.select_tokens` as its definition: ``torch.where`` of each role."""
    capacity = labels.shape[0] if capacity is None else capacity
    if labels.dim() == 2:
        labels = labels.argmax(dim=1)
    role = role_of_label[labels.long()]
    selected, bounds = [], []
    for bit in (1, 2):
        found = torch.where((role & bit) != 0)[0]
        kept = found[:capacity]
        selected.append(torch.cat([kept, kept.new_full((capacity - len(kept),), -1)]))
        starts = torch.searchsorted(found, cu_seqlens.to(found)).clamp(max=capacity)
        bounds.append(starts.to(torch.int32))
    return selected[0], selected[1], bounds[0], bounds[1]


def _zero(*inputs: Tensor) -> Tensor:
    """A zero that all inputs have a gradient of, so that work on nothing can be trained on too."""
    first, *others = (t.flatten()[:0].sum() for t in inputs)
    return sum(others, first)


def _score_blocks(u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma):
    """A document after another: its first head row, first tail row, scores [heads, tails, R]."""
    bounds_u, bounds_w = cu_u.tolist(), cu_w.tolist()
    for b in range(len(bounds_u) - 1):
        heads = slice(bounds_w[b], bounds_w[b + 1])
        tails = slice(bounds_u[b], bounds_u[b + 1])
        distance = (pos_w[heads, None] - pos_u[None, tails])[:, :, None]
        polynomial = alpha * (distance**2) + beta * distance + gamma
        # bfloat16 operands go with float32 coefficients, and their products are float32 too.
        products = torch.einsum("ird,jrd->ijr", w[heads].to(alpha.dtype), u[tails].to(alpha.dtype))
        yield heads.start, tails.start, products + polynomial


def relation_scores(
    u: Tensor,
    w: Tensor,
    pos_u: Tensor,
    pos_w: Tensor,
    cu_u: Tensor,
    cu_w: Tensor,
    alpha: Tensor,
    beta: Tensor,
    gamma: Tensor,
) -> Tensor:
    """`jnrf_ext.ops.relation_scores` as its definition: an einsum and a polynomial a document."""
    blocks = _score_blocks(u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma)
    scores = [block.flatten(0, 1) for _, _, block in blocks]
    return torch.cat(scores) if scores else _zero(u, w, alpha, beta, gamma).expand(0, u.shape[1])


def relation_loss(
    u: Tensor,
    w: Tensor,
    pos_u: Tensor,
    pos_w: Tensor,
    cu_u: Tensor,
    cu_w: Tensor,
    alpha: Tensor,
    beta: Tensor,
    gamma: Tensor,
    pairs: Tensor,
    none_class: int,
    class_weight: Tensor | None = None,
) -> Tensor:
    """`jnrf_ext.ops.relation_loss` as its definition: cross-entropy with a dense target."""
    losses = []
    listed = pairs.tolist()
    for head, tail, scores in _score_blocks(u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma):
        target = pos_u.new_full(scores.shape[:2], none_class)
        for i, j, label in listed:
            if head <= i < head + scores.shape[0] and tail <= j < tail + scores.shape[1]:
                target[i - head, j - tail] = label
        losses.append(
            functional.cross_entropy(
                scores.flatten(0, 1), target.flatten(), weight=class_weight, reduction="sum"
            )
        )
    return torch.stack(losses) if losses else _zero(u, w, alpha, beta, gamma).expand(0)


def relation_decode(
    u: Tensor,
    w: Tensor,
    pos_u: Tensor,
    pos_w: Tensor,
    cu_u: Tensor,
    cu_w: Tensor,
    alpha: Tensor,
    beta: Tensor,
    gamma: Tensor,
    none_class: int,
    none_bias: float = 0.0,
    best_tail: bool = False,
    allowed: Tensor | None = None,
    type_w: Tensor | None = None,
    type_u: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`jnrf_ext.ops.relation_decode` as its definition: a softmax a pair, then the best of it."""
    found = []
    for head, tail, scores in _score_blocks(u, w, pos_u, pos_w, cu_u, cu_w, alpha, beta, gamma):
        num_heads, num_tails, _ = scores.shape
        scores[:, :, none_class] += none_bias
        if allowed is not None:
            if type_w is None or type_u is None:
                raise ValueError("relation_decode: allowed, type_w and type_u belong together")
            types_w, types_u = type_w[head : head + num_heads], type_u[tail : tail + num_tails]
            forbidden = ~allowed[types_w[:, None], types_u[None, :]]
            forbidden[:, :, none_class] = False
            scores.masked_fill_(forbidden, float("-inf"))
        probability = scores.softmax(dim=2)
        # None stands first, so that it wins ties.
        order = [none_class, *(r for r in range(scores.shape[2]) if r != none_class)]
        best = probability[:, :, order].argmax(dim=2)
        label = best.new_tensor(order)[best]
        label[probability.isnan().any(dim=2)] = none_class
        probability = probability.gather(2, label[:, :, None])[:, :, 0]
        for i in range(num_heads):
            (tails,) = torch.where(label[i] != none_class)
            if best_tail and len(tails):
                nearness = (pos_w[head + i] - pos_u[tail + tails]).abs().tolist()
                chances = probability[i, tails].tolist()
                first = min(range(len(tails)), key=lambda k: (-chances[k], nearness[k], k))
                tails = tails[first : first + 1]
            found += [(head + i, tail + j, label[i, j], probability[i, j]) for j in tails.tolist()]
    *columns, probabilities = zip(*found, strict=True) if found else ((), (), (), ())
    rows = [pos_u.new_tensor(column, dtype=torch.int64) for column in columns]
    return rows[0], rows[1], rows[2], alpha.new_tensor(probabilities)


def _exact(*inputs: Tensor) -> list[Tensor]:
    """Inputs of a CRF in float64, as its kernels have them; Apple's GPUs know float32 at most."""
    return [t.float() if t.device.type == "mps" else t.double() for t in inputs]


def _crf_alphas(emissions, transitions, start):
    """log of the sums over all tags before each step, ``[C]`` a step (Rabiner 1989, eq. 19-20)."""
    alphas = [start + emissions[0]]
    for emitted in emissions[1:]:
        alphas.append(torch.logsumexp(alphas[-1][:, None] + transitions, dim=0) + emitted)
    return alphas


def crf_nll(
    emissions: Tensor,
    tags: Tensor,
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    cu_seqlens: Tensor,
) -> Tensor:
    """`jnrf_ext.ops.crf_nll` as its definition: the forward algorithm in logarithms."""
    losses, dtype = [], transitions.dtype
    emissions, transitions, start, end = _exact(emissions, transitions, start, end)
    for e, y in zip(documents(emissions, cu_seqlens), documents(tags, cu_seqlens), strict=True):
        if len(y) == 0:
            losses.append(_zero(emissions, transitions, start, end))
            continue
        norm = torch.logsumexp(_crf_alphas(e, transitions, start)[-1] + end, dim=0)
        score = start[y[0]] + e.gather(1, y[:, None]).sum() + end[y[-1]]
        losses.append(norm - score - transitions[y[:-1], y[1:]].sum())
    none = _zero(emissions, transitions, start, end).expand(0)
    return (torch.stack(losses) if losses else none).to(dtype)


def crf_marginals(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, cu_seqlens: Tensor
) -> Tensor:
    """`jnrf_ext.ops.crf_marginals` as its definition: forward-backward in logarithms."""
    rows, dtype = [], emissions.dtype
    emissions, transitions, start, end = _exact(emissions, transitions, start, end)
    for e in documents(emissions, cu_seqlens):
        if len(e) == 0:
            continue
        beta, betas = end, [end]
        for emitted in e[1:].flip(0):
            beta = torch.logsumexp(transitions + emitted + beta, dim=1)
            betas.append(beta)
        alphas = torch.stack(_crf_alphas(e, transitions, start))
        rows.append(torch.softmax(alphas + torch.stack(betas[::-1]), dim=1))
    return (torch.cat(rows) if rows else emissions.clone()).to(dtype)


def crf_decode(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, cu_seqlens: Tensor
) -> tuple[Tensor, Tensor]:
    """`jnrf_ext.ops.crf_decode` as its definition: the Viterbi algorithm."""
    tags, scores, dtype = [], [], transitions.dtype
    emissions, transitions, start, end = _exact(emissions, transitions, start, end)
    for e in documents(emissions, cu_seqlens):
        if len(e) == 0:
            scores.append(end.new_zeros(()))
            continue
        score, pointers = start + e[0], []
        for emitted in e[1:]:
            best, pointer = (score[:, None] + transitions).max(dim=0)
            score = best + emitted
            pointers.append(pointer)
        top, tag = (score + end).max(dim=0)
        path = [tag]
        for pointer in reversed(pointers):
            path.append(pointer[path[-1]])
        tags += path[::-1]
        scores.append(top)
    none = emissions.new_zeros(0, dtype=torch.int64)
    return (
        torch.stack(tags) if tags else none,
        (torch.stack(scores) if scores else end.new_zeros(0)).to(dtype),
    )


def int8_round(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weights ``[N, K]`` as int8 in -127..127 and a scale for each output, float32 ``[N]``."""
    weight = weight.detach().float()
    scale = weight.abs().amax(dim=1) / 127
    quantised = (weight / scale.clamp(min=1e-30).unsqueeze(1)).round().clamp(-127, 127)
    return quantised.to(torch.int8), scale


def int8_layers(
    x: Tensor,
    layers: list[tuple[Tensor, Tensor, Tensor]],
    activation: str = "none",
    activate_last: bool = False,
    residual: Tensor | None = None,
    norm: tuple[Tensor, Tensor] | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """`jnrf_ext.ops.int8_layers` as its definition, from int8 weights, scales and biases.

    Each row of a layer's inputs is rounded to 256 numbers from its smallest to its largest.
    """
    act = {"none": lambda y: y, "gelu": functional.gelu, "celu": functional.celu}[activation]
    for index, (quantised, scale, bias) in enumerate(layers):
        low, high = x.amin(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)
        step = (high - low) / 255
        codes = ((x - low) / step.clamp(min=1e-30) + 0.5).floor()
        x = (low + step * codes) @ (scale.unsqueeze(1) * quantised).to(x.dtype).T + bias
        x = act(x) if activate_last or index + 1 < len(layers) else x
    x = x if residual is None else x + residual
    return x if norm is None else functional.layer_norm(x, x.shape[1:], *norm, eps)


def int8_attention(qkv: Tensor, lengths: Tensor, scale: float) -> Tensor:
    """`jnrf_ext.ops.int8_attention` as its definition, without the rounding of probabilities."""
    y = qkv.new_zeros(qkv.shape[0], qkv.shape[1], *qkv.shape[3:])
    for window, length in enumerate(lengths.tolist()):
        if length == 0:
            continue
        query, key, value = qkv[window, :length].permute(1, 2, 0, 3)  # [heads, rows, size] each
        low, high = query.amin(-1, keepdim=True), query.amax(-1, keepdim=True)
        step = (high - low) / 255
        query = low + step * ((query - low) / step.clamp(min=1e-30) + 0.5).floor()
        key = key - key.mean(1, keepdim=True)
        key = _rounded(key, key.abs().amax(-1, keepdim=True) / 127)
        value = _rounded(value, value.abs().amax(1, keepdim=True) / 127)
        probabilities = (scale * query @ key.transpose(1, 2)).softmax(-1)
        y[window, :length] = (probabilities @ value).transpose(0, 1)
    return y


def _rounded(x: Tensor, step: Tensor) -> Tensor:
    return step * (x / step.clamp(min=1e-30)).round()
