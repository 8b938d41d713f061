"""Search for a learning rate: cost of a suggestion and regret, against peers in the same run.

Run it: ``python experiments/benchmarks/lr_search.py`` (two minutes; ``--help`` for options).
Ten evaluations on [1e-4, 1] of an asymmetric bowl in log rate with a cliff of NaN, whose least
value is 0: regret is the bowl's value at the rate that a method picks in the end. All methods
see the same bowls and the same noise. Of regrets the mean over the bowls is shown, with quartiles
of means of bowls that are drawn again from these.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import optuna
import report
from measure import Numbers, Row
from ritard.tuners.autolrs import RateSearch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

LOW, HIGH, EVALUATIONS = 1e-4, 1.0, 10
AT = np.linspace(0.0, 1.0, 257)


def rate(position: float) -> float:
    """The rate at a position in [0, 1]."""
    return float(LOW * (HIGH / LOW) ** position)


class Bowl:
    """The bowl of a seed; NaN from 0.4 to 1 decades right of its optimum on."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.optimum = rng.uniform(-3.0, -1.0)
        self.cliff = self.optimum + rng.uniform(0.4, 1.0)

    def __call__(self, at: float) -> float:
        """Its value at a rate."""
        x = math.log10(at) - self.optimum
        if math.log10(at) > self.cliff:
            return math.nan
        return 0.25 * x * x / (1 + 0.5 * abs(x)) if x < 0 else 0.6 * x * x


class Random:
    """Log-uniform rates, or an even grid; the best that was observed."""

    def __init__(self, seed: int, grid: bool = False) -> None:
        even = np.linspace(0.0, 1.0, EVALUATIONS)
        self.rates = even if grid else np.random.default_rng(seed).random(EVALUATIONS)
        self.told: list[tuple[float, float]] = []

    def ask(self) -> float:
        """The next."""
        return rate(self.rates[len(self.told)])

    def tell(self, at: float, cost: float) -> None:
        """Keep it."""
        self.told.append((cost if math.isfinite(cost) else math.inf, at))

    def best(self) -> float:
        """The least observed."""
        return min(self.told)[1]


class Optuna(Random):
    """An Optuna sampler; a diverged trial is told as failed, as Optuna advises."""

    def __init__(self, sampler: Any) -> None:
        super().__init__(0)
        self.study = optuna.create_study(sampler=sampler)

    def ask(self) -> float:
        """The next."""
        self.trial = self.study.ask()
        return self.trial.suggest_float("lr", LOW, HIGH, log=True)

    def tell(self, at: float, cost: float) -> None:
        """Tell the study."""
        super().tell(at, cost)
        if math.isfinite(cost):
            self.study.tell(self.trial, cost)
        else:
            self.study.tell(self.trial, state=optuna.trial.TrialState.FAIL)


class ScikitLearn(Random):
    """scikit-learn's process with its own fit, our acquisition, start and treatment of NaN."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.seed = seed

    def _fit(self) -> Any:
        costs = np.array([cost for cost, _ in self.told])
        costs[np.isinf(costs)] = costs[np.isfinite(costs)].max(initial=0.0)
        x = np.array([[math.log(at / LOW) / math.log(HIGH / LOW)] for _, at in self.told])
        kernel = ConstantKernel() * Matern(0.3, nu=2.5) + WhiteKernel(0.01)
        process = GaussianProcessRegressor(
            kernel, normalize_y=True, n_restarts_optimizer=2, random_state=self.seed
        )
        return process.fit(x, costs), x

    def ask(self) -> float:
        """Four even rates, then the least bound."""
        if len(self.told) < 4:
            return rate(len(self.told) / 3)
        mean, deviation = self._fit()[0].predict(AT[:, None], return_std=True)
        return rate(AT[int(np.argmin(mean - 2 * deviation))])

    def best(self) -> float:
        """The least posterior mean among the tried that did not diverge."""
        process, x = self._fit()
        mean = process.predict(x)
        mean[[math.isinf(cost) for cost, _ in self.told]] = math.inf
        return self.told[int(np.argmin(mean))][1]


class GridAndProcess(Random):
    """An even grid, and our process's posterior mean on it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, grid=True)

    def best(self) -> float:
        """The least posterior mean."""
        search = RateSearch(LOW, HIGH)
        for cost, at in self.told:
            search.tell(at, cost)
        return search.best()


def gp_sampler(seed: int) -> Optuna:
    """Optuna's Gaussian process; its 10 random trials at the start would be all there are."""
    return Optuna(optuna.samplers.GPSampler(seed=seed, n_startup_trials=3))


def tpe_sampler(seed: int) -> Optuna:
    """Optuna's default, likewise."""
    return Optuna(optuna.samplers.TPESampler(seed=seed, n_startup_trials=3))


OURS = "RateSearch"
METHODS: dict[str, Callable[..., Any]] = {
    OURS: partial(RateSearch, LOW, HIGH),
    "RateSearch(grid=1, kappa=1e6), as AutoLRS": partial(RateSearch, LOW, HIGH, grid=1, kappa=1e6),
    "log-grid, posterior mean": GridAndProcess,
    "log-grid, best observed": partial(Random, grid=True),
    "random": Random,
    "scikit-learn's process": ScikitLearn,
    "Optuna's GPSampler, 3 at the start": gp_sampler,
    "Optuna's TPE, 3 at the start": tpe_sampler,
}
TIMED = ("scikit-learn's process", "Optuna's GPSampler, 3 at the start")
FIRST, SECOND = 0.01, 0.05


def run(make: Callable[..., Any], noise: float, seed: int) -> tuple[float, float]:
    """Regret, and CPU seconds per suggestion."""
    bowl, rng, method = Bowl(seed), np.random.default_rng(10_000 + seed), make(seed=seed)
    spent = 0.0
    for _ in range(EVALUATIONS):
        start = time.process_time()
        at = method.ask()
        spent += time.process_time() - start
        method.tell(at, bowl(at) + noise * rng.standard_normal())
    return bowl(method.best()), spent / EVALUATIONS


def drawn_again(regrets: Numbers, draws: int = 999) -> np.ndarray:
    """Means of as many bowls, drawn with replacement; the same bowls for every method."""
    values = np.asarray(regrets)
    chosen = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    return values[chosen].mean(axis=1)


def measure(given: argparse.Namespace) -> Iterator[Row]:
    """Suggestions beside two peers, regrets beside all; a turn is a bowl."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found: dict[tuple[str, float], np.ndarray] = {
        (name, noise): np.array([run(make, noise, seed) for seed in range(given.repeats)]).T
        for noise in (FIRST, SECOND)
        for name, make in METHODS.items()
    }
    for peer in TIMED:
        names = ("RateSearch.ask", f"{EVALUATIONS} evaluations", peer)
        yield Row.of(names, "ms", found[OURS, FIRST][1], found[peer, FIRST][1], 1e3)
    whats = {FIRST: "RateSearch, regret", SECOND: "RateSearch, regret in more noise"}
    for noise, what in whats.items():
        ours = drawn_again(found[OURS, noise][0])
        for peer in list(METHODS)[1:]:
            names = (what, f"noise {noise}, {given.repeats} bowls", peer)
            yield Row.of(names, "", ours, drawn_again(found[peer, noise][0]), 1)


if __name__ == "__main__":
    report.main(measure, report.options(__doc__, repeats=12))
