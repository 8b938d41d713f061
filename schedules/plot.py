"""Drawing schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .budget import Budget
from .schedule import Schedule, operands

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442",
)  # fmt: skip
"""Colours that a colour-blind reader tells apart (Okabe & Ito)."""

DASHES = ("-", "--", "-.", ":")
"""Line styles, taken in turn when the colours have been used once."""


def plot_schedules(
    schedules: Sequence[Schedule] | Mapping[str, Schedule],
    total_steps: int | Budget = 1000,
    ax: Axes | None = None,
) -> Axes:
    """Draw multipliers over the run, one line for each schedule.

    Args:
        schedules: Schedules, labelled by their text form, or a dict from labels.
        total_steps: Horizon, which matters where phases are given as counts.
        ax: Where to draw; a new figure's axes by default.

    Returns:
        The axes.

    Raises:
        TypeError: no list or dict of schedules.
        ValueError: an empty one, or a schedule that does not fit the horizon.
        ImportError: matplotlib is not installed.
    """
    labelled = _labelled(schedules)
    budget = Budget.of(total_steps)
    x = np.linspace(0.0, 1.0, 2001)
    lines = [(label, s(x * budget.total, budget)) for label, s in labelled]
    ax = ax if ax is not None else _new_axes()
    for i, (label, y) in enumerate(lines):
        ax.plot(100 * x, y, label=label, linewidth=2, **line_style(i))
    ax.set(xlabel="progress of the run (%)", ylabel="multiplier of the base rate", xlim=(0, 100))
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def line_style(i: int) -> dict[str, Any]:
    """Colour and dashes of the i-th line of a picture, the same in all pictures."""
    turn, colour = divmod(i, len(PALETTE))
    return {"color": PALETTE[colour], "linestyle": DASHES[turn % len(DASHES)]}


def _labelled(
    schedules: Sequence[Schedule] | Mapping[str, Schedule],
) -> list[tuple[str, Schedule]]:
    if isinstance(schedules, Mapping) and schedules:
        return list(zip(schedules, operands("schedules", schedules.values()), strict=True))
    return [(str(schedule), schedule) for schedule in operands("schedules", schedules)]


def _new_axes() -> Axes:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('plots need matplotlib: pip install "ritard[experiments]"') from error
    return plt.subplots(figsize=(8, 4.5), layout="constrained")[1]
