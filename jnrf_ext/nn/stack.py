"""Layers one after another: those that tasks share, and those of a task alone."""

from __future__ import annotations

from torch import Tensor, nn

from jnrf_ext.config import JNRFConfig
from jnrf_ext.nn.convolution import ConvolutionLayer
from jnrf_ext.nn.layers import FourierLayer
from jnrf_ext.nn.recurrent import RecurrentLayer, time_order
from jnrf_ext.packing.outline import Layout


class Stack(nn.ModuleList):
    """Layers one after another, Fourier or recurrent, on rows packed as a layout says."""

    def __init__(self, config: JNRFConfig, count: int, windows: list[int], shared: bool = False):
        """``windows`` as in `JNRFConfig.mixing_windows`; ``shared`` has one layer do for all."""
        super().__init__(build_layer(config, n) for n in range(min(count, 1) if shared else count))
        self.count, self.windows = count, windows or [0] * count

    def forward(self, x: Tensor, layout: Layout, phase: int = 0) -> Tensor:
        """``x [N, H]`` -> ``[N, H]``; ``phase`` shifts the windows of Fourier layers."""
        steps = None
        for index in range(self.count):
            layer = self[index % len(self)]
            if isinstance(layer, FourierLayer):
                window = self.windows[index]
                # Every second windowed layer starts half a window in, so that borders move.
                shift = phase + (window // 2 if index % 2 else 0)
                x = layer(x, layout.cu_rows, window, shift)
            elif isinstance(layer, ConvolutionLayer):
                x = layer(x, layout.cu_rows)
            else:
                steps = time_order(layout.cu_segments) if steps is None else steps
                x = layer(x, steps)
        return x


def build_layer(config: JNRFConfig, number: int) -> nn.Module:
    """A layer of the configuration's kind; ``number`` counts those of a stack from 0."""
    size, dropout = config.hidden_size, config.layer_dropout
    if config.layer_kind == "convolution":
        return ConvolutionLayer(size, 2 ** (number % 3), dropout)
    if config.layer_kind != "fourier":
        return RecurrentLayer(size, config.layer_kind, dropout)
    return FourierLayer(size, config.expansion, dropout, config.fourier_scale, config.orthonormal)
