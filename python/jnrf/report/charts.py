"""Line charts as inline SVG, drawn by ourselves so that a page needs nothing from outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT = 420, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 34

Points = Sequence[tuple[float, float]]


def line_chart(
    label: str, series: dict[str, Points], unit: tuple[float, float] | None = None, mark: float = -1
) -> str:
    """An ``<figure>`` with one line a series over the epochs, and its legend.

    ``unit`` fixes the range of y; else it is that of the data. ``mark`` draws a line at that epoch.
    Points that are not finite are left out. Lines differ by dashes as well as by colour.
    """
    finite = {
        name: [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
        for name, points in series.items()
    }
    everything = [point for points in finite.values() for point in points]
    if not everything:
        return ""
    xs, ys = zip(*everything, strict=True)
    x_range = min(xs), max(xs)
    y_range = unit or (min(0.0, *ys), max(ys))
    parts = [*_axes(x_range, y_range)]
    if x_range[0] <= mark <= x_range[1]:
        x = _x(mark, x_range)
        parts.append(f'<line class="best" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text class="best" x="{x - 4}" y="{_TOP + 10}">best</text>')
    for number, (name, points) in enumerate(finite.items()):
        parts.append(_line(number, name, points, x_range, y_range))
    legend = "".join(
        f'<li><svg viewBox="0 0 26 8" width="26" height="8" aria-hidden="true">'
        f'<line class="series s{number % 6}" x1="0" x2="26" y1="4" y2="4"/></svg>'
        f"{escape(name)}</li>"
        for number, name in enumerate(finite)
    )
    return (
        f'<figure class="chart"><figcaption>{escape(label)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)} by epoch">'
        f'{"".join(parts)}</svg><ul class="legend">{legend}</ul></figure>'
    )


def _x(value: float, span: tuple[float, float]) -> float:
    share = (value - span[0]) / (span[1] - span[0]) if span[1] > span[0] else 0.5
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(value: float, span: tuple[float, float]) -> float:
    share = (value - span[0]) / (span[1] - span[0]) if span[1] > span[0] else 0.5
    return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)


def _line(
    number: int, name: str, points: Points, x_range: tuple[float, float], y_range: tuple
) -> str:
    places = [(_x(x, x_range), _y(y, y_range)) for x, y in points]
    path = " ".join(f"{x},{y}" for x, y in places)
    radius = 2.5 if len(points) < 60 else 1
    dots = "".join(
        f'<circle class="dot s{number % 6}" cx="{px}" cy="{py}" r="{radius}">'
        f"<title>{escape(name)}, epoch {x:g}: {y:.4g}</title></circle>"
        for (px, py), (x, y) in zip(places, points, strict=True)
    )
    return f'<polyline class="series s{number % 6}" points="{path}"/>{dots}'


def _axes(x_range: tuple[float, float], y_range: tuple[float, float]) -> list[str]:
    parts = []
    for value in ticks(*y_range):
        y = _y(value, y_range)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick y" x="{_LEFT - 6}" y="{y + 4}">{value:g}</text>')
    for value in ticks(*x_range):
        if value == int(value):
            x = _x(value, x_range)
            parts.append(f'<text class="tick x" x="{x}" y="{_HEIGHT - 18}">{value:g}</text>')
    parts.append(f'<text class="tick x" x="{_WIDTH - _RIGHT - 16}" y="{_HEIGHT - 3}">epoch</text>')
    return parts


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that divide a range."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]
