"""Pictures of schedules: shapes, operators, REX's sampling, UBA's family."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ...schedules import (
    REX,
    UBA,
    WSD,
    Chebyshev,
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    Schedule,
    Step,
)
from .picture import BLACK, BLUE, COLOURS, GREEN, RED, below, under

STEPS, POINTS = 1000, 2001


def draw_lines(schedules: Mapping[str, Schedule], ax: Axes, colours: tuple[str, ...]) -> None:
    """Multipliers over the run, in percent of it."""
    x = np.linspace(0, 1, POINTS)
    for (label, schedule), colour in zip(schedules.items(), colours, strict=False):
        ax.plot(100 * x, schedule(x * STEPS, STEPS), color=colour, label=label)
    ax.set(xlabel="progress of the run (%)", xlim=(0, 100), ylim=(0, 1.04))


def shapes(axes: list[Axes], results: Path) -> None:
    """Seven shapes, and what operators make of them."""
    del results
    left, right = axes
    named = {
        "Linear()": Linear(), "Cosine()": Cosine(), "REX()": REX(), "UBA(5)": UBA(5),
        "Step()": Step(), "WSD()": WSD(), "OneCycle()": OneCycle(),
    }  # fmt: skip
    draw_lines(named, left, COLOURS)
    made = {
        "Linear().warmup(0.1)": Linear().warmup(0.1),
        "Cosine().floor(0.2)": Cosine().floor(0.2),
        "Cosine().repeat((0.2, 0.8))": Cosine().repeat((0.2, 0.8)),
        "Constant().then(Linear(), at=0.6)": Constant().then(Linear(), at=0.6),
    }
    draw_lines(made, right, (BLUE, RED, GREEN, BLACK))
    left.set(ylabel="multiplier of the base rate", title="shapes")
    right.set_title("operators")
    under(left, 2)
    under(right, 1)


def rex(axes: list[Axes], results: Path) -> None:
    """Three profiles, each read all the time, now and then, and twice."""
    del results
    profiles = {"REX()": REX(), "Linear()": Linear(), "Exponential()": Exponential()}
    for ax, (name, profile) in zip(axes, profiles.items(), strict=True):
        rates = {
            "read at every update": profile,
            ".sampled(every=0.1)": profile.sampled(every=0.1),
            ".sampled(at=(0.5, 0.75))": profile.sampled(at=(0.5, 0.75)),
        }
        draw_lines(rates, ax, (BLUE, RED, BLACK))
        ax.set_title(name)
    axes[0].set_ylabel("multiplier of the base rate")
    below(axes, 3)


def uba(axes: list[Axes], results: Path) -> None:
    """The family from constant to a fall at once; phases and half-integer steps."""
    del results
    left, right = axes
    phis = (0, 0.5, 2, 5, 20, 100)
    draw_lines({f"phi = {phi:g}": UBA(phi) for phi in phis}, left, COLOURS)
    cosine = left.lines[2]
    cosine.set(label="phi = 2: cosine", linestyle="--", linewidth=3)
    phased = {
        "UBA(5)": UBA(5), "UBA(5).repeat(3)": UBA(5).repeat(3),
        "Chebyshev(kappa=10)": Chebyshev(kappa=10),
    }  # fmt: skip
    draw_lines(phased, right, (BLUE, RED, BLACK))
    left.set(ylabel="multiplier of the base rate", title="UBA(phi)")
    right.set_title("phases; Chebyshev steps")
    under(left, 2)
    under(right, 1)
