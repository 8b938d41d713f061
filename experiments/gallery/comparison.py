"""The picture of a comparison: metric against budget, and differences with their intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..figures import MARKERS, plain_log
from ..records import read_json
from .picture import BLACK, COLOURS, below

SHOWN = ("linear", "cosine", "rex", "uba(phi=1)", "step", "exponential", "onecycle")


def budgets(axes: list[Axes], results: Path) -> None:
    """Test error of digits at six budgets: means with standard errors, differences from linear."""
    report = read_json(results / "digits" / "report.json", dict)
    left, right = axes
    ticks = sorted({row["budget"] for row in report["table"]})
    base = {row["budget"]: row["mean"] for row in report["table"] if row["schedule"] == SHOWN[0]}
    for i, name in enumerate(SHOWN):
        look: Any = {"color": COLOURS[i], "marker": MARKERS[i], "label": name, "markersize": 6}
        rows = [row for row in report["table"] if row["schedule"] == name]
        x, y = [row["budget"] for row in rows], [row["mean"] for row in rows]
        left.errorbar(x, y, [row["stderr"] for row in rows], capsize=3, **look)
        _differences(
            [r for r in report["comparisons"] if r["schedule"] == name], i, base, right, look
        )
    left.set(xscale="log", yscale="log", ylabel="test error (%), mean ± standard error")
    right.axhline(0, color=BLACK, linewidth=1.5)
    right.set(ylabel="difference from linear (%), 95 % interval")
    plain_log(left.yaxis)
    left.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    left.xaxis.minorticks_off()
    right.set_xticks(range(len(ticks)), [f"{tick:g}" for tick in ticks])
    for ax in (left, right):
        ax.set_xlabel("budget (% of the task's updates)")
    below(axes, 4)


def _differences(
    rows: list[Any], i: int, base: dict[float, float], ax: Axes, look: dict[str, Any]
) -> None:
    """Differences of paired seeds, in percent of linear's mean; schedules side by side."""
    if not rows:
        return
    x = np.arange(len(rows)) + 0.11 * (i - len(SHOWN) / 2)
    percent = np.array([100 / base[row["budget"]] for row in rows])
    y = percent * [row["difference"] for row in rows]
    ends = percent * np.array([row["interval"] for row in rows]).T
    ax.errorbar(x, y, np.abs(ends - y), linestyle="none", elinewidth=1.5, **look)
