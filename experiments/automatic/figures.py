"""The picture of a comparison: metric over all updates, and the rates that were chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...schedules.plot import PALETTE, line_style
from ..figures import MARKERS, WIDE, plain_log, save
from .methods import METHODS
from .setting import Setting
from .summary import OURS as IMPROVED
from .summary import REFERENCE, Row
from .tables import chosen_rates

OURS = ("autolrs", "range test")


def save_comparison(setting: Setting, metric: str, found: Sequence[Row], path: Path) -> None:
    """Draw three panels into a file: peers, our own methods, and the rates these chose."""
    mine = [row for row in found if row.label.startswith((REFERENCE, *OURS))]
    others = [row for row in found if not row.label.startswith(OURS) or row.label == IMPROVED]
    look = _looks([row.label for row in found])
    limits = _limits(found)
    panels = [partial(draw_curves, setting, metric, rows, look, limits) for rows in (others, mine)]
    searched = [row for row in mine if "stages" in row.chosen.trials[0].notes]
    save([*panels, partial(draw_rates, setting, searched, look)], (19, 5.5), path)


def draw_curves(
    setting: Setting,
    metric: str,
    found: Sequence[Row],
    look: dict[str, dict[str, Any]],
    limits: tuple[float, float],
    ax: Axes,
) -> None:
    """Mean metric over the seeds at each tenth of the updates, and the range of the seeds."""
    steps = np.arange(1, 11) * setting.steps / 10
    for row in found:
        style = look[row.label]
        ax.plot(steps, row.curve.mean(0), label=row.label, **style, linewidth=2, markersize=6)
        low, high = row.curve.min(0), row.curve.max(0)
        ax.fill_between(steps, low, high, color=style["color"], alpha=0.1, linewidth=0)
    ax.set(xlabel="updates, searches included", ylabel=f"test {metric}", ylim=limits)
    ax.set_title(setting.name)
    if limits[1] > WIDE * limits[0] > 0:
        ax.set_yscale("log")
        plain_log(ax.yaxis)
    ax.legend(fontsize=9, frameon=False)


def draw_rates(
    setting: Setting, found: Sequence[Row], look: dict[str, dict[str, Any]], ax: Axes
) -> None:
    """The rates that searches chose, before the base schedule's own decay; a line a seed."""
    for row in found:
        for i, trial in enumerate(row.chosen.trials):
            chosen = [(0, row.chosen.lr), *chosen_rates(trial.notes, row.chosen.lr)]
            end = trial.notes["productive"]
            x = [start for start, _ in chosen] + [end]
            y = [rate for _, rate in chosen] + [chosen[-1][1]]
            style: Any = look[row.label] | {"marker": ""}
            ax.step(x, y, where="post", **style, label=None if i else row.label, alpha=0.8)
    ax.set_yscale("log")
    plain_log(ax.yaxis)
    ax.set(xlabel="productive updates", ylabel="chosen rate", title=setting.name)
    if found:
        ax.legend(fontsize=9, frameon=False)


def _limits(found: Sequence[Row]) -> tuple[float, float]:
    """From the least reading to what most methods are below of after a fifth of the run."""
    readings = np.concatenate([row.curve.mean(0)[1:] for row in found])
    finite = readings[np.isfinite(readings)]
    low, high = float(finite.min()), float(np.quantile(finite, 0.9))
    margin = 0.05 * (high - low) if math.isfinite(high - low) else 0.0
    return low - margin, high + margin


def _looks(labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The look of each: a method's own in every picture, no two of a panel alike."""
    first = [name for name in METHODS if not name.startswith(OURS)] + [IMPROVED]
    rest = [name for name in [*METHODS, *labels] if name not in first]
    # From here on colours come again, dashed; the reference's and that after it are left out.
    order = dict.fromkeys([*first, "", " ", *rest])
    place = {name: i for i, name in enumerate(order)}
    return {label: _look(place[label]) for label in labels}


def _look(i: int) -> dict[str, Any]:
    """Colour, dashes and marker; yellow on white is left out."""
    style = line_style(i)
    if style["color"] == PALETTE[7]:
        style = style | {"color": "#666666"}
    return style | {"marker": MARKERS[i % len(MARKERS)]}
