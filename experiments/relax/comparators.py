"""Who plays the synthetic task: fixed omegas, hindsight, theory, bandits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...solvers.linear import Adaptive
from ...tuners import bandits as b
from .play import Played
from .synthetic import ARMS, HIGH, LOW, POLICIES, Trial, lanczos, young

Comparator = Callable[[Trial], Played]
BINS = 5
INSTANCE_OPTIMUM = "Young (instance optimum)"
BEST_FIXED, LEAST = "best fixed (hindsight)", "least of the arms (hindsight)"


def _fixed(omega: float, trial: Trial) -> Played:
    return trial.fixed(omega)


def _played(make: Callable[[list[int]], Any], trial: Trial) -> Played:
    return trial.play(make([trial.seed, 1]))


def _policies(make: Callable[[list[int]], Any], trial: Trial) -> Played:
    return trial.play_policies(b.PolicyClass(make([trial.seed, 1])))


def _binned(estimator: b.Estimator, seed: list[int]) -> b.TsallisINFCB:
    return b.TsallisINFCB(ARMS, seed, LOW, HIGH, BINS, estimator, cost_min=1)


IW, RV = b.IMPORTANCE_WEIGHTED, b.REDUCED_VARIANCE

COMPARATORS: dict[str, Comparator] = {
    **{f"omega={omega}": partial(_fixed, omega) for omega in (1.0, 1.2, 1.4, 1.6, 1.8)},
    BEST_FIXED: Trial.best_fixed,
    LEAST: Trial.least,
    INSTANCE_OPTIMUM: lambda trial: trial.follow(young),
    "Lanczos + Young": lambda trial: trial.follow(lanczos(20)),
    "within-solve adaptive": lambda trial: trial.adapt(Adaptive()),
    "UCB1": partial(_played, lambda seed: b.UCB1(ARMS, seed, cost_min=1)),
    "epsilon-greedy": partial(_played, lambda seed: b.EpsilonGreedy(ARMS, seed, cost_min=1)),
    "Thompson": partial(_played, lambda seed: b.ThompsonSampling(ARMS, seed, cost_min=1)),
    "Tsallis-INF IW": partial(_played, lambda seed: b.TsallisINF(ARMS, seed, IW, cost_min=1)),
    "Tsallis-INF RV": partial(_played, lambda seed: b.TsallisINF(ARMS, seed, RV, cost_min=1)),
    "Tsallis-INF-CB IW": partial(_played, partial(_binned, IW)),
    "Tsallis-INF-CB RV": partial(_played, partial(_binned, RV)),
    "ChebCB": partial(_played, lambda seed: b.ChebCB(ARMS, seed, LOW, HIGH, cost_min=1)),
    "Thompson per arm": partial(_played, lambda seed: b.GPThompson(ARMS, seed, LOW, HIGH, reach=0)),
    "GP-Thompson": partial(_played, lambda seed: b.GPThompson(ARMS, seed, LOW, HIGH)),
    "Tsallis-INF RV on policies": partial(
        _policies, lambda seed: b.TsallisINF(POLICIES, seed, RV, cost_min=1)
    ),
    "GP-Thompson on policies": partial(
        _policies, lambda seed: b.GPThompson(POLICIES, seed, features=1)
    ),
}
"""By name, in the order of the tables."""

LEARNERS = tuple(COMPARATORS)[tuple(COMPARATORS).index("UCB1") :]
"""Those that learn from the costs."""
