"""Pictures of gradient norms, what they call for, and bounds; each function draws on given axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ..schedules import ClosedForm, Cosine, GradNorms, Linear, Schedule, Tabulated
from ..schedules.plot import PALETTE, line_style
from ..schedules.refinement.refine import filtered
from .figures import picture, plain_log

BLUE, RED, GREEN, _, ORANGE = PALETTE[:5]
SIZE = (12, 4.8)
POINTS = 2001
"""Points of a curve; of more norms than these, the range is drawn in as many bins."""


def save_refinement(
    norms: GradNorms, smoothing: float, schedule: Tabulated, form: ClosedForm, path: Path
) -> None:
    """Draw the norms of a run and what they call for into a file."""
    with picture(path, SIZE, columns=2) as (left, right):
        draw_norms(norms, smoothing, left)
        draw_refined(schedule, form, right)


def save_scores(
    schedules: Sequence[Schedule], relative: Sequence[float], steps: int, path: Path
) -> None:
    """Draw schedules and their bounds over the best one's into a file."""
    with picture(path, SIZE, columns=2) as (left, right):
        draw_schedules(schedules, steps, left)
        draw_scores(schedules, relative, right)


def draw_norms(norms: GradNorms, smoothing: float, ax: Axes) -> None:
    """Norms as recorded and as filtered, over the run."""
    raw, smooth = norms.filled(), filtered(norms, smoothing)
    median = np.median(raw[raw > 0])
    x = 100 * np.linspace(0, 1, len(raw))
    at, low, high = _ranges(x, raw)
    ax.fill_between(at, low, high, color=ORANGE, alpha=0.5, linewidth=0.8, label="recorded")
    keep = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int))
    ax.plot(x[keep], smooth[keep] * median, color=BLUE, linewidth=2, label="filtered")
    ax.set(xlabel="progress of the run (%)", ylabel=f"{norms.norm} norm of the gradient")
    ax.set(yscale="log", xlim=(0, 100))
    plain_log(ax.yaxis)
    ax.legend(frameon=False)


def _ranges(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Middle, least and largest of positive values in bins of neighbours."""
    values = np.where(values > 0, values, np.nan)  # a log axis has no place for zero
    starts = np.unique(np.linspace(0, len(x), min(len(x), POINTS), endpoint=False).astype(int))
    low, high = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    return x[starts], low, high


def draw_refined(schedule: Tabulated, form: ClosedForm, ax: Axes) -> None:
    """The refined schedule, its closed form, and linear and cosine for comparison."""
    x = np.linspace(0, 1, POINTS)
    label = f"closed form: warm-up {form.warmup:.3g}, power {form.power:.3g}"
    peak = max(schedule.table)
    ax.plot(100 * x, Linear()(x, 1.0), "--", color=PALETTE[6], linewidth=1.5, label="linear")
    ax.plot(100 * x, Cosine()(x, 1.0), ":", color=GREEN, linewidth=2, label="cosine")
    ax.plot(100 * x, schedule(x, 1.0), color=BLUE, linewidth=2.5, label="refined")
    ax.plot(100 * x, form(x) * peak, "-.", color=RED, linewidth=2, label=label)
    ax.set(xlabel="progress of the run (%)", ylabel="multiplier of the base rate", xlim=(0, 100))
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)


def draw_schedules(schedules: Sequence[Schedule], steps: int, ax: Axes) -> None:
    """Schedules over a run, in the colours of their bounds."""
    t = np.linspace(0, steps, POINTS)
    for i, schedule in enumerate(schedules):
        ax.plot(t, schedule(t, steps), linewidth=2, **line_style(i))
    ax.set(xlabel="update", ylabel="multiplier of the base rate", xlim=(0, steps))
    ax.set_ylim(bottom=0)


def draw_scores(schedules: Sequence[Schedule], relative: Sequence[float], ax: Axes) -> None:
    """Bounds over the best one's: how far each dot is from 1, the best at the top."""
    order = np.argsort(relative, kind="stable")[::-1]
    values = np.array(relative)[order]
    ax.hlines(range(len(order)), 1, values, colors=[PALETTE[i % len(PALETTE)] for i in order])
    ax.scatter(values, range(len(order)), s=80, c=[PALETTE[i % len(PALETTE)] for i in order])
    ax.set_yticks(range(len(order)), [str(schedules[i]) for i in order])
    ax.set(xlabel="last-iterate bound / the best one's", ylim=(-0.5, len(order) - 0.5))
    ax.set_xlim(left=1 - 0.05 * max(0.02, values[0] - 1))
