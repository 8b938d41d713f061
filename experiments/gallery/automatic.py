"""The picture of a rate found while training: the rate, what was tried, what was decided."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ...schedules import Linear
from ..figures import plain_log
from ..records import read_json
from .picture import BLUE, ORANGE, RED

SHOWN = "autolrs from x0.1"
"""Started at a tenth of the task's default rate; of this the first seed."""


def autolrs(axes: list[Axes], results: Path) -> None:
    """One run on fashion:mlp."""
    report = read_json(results / "autolrs-mlp" / "report.json", dict)
    method = next(row for row in report["methods"] if row["method"] == SHOWN)
    trial, lr = method["trials"][0], method["lr"]
    (ax,) = axes
    draw_run(trial["notes"], lr, ax)
    overhead = 100 * trial["notes"]["overhead"]
    ax.set_title(f"fashion:mlp, one run: {overhead:.1f} % of the updates went into the search")


def draw_run(notes: dict[str, Any], lr: float, ax: Axes) -> None:
    """The rate over the productive updates, and the rates tried at each stage."""
    steps, stages = notes["productive"], notes["stages"]
    t = np.arange(steps)
    starts = [stage["start"] for stage in stages]
    scales = np.array([stages[0]["before"], *(stage["scale"] for stage in stages)])
    scale = scales[np.searchsorted(starts, t, side="right")]
    ax.plot(t, lr * scale * Linear()(t, steps), color=BLUE, label="the rate", zorder=2)
    marks: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in ("tried", "left early", "kept or chosen")
    }
    for stage in stages:
        now = float(Linear()(stage["start"], steps))
        for trial in stage["trials"]:
            lost = trial["stopped"] or trial["difference"] is None or math.isnan(trial["score"])
            won = trial["scale"] == stage["scale"]
            x, y = marks["kept or chosen" if won else "left early" if lost else "tried"]
            x.append(stage["start"])
            y.append(lr * trial["scale"] * now)
    looks: dict[str, Any] = {
        "tried": {"marker": "o", "color": ORANGE, "markersize": 7},
        "left early": {"marker": "x", "color": RED, "markersize": 8, "markeredgewidth": 2},
        "kept or chosen": {"marker": "o", "color": BLUE, "markersize": 11},
    }
    for name, (x, y) in marks.items():
        if x:
            ax.plot(x, y, linestyle="none", label=name, zorder=3, clip_on=False, **looks[name])
    for stage in stages:
        if stage["scale"] != stage["before"]:
            at = lr * stage["scale"] * float(Linear()(stage["start"], steps))
            text = f"×{stage['scale'] / stage['before']:g}"
            spot: Any = {"textcoords": "offset points", "va": "top"}
            ax.annotate(text, (stage["start"], at), (10, -6), color=BLUE, **spot)
    ax.set(xlabel="productive update", ylabel="learning rate", yscale="log", xlim=(-100, steps))
    ax.set_ylim(bottom=lr / 30)
    plain_log(ax.yaxis)
    ax.legend(frameon=False, loc="lower left")
