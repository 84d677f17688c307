"""The compiled operators: torch functions on packed documents, differentiable and traceable."""

from jnrf_ext.ops.fourier_mix import fourier_mix, fourier_mix_norm

__all__ = ["fourier_mix", "fourier_mix_norm"]
