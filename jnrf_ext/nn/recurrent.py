"""Bidirectional LSTM and GRU layers on packed documents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from jnrf_ext.errors import InputError
from jnrf_ext.nn.layers import Dropout

#: Cell -> torch's module, and the gates that one has.
CELLS = {"lstm": (nn.LSTM, 4), "gru": (nn.GRU, 3)}


@dataclass
class Steps:
    """The rows of packed documents in the order of time: first rows first, longest document first.

    ``rows int64 [2, N]`` are the rows in that order, read forwards and read backwards (each
    document from its last row); ``places int64 [2, N]`` say where each row stands in it;
    ``batch_sizes int64 [L]``, on the host, how many documents have a row at each step.
    Several layers of one call may share it.
    """

    rows: Tensor
    places: Tensor
    batch_sizes: Tensor

    def to(self, device: torch.device | str) -> Steps:
        """The same on another device; ``batch_sizes`` stay on the host."""
        rows, places = (t.to(device, non_blocking=True) for t in (self.rows, self.places))
        return Steps(rows, places, self.batch_sizes)


def time_order(cu: Tensor) -> Steps:
    """The :class:`Steps` of documents with the bounds ``cu int32 [B + 1]``, on the host."""
    bounds = cu.cpu().numpy().astype(np.int64)
    lengths = np.diff(bounds)
    by_length = np.argsort(-lengths, kind="stable")
    rank = np.empty_like(by_length)
    rank[by_length] = np.arange(len(by_length))
    # Documents with more than t rows are those that do not end at or before step t.
    ended = np.cumsum(np.bincount(lengths, minlength=1))[:-1]
    batch_sizes = len(lengths) - ended
    first_of_step = np.cumsum(batch_sizes) - batch_sizes
    position = np.arange(lengths.sum()) - np.repeat(bounds[:-1], lengths)
    backwards = np.repeat(lengths, lengths) - 1 - position
    ranks = np.repeat(rank, lengths)
    places = np.stack([first_of_step[position] + ranks, first_of_step[backwards] + ranks])
    rows = np.empty_like(places)
    for direction in range(2):
        rows[direction, places[direction]] = np.arange(places.shape[1])
    return Steps(*(torch.from_numpy(array) for array in (rows, places, batch_sizes)))


def wide(x: Tensor) -> Tensor:
    """``x``, in float32 where it is of a half-width dtype."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


