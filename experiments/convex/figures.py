"""The suite's pictures; each function draws on given axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...schedules.plot import PALETTE
from ..figures import MARKERS, plain_log
from .gains import GROUPS, NETWORK, Gain
from .suite import NAMES, REFERENCE, Result

NEAR = 1.7
"""Gains up to this factor from 1 have a panel of their own."""

RIGHT, CLOSE = 20.0, 1.15
"""Predicted gains above the first are at the right of the picture; those within the factor CLOSE of
each other are drawn close together."""


def draw_gaps(results: Sequence[Result], ax: Axes) -> None:
    """Gaps over that of linear decay: a row a set, a mark a schedule; left is better."""
    rows = np.arange(len(results))[::-1]
    ax.set_xscale("log")
    for i, name in enumerate(NAMES):
        ratios = [r.tuned[name].gap / r.tuned[REFERENCE].gap for r in results]
        ax.plot(ratios, rows, **_marks(i), label=name, zorder=3)
    ax.axvline(1, color=PALETTE[4], linewidth=1.5)
    ax.set_yticks(rows, [result.name for result in results])
    ax.set(xlabel="final training gap f - f* over that of linear decay (left is better)")
    plain_log(ax.xaxis)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=6)


def draw_gains(gains: Sequence[Gain], ax: Axes) -> None:
    """Measured against predicted gain of refining, a mark a problem, with standard errors."""
    ax.set(xscale="log", yscale="log")
    _draw(gains, ax)
    _name([gain for gain in gains if not _near(gain)], ax)
    plain_log(ax.xaxis)
    plain_log(ax.yaxis)
    ax.legend(frameon=False, loc="upper left")


def draw_near(gains: Sequence[Gain], ax: Axes) -> None:
    """The same where both gains are near 1; the networks have their names, high and low in turn."""
    near = [gain for gain in gains if _near(gain)]
    _draw(near, ax)
    networks = [gain for gain in near if gain.group == NETWORK]
    line: Any = {"textcoords": "offset points", "arrowprops": {"arrowstyle": "-", "color": "0.5"}}
    for i, gain in enumerate(sorted(networks, key=lambda gain: gain.predicted)):
        ax.annotate(gain.name, (gain.predicted, gain.measured), (8, 34 if i % 2 else 6), **line)
    ax.set(title="the same near 1")


def _draw(gains: Sequence[Gain], ax: Axes) -> None:
    for i, label in enumerate(GROUPS):
        group = [gain for gain in gains if gain.group == label]
        x, y = [gain.predicted for gain in group], [gain.measured for gain in group]
        errors = [gain.stderr for gain in group]
        ax.errorbar(x, y, errors, **_marks(i), capsize=3, label=label)
    top = max((gain.predicted for gain in gains), default=1.0)
    ax.plot([1, top], [1, top], "--", color=PALETTE[6], linewidth=1.5, label="as predicted")
    ax.axhline(1, color=PALETTE[6], linewidth=1.5, label="no gain")
    ax.set_xlabel("predicted gain, from the norms of one linear run")
    ax.set_ylabel("measured gain: linear's metric / refined's")


def _near(gain: Gain) -> bool:
    return max(gain.predicted, gain.measured, 1 / gain.measured) <= NEAR


def _name(gains: Sequence[Gain], ax: Axes) -> None:
    """Names above or below the line of no gain; where marks are close, one under the other."""
    line, last = 0, 0.0
    for gain in sorted(gains, key=lambda gain: gain.predicted):
        line = line + 1 if gain.predicted < CLOSE * last else 0
        side = -1 if gain.predicted > RIGHT else 1
        beside: Any = {"textcoords": "offset points", "ha": "left" if side > 0 else "right"}
        beside["bbox"] = {"color": "white", "pad": 0.5, "alpha": 0.8}
        offset = (8 * side, 8 + 18 * line if gain.measured >= 1 else -18 * (1 + line))
        ax.annotate(gain.name, (gain.predicted, gain.measured), offset, **beside)
        last = gain.predicted


def _marks(i: int) -> Any:
    """The i-th kind of mark of a picture."""
    return {"color": PALETTE[i], "marker": MARKERS[i], "markersize": 8, "linestyle": "none"}
