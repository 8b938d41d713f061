"""The picture of ``ritard autolrs``: the rate over the run, and what was tried on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ...schedules import Schedule
from ...schedules.plot import PALETTE
from ...tuners.autolrs import Report
from ..figures import picture, plain_log

BLUE, RED, ORANGE = PALETTE[0], PALETTE[1], PALETTE[4]


def save_search(
    schedule: Schedule, reports: Sequence[Report], lr: float, steps: int, path: Path
) -> None:
    """Draw into a file, which is there whole or not at all."""
    with picture(path, (8, 4.8)) as (ax,):
        draw_search(schedule, reports, lr, steps, ax)


def draw_search(
    schedule: Schedule, reports: Sequence[Report], lr: float, steps: int, ax: Axes
) -> None:
    """The rate over the updates; a dot for each rate tried, filled if chosen, a cross if lost."""
    t = np.arange(steps)
    rates = lr * schedule(t, steps)
    ax.plot(t, np.where(rates > 0, rates, np.nan), color=BLUE, linewidth=2.5, label="rate")
    for report in reports:
        for trial in report.trials:
            lost = math.isnan(trial.difference) or trial.stopped
            chosen = trial.scale == report.scale
            ax.scatter(
                report.start,
                lr * trial.scale,
                marker="x" if lost else "o",
                color=RED if lost else BLUE if chosen else ORANGE,
                s=70 if chosen else 40,
                zorder=3,
            )
    ax.set(xlabel="update", ylabel="learning rate", yscale="log", xlim=(-0.02 * steps, steps))
    floor = min((lr * trial.scale for r in reports for trial in r.trials), default=lr) / 3
    ax.set_ylim(bottom=floor)
    plain_log(ax.yaxis)
