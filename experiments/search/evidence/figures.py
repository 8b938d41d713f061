"""The picture of the evidence: error over that of the best fixed solver, against NFE."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ....schedules.plot import PALETTE
from ...figures import MARKERS, picture, plain_log
from .summary import FIXED, FIXED_RMSE, Row


def save_ratios(rows: Mapping[str, Sequence[Row]], labels: Mapping[str, str], path: Path) -> None:
    """Draw a panel for each testbed into a file, which is there whole or not at all.

    Args:
        rows: By testbed.
        labels: Of the methods, in the order in which they are drawn.
        path: Of the file.
    """
    lines, columns = math.ceil(len(rows) / 2), min(len(rows), 2)
    with picture(path, (13, 1.2 + 4.4 * lines), lines, columns, sharey=True) as grid:
        axes = grid[: len(rows)]
        for ax in grid[len(rows) :]:
            ax.set_visible(False)
        for ax, (name, found) in zip(axes, rows.items(), strict=True):
            draw_ratios(found, labels, ax)
            ax.set_title(name)
        for ax in grid[::columns]:
            ax.set_ylabel("held-out error / best fixed solver's")
            plain_log(ax.yaxis)
        drawn = [ax.get_legend_handles_labels() for ax in axes]
        marks = {name: mark for pair in drawn for mark, name in zip(*pair, strict=True)}
        shown = [name for name in labels.values() if name in marks]
        handles = [marks[name] for name in shown]
        place: Any = {"loc": "outside lower center", "ncols": 5, "frameon": False}
        axes[0].figure.legend(handles, shown, **place)


def draw_ratios(rows: Sequence[Row], labels: Mapping[str, str], ax: Axes) -> None:
    """Geometric mean over the seeds, with the range of the seeds; below 1 the search is better."""
    ax.set_yscale("log")
    ax.axhline(1, color=PALETTE[6], linewidth=1.5)
    ax.axhline(0.5, color=PALETTE[6], linewidth=1, linestyle=":")
    methods = [m for m in labels if m not in (FIXED, FIXED_RMSE)]
    nfes = sorted({row.nfe for row in rows})
    for i, method in enumerate(methods):
        found = [row for row in rows if row.method == method and row.to_fixed is not None]
        if not found:
            continue
        shift = 0.3 * (i / max(len(methods) - 1, 1) - 0.5)
        x = np.array([nfes.index(row.nfe) for row in found]) + shift
        y = np.array([row.to_fixed.value for row in found if row.to_fixed is not None])
        ends = np.array([[min(row.by_seed), max(row.by_seed)] for row in found]).T
        look: Any = {"marker": MARKERS[i % len(MARKERS)], "color": PALETTE[i % len(PALETTE)]}
        look["linestyle"] = "-" if i < len(PALETTE) else ":"
        bars = np.abs(ends - y)
        ax.errorbar(x, y, bars, capsize=2, linewidth=1.5, label=labels[method], **look)
    ax.set_xticks(range(len(nfes)), [str(nfe) for nfe in nfes])
    ax.set(xlabel="network evaluations (NFE)", xlim=(-0.4, len(nfes) - 0.6))
