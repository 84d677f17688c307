"""Line charts as inline SVG, drawn by ourselves so that a page needs nothing from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

#: Classes s0, s1, ... of the style sheet
STYLES = 8


@dataclass(frozen=True)
class Box:
    """A drawing's size and the margins around its plot, in SVG units."""

    width: int = 420
    height: int = 220
    left: int = 44
    right: int = 12
    top: int = 12
    bottom: int = 34

    def x(self, value: float, span: tuple[float, float]) -> float:
        """Where a value of the range lies; the middle where the range is a point."""
        share = (value - span[0]) / (span[1] - span[0]) if span[1] > span[0] else 0.5
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def y(self, value: float, span: tuple[float, float]) -> float:
        """The same upwards."""
        share = (value - span[0]) / (span[1] - span[0]) if span[1] > span[0] else 0.5
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)

    def horizontal(self, y: float) -> str:
        """A grid line."""
        return (
            f'<line class="grid" x1="{self.left}" x2="{self.width - self.right}" y1="{y}" '
            f'y2="{y}"/>'
        )


BOX = Box()


def line_chart(
    label: str,
    series: Mapping[str, Points],
    unit: tuple[float, float] | None = None,
    mark: float = -1,
    x_label: str = "epoch",
) -> str:
    """An ``<figure>`` with one line a series over the epochs, and its legend.

    ``unit`` fixes the range of y; else it is that of the data. ``mark`` draws a line at that epoch.
    ``x_label`` names what x counts where it is not epochs. Points that are not finite are left out.
    Lines differ by dashes as well as by colour.
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
    parts = [*_axes(x_range, y_range, x_label)]
    if x_range[0] <= mark <= x_range[1]:
        x, bottom = BOX.x(mark, x_range), BOX.height - BOX.bottom
        parts.append(f'<line class="best" x1="{x}" x2="{x}" y1="{BOX.top}" y2="{bottom}"/>')
        # Before the line; after it where the numbers of the y axis are in the way.
        side, gap = ("after", 4) if x - BOX.left < 30 else ("before", -4)
        text = f'<text class="best {side}" x="{x + gap}" y="{BOX.top + 10}">best</text>'
        parts.append(text)
    for number, (name, points) in enumerate(finite.items()):
        parts.append(_line(number, name, points, x_range, y_range, x_label))
    legend = "".join(
        f'<li><svg viewBox="0 0 26 8" width="26" height="8" aria-hidden="true">'
        f'<line class="series s{number % STYLES}" x1="0" x2="26" y1="4" y2="4"/></svg>'
        f"{escape(name)}</li>"
        for number, name in enumerate(finite)
    )
    return (
        f'<figure class="chart"><figcaption>{escape(label)}</figcaption>'
        f'<svg viewBox="0 0 {BOX.width} {BOX.height}" role="img" '
        f'aria-label="{escape(label)} by {escape(x_label)}">'
        f'{"".join(parts)}</svg><ul class="legend">{legend}</ul></figure>'
    )


def _line(
    number: int,
    name: str,
    points: Points,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_label: str,
) -> str:
    places = [(BOX.x(x, x_range), BOX.y(y, y_range)) for x, y in points]
    path = " ".join(f"{x},{y}" for x, y in places)
    radius = 2.5 if len(points) < 60 else 1
    dots = "".join(
        f'<circle class="dot s{number % STYLES}" cx="{px}" cy="{py}" r="{radius}">'
        f"<title>{escape(name)}, {escape(x_label)} {x:g}: {y:.4g}</title></circle>"
        for (px, py), (x, y) in zip(places, points, strict=True)
    )
    return f'<polyline class="series s{number % STYLES}" points="{path}"/>{dots}'


def _axes(x_range: tuple[float, float], y_range: tuple[float, float], x_label: str) -> list[str]:
    parts = []
    for value in ticks(*y_range):
        y = BOX.y(value, y_range)
        parts.append(BOX.horizontal(y))
        parts.append(f'<text class="tick y" x="{BOX.left - 6}" y="{y + 4}">{value:g}</text>')
    for value in ticks(*x_range):
        if value == int(value) or x_label != "epoch":
            x = BOX.x(value, x_range)
            parts.append(f'<text class="tick x" x="{x}" y="{BOX.height - 18}">{value:g}</text>')
    parts.append(
        f'<text class="axis" x="{BOX.width - BOX.right}" y="{BOX.height - 3}">'
        f"{escape(x_label)}</text>"
    )
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
