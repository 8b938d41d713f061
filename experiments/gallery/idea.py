"""The first picture: three iterations, each with a control number at every step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from ...schedules import REX, GradNorms, Linear, refine
from ...solvers.diffusion import ddim, grids
from ...solvers.linear import Splitting, Stencil
from ...tuners.bandits import GPThompson, tune_sequence
from ..figures import plain_log
from ..relax.synthetic import ARMS, HIGH, LOW, young
from ..search.figures import lambdas
from ..testbeds import get_testbed
from .feedback import LOG
from .picture import BLACK, BLUE, ORANGE, RED
from .sampling import NFE, even_ddim, sampler_of

UPDATES = 1000
SYSTEMS, FIXED = 400, 1.6


def idea(axes: list[Axes], results: Path) -> None:
    """A learning rate, an omega and a noise level, step by step."""
    rate, omega, noise = axes
    draw_rate(results, rate)
    draw_omega(omega)
    draw_noise(results, noise)
    for ax in (rate, omega, noise):
        ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=11)


def draw_rate(results: Path, ax: Axes) -> None:
    """Multipliers: two that are known in advance, and one refined from a run's norms."""
    x = np.linspace(0, 1, 1001)
    refined = refine(GradNorms.load(results / LOG))
    lines = {
        "linear after a warm-up": (Linear().warmup(0.05), BLACK),
        "REX": (REX(), ORANGE),
        "refined from gradient norms": (refined, BLUE),
    }
    for label, (schedule, colour) in lines.items():
        ax.plot(100 * x, schedule(x * UPDATES, UPDATES), color=colour, label=label)
    ax.set(xlabel="progress (%)", ylabel="learning rate / base", xlim=(0, 100), ylim=(0, None))
    ax.set_title("training")


def draw_omega(ax: Axes) -> None:
    """Omegas chosen from the first system on, and Young's, while the systems change."""
    grid, rng = Splitting.of(Stencil.laplacian(10, 10)), np.random.default_rng(0)
    shifts = 0.1 + 0.22 * np.cos(4 * np.pi * np.arange(SYSTEMS) / SYSTEMS)
    stream = [(grid.shifted(c), rng.normal(size=100), c) for c in shifts.tolist()]
    told = tune_sequence(stream, GPThompson(ARMS, 0, LOW, HIGH, cost_min=1), rtol=1e-8)
    ax.plot(told.omegas, ".", color=BLUE, markersize=5, label="learned on the way")
    ax.plot([young(c) for c in shifts.tolist()], color=BLACK, label="Young's, from theory")
    ax.axhline(FIXED, color=RED, linestyle="--", label=f"fixed at {FIXED}")
    ax.set(xlabel="system", ylabel="relaxation factor ω", xlim=(0, SYSTEMS))
    ax.set_title("a sequence of systems")


def draw_noise(results: Path, ax: Axes) -> None:
    """Noise levels of samplers with five evaluations."""
    noise = get_testbed("digits").model.noise
    lines = {
        "EDM's grid": (ddim(noise, grids.edm_rho(noise, NFE)), BLACK, "o"),
        "equal steps in λ": (even_ddim(get_testbed("digits")), RED, "s"),
        "found by search": (sampler_of(results, "s3")[1], BLUE, "D"),
    }
    for label, (sampler, colour, marker) in lines.items():
        sigmas = np.exp(-np.array(lambdas(sampler)))
        ax.plot(sigmas, color=colour, marker=marker, label=label)
    ax.set(xlabel="network evaluation", ylabel="noise level σ", yscale="log")
    plain_log(ax.yaxis)
    ax.set_title("a diffusion sampler")
