"""The pictures of relaxation; each function draws on given axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...schedules.plot import PALETTE

RED, SKY, BLACK = PALETTE[1], PALETTE[5], PALETTE[6]


def draw_bars(
    names: Sequence[str],
    means: Sequence[float],
    errors: Sequence[float],
    marks: Mapping[str, float],
    ax: Axes,
) -> None:
    """Mean costs as bars, the first at the top, with standard errors; further figures as marks.

    Args:
        names: Of the bars.
        means: Their lengths.
        errors: Standard errors; nan draws none.
        marks: Figures from elsewhere, by name.
        ax: Where to draw.
    """
    places = np.arange(len(names))[::-1]
    ax.barh(places, means, xerr=errors, color=SKY, ecolor=BLACK, capsize=3, height=0.7, zorder=2)
    for name, place, mean, error in zip(names, places, means, errors, strict=True):
        end = max(mean + (error if error > 0 else 0), marks.get(name, 0))
        look: Any = {"textcoords": "offset points", "va": "center", "fontsize": 11}
        ax.annotate(f"{mean:.1f}", (end, place), (8, 0), **look)
    marked = [place for name, place in zip(names, places, strict=True) if name in marks]
    if marked:
        x = [marks[name] for name in names if name in marks]
        ax.plot(x, marked, "D", color=RED, markersize=6, label="reference program", zorder=3)
        ax.legend(frameon=False, loc="lower right")
    ax.set_yticks(places, names)
    ax.set_xlim(0, 1.12 * max(means))
    ax.grid(axis="y", visible=False)
