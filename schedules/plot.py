"""Drawing schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .budget import Budget
from .schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
        ValueError: no schedules, or one that does not fit the horizon.
        ImportError: matplotlib is not installed.
    """
    labelled = dict(schedules) if isinstance(schedules, Mapping) else {str(s): s for s in schedules}
    if not labelled:
        raise ValueError(f"schedules={schedules!r}: expected at least one")
    budget = Budget.of(total_steps)
    x = np.linspace(0.0, 1.0, 2001)
    lines = {label: s(x * budget.total, budget) for label, s in labelled.items()}
    ax = ax if ax is not None else _new_axes()
    for label, y in lines.items():
        ax.plot(100 * x, y, label=label, linewidth=2)
    ax.set(xlabel="progress of the run (%)", ylabel="multiplier of the base rate", xlim=(0, 100))
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax


def _new_axes() -> Axes:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('plots need matplotlib: pip install "ritard[experiments]"') from error
    return plt.subplots(figsize=(8, 4.5), layout="constrained")[1]
