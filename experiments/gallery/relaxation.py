"""The pictures of relaxation: what omega costs, and what bandits choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ...solvers.linear import Stencil
from ...solvers.linear.counts import count_sor
from ...tuners import bandits
from ..figures import plain_log
from ..records import read_json
from ..relax.synthetic import ARMS, HIGH, LOW, POLICIES, Trial, young
from .picture import BLACK, BLUE, COLOURS, GREEN, RED, SKY

SHIFTS = (-0.14, -0.05, 0.1, 0.4)
LAST = 1000
"""Rounds that are shown, of 5000."""


def relaxation(axes: list[Axes], results: Path) -> None:
    """Iterations against omega on four systems; omegas chosen in the paper's synthetic task."""
    del results
    left, right = axes
    draw_costs(left)
    draw_choices(right)


def draw_costs(ax: Axes) -> None:
    """Sweeps of SOR on shifted Laplacians, with Young's omega of each."""
    grid, omegas = Stencil.laplacian(10, 10), np.linspace(1, 1.95, 96)
    bs = np.repeat(np.random.default_rng(0).normal(size=(1, 100)), len(SHIFTS), axis=0)
    counts = count_sor(grid, np.array(SHIFTS), omegas, bs, rtol=1e-8, maxiter=10_000)
    for shift, row, colour in zip(SHIFTS, counts, COLOURS, strict=False):
        ax.plot(omegas, row, color=colour, label=f"c = {shift:g}")
        best = young(shift)
        at = float(np.interp(best, omegas, row))
        ax.plot(best, at, "o", color=colour, markersize=10, zorder=3)
    ax.set(xlabel="omega", ylabel="SOR sweeps until 1e-8", yscale="log", xlim=(1, 1.95))
    ax.set_title("four systems; dots: Young's omega")
    plain_log(ax.yaxis)
    ax.legend(frameon=False)


def draw_choices(ax: Axes) -> None:
    """What two learners choose in the last rounds, against the context."""
    trial = Trial("low", seed=0)
    learners = {
        "ChebCB": trial.play(bandits.ChebCB(ARMS, [0, 1], LOW, HIGH, cost_min=1)),
        "GP-Thompson on policies": trial.play_policies(
            bandits.PolicyClass(bandits.GPThompson(POLICIES, [0, 1], features=1))
        ),
    }
    contexts = trial.contexts[-LAST:]
    for (name, played), colour, marker in zip(
        learners.items(), (SKY, RED), ("s", "o"), strict=True
    ):
        ax.plot(
            contexts, played.omegas[-LAST:], marker, color=colour, markersize=4, alpha=0.6,
            linestyle="none", label=name,
        )  # fmt: skip
    order = np.linspace(contexts.min(), contexts.max(), 200)
    best = [young(c) for c in order.tolist()]
    ax.plot(order, best, color=BLACK, label="Young's omega", zorder=3)
    ax.set(xlabel="context c", ylabel="omega chosen", ylim=(1.2, 1.95))
    ax.set_title(f"the last {LAST} of {trial.steps} systems")
    ax.legend(frameon=False, markerscale=2)


FIXED = 3
"""Bars of one omega for all systems."""


def savings(axes: list[Axes], results: Path) -> None:
    """Mean iterations a system, 40 trials, of what is fixed, what learns and the optimum."""
    means = read_json(results / "relax-synthetic" / "report.json", lambda data: data["means"])
    shown = {
        "omega = 1.4": "omega=1.4", "omega = 1.6": "omega=1.6",
        "best fixed omega": "best fixed (hindsight)", "Thompson": "Thompson",
        "Tsallis-INF": "Tsallis-INF RV", "Tsallis-INF, 5 bins": "Tsallis-INF-CB RV",
        "ChebCB": "ChebCB", "GP-Thompson": "GP-Thompson",
        "GP-Thompson on policies": "GP-Thompson on policies",
        "instance optimum": "Young (instance optimum)",
    }  # fmt: skip
    for ax, (variance, found) in zip(axes, means.items(), strict=True):
        values = np.array([np.mean(found[key]) for key in shown.values()])
        spread = [np.std(found[key], ddof=1) for key in shown.values()]
        places = np.arange(len(shown))[::-1]
        colours = [*[SKY] * FIXED, *[BLUE] * (len(shown) - FIXED - 1), GREEN]
        ax.barh(places, values, xerr=spread, color=colours, height=0.7, ecolor=BLACK, capsize=3)
        for place, value, error in zip(places, values, spread, strict=True):
            ax.annotate(f"{value:.0f}", (value + error, place), (5, 0),
                        textcoords="offset points", va="center", fontsize=11)  # fmt: skip
        ax.set_yticks(places, list(shown))
        ax.set(xlabel="SOR sweeps a system", title=f"{variance} variance of c")
        ax.set_xlim(0, 1.15 * values.max())
        ax.grid(axis="y", visible=False)
