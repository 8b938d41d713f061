"""One set of the suite: its minimum, its schedules at their best rates, the refined one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...schedules import (
    Constant,
    Cosine,
    GradNorms,
    InverseSqrt,
    Linear,
    Schedule,
    predicted_gain,
    refine,
)
from ...schedules._checks import whole
from ...schedules.refinement.refine import filtered
from .problem import FAR, Problem, load, minimise
from .sgd import run_sgd
from .tune import Tuned, tune

PLAIN = (
    "glass.scale", "iris", "letter.scale", "pendigits", "vehicle.scale", "vowel.scale",
    "wine.scale", "dna.scale", "a9a", "phishing", "satimage.scale", "segment.scale",
)  # fmt: skip
"""Sets that start at zero."""

SETS = PLAIN + tuple(name + FAR for name in PLAIN)
"""All problems: every set from zero, then every set from far away, where norms begin large."""

SCHEDULES: Mapping[str, Schedule] = {
    "flat": Constant(),
    "1/t": InverseSqrt() * InverseSqrt(),
    "1/sqrt(t)": InverseSqrt(),
    "cosine": Cosine(),
    "linear": Linear(),
}
"""Schedules known in advance; 1/t is 1/(t + 1) of the base rate at update t = 0, 1, ..."""

REFERENCE, REFINED = "linear", "refined"
NAMES = (*SCHEDULES, REFINED)


@dataclass(frozen=True)
class Protocol:
    """How every set is run.

    Attributes:
        steps: Updates of a run.
        seeds: Runs of a rate. One more, the first after them, is recorded to refine from.
        first_seed: The first of them.
    """

    steps: int = 2_000
    seeds: int = 10
    first_seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        whole("steps", self.steps, low=1)
        whole("seeds", self.seeds, low=1)
        whole("first_seed", self.first_seed)

    @property
    def compared(self) -> range:
        """Seeds that are compared."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def recorded(self) -> int:
        """The seed whose gradient norms are recorded: none that is compared."""
        return self.first_seed + self.seeds


@dataclass(frozen=True)
class Result:
    """What a set gave.

    Attributes:
        name: The problem.
        rows: Rows trained on.
        columns: Features, without the ones.
        classes: Classes.
        batch_size: Rows of a stochastic gradient.
        steps: Updates of a run.
        minimum: f*.
        gradient_norm: What is left of the gradient there.
        predicted_gain: From the recorded norms.
        norms: The recorded norms, filtered, in medians, at 0, 1, ..., 100 % of the run.
        shape: The refined schedule there.
        tuned: Each schedule at its best rate.
    """

    name: str
    rows: int
    columns: int
    classes: int
    batch_size: int
    steps: int
    minimum: float
    gradient_norm: float
    predicted_gain: float
    norms: tuple[float, ...]
    shape: tuple[float, ...]
    tuned: Mapping[str, Tuned]


def run_set(name: str, protocol: Protocol) -> Result:
    """Run all schedules on a set; the refined one comes from a recorded run of linear decay."""
    problem = load(name)
    minimum = minimise(problem)
    seeds = protocol.compared
    tuned = tune(problem, minimum, SCHEDULES, protocol.steps, seeds)
    norms = record(problem, tuned[REFERENCE].lr, protocol)
    refined = refine(norms)
    tuned |= tune(problem, minimum, {REFINED: refined}, protocol.steps, seeds)
    return Result(
        name=name,
        rows=len(problem.train.y),
        columns=problem.train.x.shape[1] - 1,
        classes=problem.classes,
        batch_size=problem.batch_size,
        steps=protocol.steps,
        minimum=minimum.value,
        gradient_norm=minimum.gradient_norm,
        predicted_gain=predicted_gain(norms),
        norms=profile(norms),
        shape=tuple(np.round(refined(np.arange(101), 100), 6).tolist()),
        tuned=tuned,
    )


def record(problem: Problem, lr: float, protocol: Protocol) -> GradNorms:
    """Norms of one run of linear decay, with a seed of its own, as a user would record them."""
    rates = lr * Linear().values(protocol.steps)[:, None]
    return GradNorms.of(run_sgd(problem, rates, [protocol.recorded]).norms.ravel())


def profile(norms: GradNorms) -> tuple[float, ...]:
    """Norms of a run, filtered, in medians, at 0, 1, ..., 100 % of it."""
    found = filtered(norms)
    at = np.interp(np.linspace(0, 1, 101), np.linspace(0, 1, len(found)), found)
    return tuple(np.round(at, 4).tolist())
