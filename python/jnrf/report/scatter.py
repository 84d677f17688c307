"""Scatter charts as inline SVG: what a score costs, a labelled mark a system."""

from __future__ import annotations

import math
from html import escape

from jnrf.report.charts import BOX, STYLES, Box, ticks

Point = tuple[float, float]


def scatter_chart(label: str, points: dict[str, Point], x_label: str, y_label: str) -> str:
    """A ``<figure>`` with one labelled mark a name, x by its logarithm; "" without points.

    Points that are not finite, or whose x is not above 0, are left out, but count for the colours
    of those behind them. y starts at 0 unless the data goes below.
    """
    finite = {
        name: (x, y)
        for name, (x, y) in points.items()
        if math.isfinite(x) and math.isfinite(y) and x > 0
    }
    if not finite:
        return ""
    xs = [math.log10(x) for x, _ in finite.values()]
    ys = [y for _, y in finite.values()]
    # Room on both sides, so that no mark or label lies on the edge.
    margin = max(0.12, 0.08 * (max(xs) - min(xs)))
    x_range, y_range = (min(xs) - margin, max(xs) + margin), (min(0.0, *ys), max(*ys, 1e-9) * 1.08)
    parts = [*_axes(BOX, x_range, y_range, x_label, y_label)]
    names: list[tuple[float, float]] = []
    for number, name in enumerate(points):
        if name not in finite:
            continue
        x, y = finite[name]
        px, py = BOX.x(math.log10(x), x_range), BOX.y(y, y_range)
        title = f"{escape(name)}: {x:.4g} {escape(x_label)}, {y:.4g} {escape(y_label)}"
        parts.append(
            f'<circle class="dot s{number % STYLES}" cx="{px}" cy="{py}" r="5">'
            f"<title>{title}</title></circle>"
        )
        parts.append(_name(name, px, py, names))
    return (
        f'<figure class="chart"><figcaption>{escape(label)}</figcaption>'
        f'<svg viewBox="0 0 {BOX.width} {BOX.height}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg></figure>'
    )


def _name(name: str, x: float, y: float, taken: list[tuple[float, float]]) -> str:
    """A mark's label on the side with more room, moved off the labels that are there already."""
    right = x < BOX.width / 2
    line = y + 4
    while any(abs(line - other) < 12 and side == right for side, other in taken):
        line -= 12
    taken.append((right, line))
    place = x + 9 if right else x - 9
    return f'<text class="name{"" if right else " left"}" x="{place:g}" y="{line:g}">' + (
        f"{escape(name)}</text>"
    )


def _axes(box: Box, x_range: Point, y_range: Point, x_label: str, y_label: str) -> list[str]:
    parts = []
    for value in ticks(*y_range):
        y = box.y(value, y_range)
        parts.append(box.horizontal(y))
        parts.append(f'<text class="tick y" x="{box.left - 6}" y="{y + 4}">{value:g}</text>')
    for value in log_ticks(*x_range):
        x = box.x(math.log10(value), x_range)
        parts.append(f'<text class="tick x" x="{x}" y="{box.height - 18}">{value:g}</text>')
    parts.append(
        f'<text class="axis" x="{box.width - box.right}" y="{box.height - 3}">'
        f"{escape(x_label)}, logarithmic</text>"
    )
    parts.append(f'<text class="axis top" x="4" y="{box.top - 2}">{escape(y_label)}</text>')
    return parts


def log_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """1, 2 and 5 times powers of ten in [10**low, 10**high], or powers alone where it is wide."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    for factors in ((1, 2, 5), (1,)):
        values = [f * 10.0**power for power in powers for f in factors]
        values = [v for v in values if low <= math.log10(v) <= high]
        if len(values) <= most:
            break
    if not values:  # a range between two of them: its middle
        return [float(f"{10 ** ((low + high) / 2):.2g}")]
    return values