class BiRecurrent(nn.Module):
    """One LSTM or GRU in both directions: ``[N, in_features] -> [N, 2 * size]``, without padding.

    The weights are those of torch's module, which computes on accelerators (cuDNN). On a CPU its
    backward takes memory and time with the square of the steps, since each step's gradient is
    padded to all rows; there both directions run together, step by step, with a backward of ours
    whose sums over rows are a few large products.
    """

    def __init__(self, in_features: int, size: int, cell: str):
        super().__init__()
        if cell not in CELLS:
            raise InputError(
                f"model setting cell={cell!r} is not known; use one of {', '.join(CELLS)}"
            )
        module, self.gates = CELLS[cell]
        self.size = size
        self.cell = cell
        self.rnn = module(in_features, size, bidirectional=True)

    def forward(self, x: Tensor, cu: Tensor | Steps) -> Tensor:
        """``x [N, in_features]`` packed by ``cu``, int32 ``[B + 1]`` on the host, or their Steps.

        The result is at least float32: under autocast too, sums over steps are not narrowed.
        """
        steps = cu if isinstance(cu, Steps) else time_order(cu)
        steps = steps.to(x.device)
        with torch.autocast(x.device.type, enabled=False):
            x = wide(x)
            if x.device.type == "cpu" or len(x) == 0:
                return self._step_by_step(x, steps)
            return self._by_torch(x, steps)

    def _by_torch(self, x: Tensor, steps: Steps) -> Tensor:
        data = x.index_select(0, steps.rows[0])
        output, _ = self.rnn(PackedSequence(data, steps.batch_sizes))
        return output.data.index_select(0, steps.places[0])

    def _step_by_step(self, x: Tensor, steps: Steps) -> Tensor:
        of_input, of_state, input_bias, state_bias = (
            torch.stack([getattr(self.rnn, f"{name}_l0{way}") for way in ("", "_reverse")])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        both = x.index_select(0, steps.rows.flatten()).view(2, len(x), x.shape[1])
        gates = torch.baddbmm(input_bias.unsqueeze(1), both, of_input.transpose(1, 2))
        recurrence = _Lstm if self.cell == "lstm" else _Gru
        out = recurrence.apply(gates, of_state, state_bias, steps.batch_sizes)
        return torch.cat([out[way].index_select(0, steps.places[way]) for way in range(2)], dim=1)


class RecurrentLayer(nn.Module):
    """Dropout on the input, then one bidirectional LSTM or GRU, ``hidden_size // 2`` a direction.

    ``cell`` is "lstm" or "gru".
    """

    def __init__(self, hidden_size: int, cell: str, dropout: float):
        super().__init__()
        if hidden_size % 2:
            raise InputError(
                f"model setting hidden_size={hidden_size} must be even: "
                "half of it goes to each direction of a recurrent layer"
            )
        self.dropout = Dropout(dropout)
        self.recurrent = BiRecurrent(hidden_size, hidden_size // 2, cell)

    def forward(self, x: Tensor, cu: Tensor | Steps) -> Tensor:
        """``x [N, H]`` packed by ``cu int32 [B + 1]`` on the host, or by its Steps, -> ``[N, H]``.

        Float32 or wider, under autocast too.
        """
        return self.recurrent(self.dropout(x), cu)


# ---------------------------------------------------------------- step by step, on a CPU
#
# Rows are in the order of Steps. What depends on the row alone is computed for all rows at once,
# before the loop over steps or after it; within the loop stands only what needs the step before.


def _previous(rows: Tensor, batch_sizes: Tensor) -> Tensor:
    """For each row ``[2, N, ...]`` that of the step before; zeros at the first step."""
    sizes = batch_sizes.tolist()
    result = torch.zeros_like(rows)
    if len(sizes) > 1:
        later = torch.arange(sizes[0], rows.shape[1])
        before = later - batch_sizes[:-1].repeat_interleave(batch_sizes[1:])
        torch.index_select(rows, 1, before, out=result[:, sizes[0] :])
    return result


def _steps_of(rows: Tensor, sizes: list[int]) -> tuple[Tensor, ...]:
    return rows.split(sizes, dim=1) if sizes else ()


def _first(rows: Tensor, size: int) -> Tensor:
    return rows if rows.shape[1] == size else rows[:, :size]


def _weight_gradients(of_gates: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of ``weight_hh`` and ``bias_hh`` from those of the gates ``[2, N, G]``."""
    return torch.bmm(of_gates.transpose(1, 2), previous), of_gates.sum(1)


class _Lstm(torch.autograd.Function):
    """The recurrence of Hochreiter and Schmidhuber (1997) with forget gates; gates i, f, g, o."""

    @staticmethod
    def forward(ctx, gates, weight, bias, batch_sizes):
        sizes = batch_sizes.tolist()
        size = weight.shape[2]
        gates = (gates + bias.unsqueeze(1)).contiguous()
        cells = gates.new_empty(2, gates.shape[1], size)
        out, squashed = torch.empty_like(cells), torch.empty_like(cells)
        of_state = weight.transpose(1, 2).contiguous()
        parts = (gates[..., : 2 * size], *gates[..., 2 * size :].split(size, dim=2))
        inputs, forgets = parts[0].split(size, dim=2)
        columns = (gates, *parts, inputs, forgets, cells, squashed, out)
        state = cell = None
        for all_gates, i_f, g, o, i, f, c, t, h in zip(
            *(_steps_of(column, sizes) for column in columns), strict=True
        ):
            if state is not None:
                all_gates.baddbmm_(_first(state, h.shape[1]), of_state)
            i_f.sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(i, g, out=c)
            if cell is not None:
                c.addcmul_(f, _first(cell, h.shape[1]))
            torch.tanh(c, out=t)
            torch.mul(o, t, out=h)
            state, cell = h, c
        ctx.save_for_backward(gates, weight, cells, squashed, out)
        ctx.batch_sizes = batch_sizes
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        gates, weight, cells, squashed, out = ctx.saved_tensors
        sizes = ctx.batch_sizes.tolist()
        i, f, g, o = gates.split(weight.shape[2], dim=2)
        # The gates' gradients are these factors times that of the cell (i, f, g) or the state (o).
        factors = torch.stack(
            [g * i * (1 - i), _previous(cells, ctx.batch_sizes) * f * (1 - f), i * (1 - g * g)], 2
        )
        of_output = squashed * o * (1 - o)
        to_cell = o * (1 - squashed * squashed)
        grad = grad.clone(memory_format=torch.contiguous_format)
        of_cells = torch.zeros_like(cells)
        of_gates = torch.empty_like(gates)
        by_gate = of_gates.unflatten(2, (4, -1))
        columns = (grad, of_cells, of_cells.unsqueeze(2), to_cell, f, factors, of_output, of_gates)
        columns = (*columns, by_gate[:, :, :3], by_gate[:, :, 3])
        steps = list(zip(*(_steps_of(column, sizes) for column in columns), strict=True))
        for index in range(len(steps) - 1, -1, -1):
            dh, dc, dc_wide, through, forget, factor, of_o, dgates, dgates_c, dgates_o = steps[
                index
            ]
            dc.addcmul_(dh, through)
            torch.mul(factor, dc_wide, out=dgates_c)
            torch.mul(of_o, dh, out=dgates_o)
            if index:
                count = dh.shape[1]
                _first(steps[index - 1][0], count).baddbmm_(dgates, weight)
                _first(steps[index - 1][1], count).addcmul_(dc, forget)
        of_weight, of_bias = _weight_gradients(of_gates, _previous(out, ctx.batch_sizes))
        return of_gates, of_weight, of_bias, None


class _Gru(torch.autograd.Function):
    """The recurrence of Cho et al. (2014) in cuDNN's form; gates r, z, n."""

    @staticmethod
    def forward(ctx, gates, weight, bias, batch_sizes):
        sizes = batch_sizes.tolist()
        size = weight.shape[2]
        gates = gates.clone(memory_format=torch.contiguous_format)
        recurrent = torch.empty_like(gates)
        out = gates.new_empty(2, gates.shape[1], size)
        of_state, bias = weight.transpose(1, 2).contiguous(), bias.unsqueeze(1)
        r_z, n = gates[..., : 2 * size], gates[..., 2 * size :]
        r, z = r_z.split(size, dim=2)
        parts = (recurrent[..., : 2 * size], recurrent[..., 2 * size :])
        columns = (recurrent, *parts, r_z, r, z, n, out)
        state = gates.new_zeros(2, sizes[0] if sizes else 0, size)
        for rec, rec_r_z, rec_n, both, reset, update, new, h in zip(
            *(_steps_of(column, sizes) for column in columns), strict=True
        ):
            state = _first(state, h.shape[1])
            torch.baddbmm(bias, state, of_state, out=rec)
            both.add_(rec_r_z).sigmoid_()
            new.addcmul_(reset, rec_n).tanh_()
            torch.lerp(new, state, update, out=h)
            state = h
        ctx.save_for_backward(gates, weight, parts[1].contiguous(), out)
        ctx.batch_sizes = batch_sizes
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        gates, weight, recurrent_n, out = ctx.saved_tensors
        sizes = ctx.batch_sizes.tolist()
        r, z, n = gates.split(weight.shape[2], dim=2)
        previous = _previous(out, ctx.batch_sizes)
        # The gates' gradients are these factors times that of the state.
        to_n = (1 - z) * (1 - n * n)
        factors = torch.stack(
            [to_n * recurrent_n * r * (1 - r), (previous - n) * z * (1 - z), to_n * r], 2
        )
        grad = grad.clone(memory_format=torch.contiguous_format)
        of_recurrent = torch.empty_like(gates)
        by_gate = of_recurrent.unflatten(2, (3, -1))
        columns = (grad, grad.unsqueeze(2), z, factors, of_recurrent, by_gate)
        steps = list(zip(*(_steps_of(column, sizes) for column in columns), strict=True))
        for index in range(len(steps) - 1, -1, -1):
            dh, dh_wide, update, factor, of_rec, of_rec_by_gate = steps[index]
            torch.mul(factor, dh_wide, out=of_rec_by_gate)
            if index:
                before = _first(steps[index - 1][0], dh.shape[1])
                before.baddbmm_(of_rec, weight).addcmul_(dh, update)
        of_weight, of_bias = _weight_gradients(of_recurrent, previous)
        of_gates = torch.cat([of_recurrent[..., : -n.shape[2]], grad * to_n], dim=2)
        return of_gates, of_weight, of_bias, None
