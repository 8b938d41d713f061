"""The pictures of a report; each function draws on given axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...schedules import Schedule, plot_schedules
from ...schedules.plot import line_style
from ..figures import MARKERS, WIDE, picture, plain_log
from ..rules import Control
from ..tasks import get_task
from .grid import Setting, percent, updates
from .report import Report, Score

SHORT = 14
"""Labels of so many letters fit four to a row under a picture."""


def draw_all(report: Report, folder: Path) -> None:
    """Write ``schedules.png``, ``losses.png``, ``budgets.png`` and ``rates.png``."""
    settings, budgets = report.grid.settings, report.grid.budgets
    ends = sorted({min(budgets), max(budgets)})
    steps = max(updates(task, max(budgets)) for task in report.grid.tasks)
    if any(isinstance(schedule, Schedule) for schedule in report.grid.schedules):
        save_schedules(report.grid.schedules, steps, folder / "schedules.png")
    losses = [partial(draw_losses, report, s, b) for s in settings for b in ends]
    _save(folder / "losses.png", losses, columns=len(ends))
    _save(folder / "budgets.png", [partial(draw_budgets, report, s) for s in settings])
    rates = [partial(draw_rates, report, s, b) for s in settings for b in budgets]
    _save(folder / "rates.png", rates, columns=min(3, len(budgets)))


def styles(schedules: Sequence[Control]) -> dict[Control, dict[str, Any]]:
    """Colour, dashes, marker and label of each schedule, the same in every picture."""
    return {
        schedule: line_style(i) | {"marker": MARKERS[i % len(MARKERS)], "label": str(schedule)}
        for i, schedule in enumerate(schedules)
    }


def draw_schedules(schedules: Sequence[Control], steps: int, ax: Axes) -> None:
    """The schedules over a run of ``steps`` updates; a rule has no curve before the run."""
    known = {i: s for i, s in enumerate(schedules) if isinstance(s, Schedule)}
    plot_schedules(list(known.values()), steps, ax)
    for i, line in zip(known, ax.lines, strict=True):
        line.set(**line_style(i))
    if (legend := ax.get_legend()) is not None:
        legend.remove()  # the figure has one for all its parts


def draw_losses(report: Report, setting: Setting, budget: float, ax: Axes) -> None:
    """Training loss at the chosen rate over the run: the mean over the seeds."""
    for schedule, look in styles(report.grid.schedules).items():
        curve = mean_curve(report.score(setting, schedule, budget))
        (line,) = ax.plot(curve[:, 0] * 100, curve[:, 1], **look, linewidth=2)
        line.set_marker("")
    ax.set(
        title=f"{setting}, {percent(budget)} % budget",
        xlabel="progress of the run (%)",
        ylabel="training loss",
    )
    _log_y(ax)


def _log_y(ax: Axes) -> None:
    ax.set_yscale("log")
    plain_log(ax.yaxis)


def mean_curve(score: Score) -> np.ndarray:
    """Points (fraction of the run, mean loss over the seeds), shape (n, 2)."""
    curves = [outcome.curve for outcome in score.outcomes]
    if not curves or len({len(curve) for curve in curves}) != 1:  # one diverged early
        return np.empty((0, 2))
    return np.mean(np.array(curves).reshape(len(curves), -1, 2), axis=0)


def draw_budgets(report: Report, setting: Setting, ax: Axes) -> None:
    """Test metric against the budget, with standard errors."""
    budgets = sorted(report.grid.budgets)
    for schedule, look in styles(report.grid.schedules).items():
        scores = [report.score(setting, schedule, budget) for budget in budgets]
        means = [s.mean if math.isfinite(s.mean) else math.nan for s in scores]
        errors = [0.0 if math.isnan(s.stderr) else s.stderr for s in scores]
        ax.errorbar(budgets, means, errors, **look, linewidth=2, capsize=3)
    ax.set(
        title=str(setting),
        xlabel="budget (% of the task's updates)",
        ylabel=f"test {get_task(setting.task).metric}",
        xscale="log",
    )
    ax.set_xticks(budgets, [percent(budget) for budget in budgets])
    ax.xaxis.minorticks_off()
    means = [s.mean for s in report.scores.values() if s.cell.setting == setting]
    finite = [mean for mean in means if math.isfinite(mean)]
    if finite and 0 < WIDE * min(finite) < max(finite):
        _log_y(ax)


def draw_rates(report: Report, setting: Setting, budget: float, ax: Axes) -> None:
    """Validation metric against the learning rate; a ring marks the chosen one."""
    tried = set[float]()
    _log_y(ax)
    for schedule, look in styles(report.grid.schedules).items():
        score = report.score(setting, schedule, budget)
        tried.update(lr for lr, _ in score.validation)
        found = [(lr, mean) for lr, mean in score.validation if math.isfinite(mean)]
        ax.plot([x for x, _ in found], [y for _, y in found], **look, linewidth=1.5)
        chosen = np.array([point for point in found if point[0] == score.lr]).reshape(-1, 2)
        ax.scatter(chosen[:, 0], chosen[:, 1], s=160, facecolors="none", edgecolors=look["color"])
    ax.set(
        title=f"{setting}, {percent(budget)} % budget",
        xlabel="base learning rate",
        ylabel=f"validation {get_task(setting.task).metric}",
        xscale="log",
    )
    ax.set_xticks(sorted(tried), [f"{lr:.2g}" for lr in sorted(tried)], rotation=45)
    ax.xaxis.minorticks_off()


def save_schedules(schedules: Sequence[Control], steps: int, path: Path) -> None:
    """Draw schedules over a run of ``steps`` updates into a file."""
    _save(path, [partial(draw_schedules, schedules, steps)])


def _save(path: Path, panels: Sequence[Callable[[Axes], None]], columns: int = 1) -> None:
    """Draw panels row by row into a file, which is there whole or not at all."""
    rows = math.ceil(len(panels) / columns)
    size = (8.0, 5.0 * rows) if columns == 1 else (5.2 * columns, 4.2 * rows)
    with picture(path, size, rows, columns) as axes:
        for draw, ax in zip(panels, axes, strict=False):
            draw(ax)
        for ax in axes[len(panels) :]:
            ax.remove()
        handles, labels = axes[0].get_legend_handles_labels()
        columns = 4 if max(map(len, labels), default=0) <= SHORT else 2
        place: Any = {"loc": "outside lower center", "ncols": columns, "frameon": False}
        axes[0].figure.legend(handles, labels, **place)
