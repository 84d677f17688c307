"""The optimizer, the course of its learning rate, and gradient clipping."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from jnrf.training.config import OptimConfig

_POLYNOMIAL = ("alpha", "beta", "gamma")


def build_optimizer(
    model: nn.Module, config: OptimConfig, capturable: bool = False
) -> torch.optim.Optimizer:
    """Adam or AdamW over the trainable weights, in up to three groups.

    Matrices decay; vectors (biases, norms) do not; the distance polynomials alpha, beta and gamma
    do not either, and may have a learning rate of their own. Each group keeps its highest learning
    rate as ``base_lr``.

    ``capturable`` makes its steps fit for a CUDA graph: learning rates are then tensors on the
    weights' device, which a graph reads anew at every replay.
    """
    matrices, vectors, polynomials = [], [], []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.rpartition(".")[2] in _POLYNOMIAL:
            polynomials.append(parameter)
        else:
            (matrices if parameter.ndim > 1 else vectors).append(parameter)
    polynomial_lr = config.lr if config.lr_polynomial is None else config.lr_polynomial
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay, "base_lr": config.lr},
        {"params": vectors, "weight_decay": 0.0, "base_lr": config.lr},
        {"params": polynomials, "weight_decay": 0.0, "base_lr": polynomial_lr},
    ]
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    groups = [group for group in groups if group["params"]]
    for group in groups if capturable else ():
        group["lr"] = torch.tensor(group["base_lr"], device=group["params"][0].device)
    # One fused pass over all weights: on two cores several times faster than one by one.
    return kind(groups, lr=config.lr, betas=config.betas, fused=True, capturable=capturable)


def schedule(config: OptimConfig, progress: float) -> float:
    """The learning rate as a share of its highest, at ``progress`` in [0, 1] through the run."""
    if progress < config.warmup:
        return progress / config.warmup
    after = (progress - config.warmup) / (1 - config.warmup) if config.warmup < 1 else 1.0
    if config.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * after))
    return 1 - after if config.schedule == "linear" else 1.0


def set_learning_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Each group's learning rate becomes ``share`` of its highest."""
    for group in optimizer.param_groups:
        learning_rate = group["base_lr"] * share
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(learning_rate)  # in place: a CUDA graph knows this tensor
        else:
            group["lr"] = learning_rate


def clip_gradients(optimizer: torch.optim.Optimizer, config: OptimConfig) -> Tensor:
    """Clip by value, then by norm over all weights, as configured; the norm before the latter."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    gradients = [p.grad for p in parameters if p.grad is not None]
    if config.clip_value > 0:
        nn.utils.clip_grad_value_(parameters, config.clip_value)
    norm = nn.utils.get_total_norm(gradients)
    if config.clip_norm > 0:
        nn.utils.clip_grads_with_norm_(parameters, config.clip_norm, norm)
    return norm
