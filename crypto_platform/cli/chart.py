"""A small line chart in the terminal, drawn with braille dots on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def price_chart(labels: Sequence[str], values: Sequence[float], *, width: int = 64, height: int = 10) -> list[str]:
    """Lines of text: prices against the labels' order, the scale on the left, first and last label below."""
    if not values:
        return ["no prices yet"]
    logs = [math.log10(value) for value in values]
    low, high = min(logs), max(logs)
    span = (high - low) or 1.0
    rows, columns = height * 4, width * 2
    grid = [[0] * width for _ in range(height)]
    before: int | None = None
    for x in range(columns):
        index = min(len(logs) - 1, round(x / (columns - 1) * (len(logs) - 1)))
        y = round((high - logs[index]) / span * (rows - 1))
        for dot in range(min(y, before if before is not None else y), max(y, before if before is not None else y) + 1):
            grid[dot // 4][x // 2] |= _DOTS[dot % 4][x % 2]
        before = y
    lines = []
    for number, cells in enumerate(grid):
        shown = number in (0, height // 2, height - 1)
        price = 10 ** (high - span * number / (height - 1))
        scale = f"{price:>12,.0f}" if shown and price >= 100 else f"{price:>12.4g}" if shown else " " * 12
        lines.append(f"{scale} │" + "".join(chr(0x2800 + dots) if dots else " " for dots in cells))
    lines.append(" " * 13 + "└" + "─" * width)
    lines.append(" " * 14 + labels[0] + labels[-1].rjust(width - len(labels[0])))
    return lines
