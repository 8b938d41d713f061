"""The methods that are compared, by name: each finds a sampler for one NFE."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ....solvers.diffusion import SolverSchedule
from ....solvers.diffusion.saved import Sampler
from ....tuners.solver_search import (
    GeneticSearch,
    RandomSearch,
    SolverSearch,
    fixed_samplers,
)
from ....tuners.solver_search.evaluator import Evaluator
from ....tuners.solver_search.objectives import RMSE
from ...testbeds import Testbed
from .ground import Ground

KEPT = 20
"""Of a search's best, so many are scored again on the validation noises."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a method found, and what that took.

    Attributes:
        sampler: The choice.
        name: Of the fixed solver that it is, if it is one.
        train: Score on the noises of the search; nan where there was none.
        validation: Score on the validation noises.
        evaluations: True evaluations of the search, gradient steps and rejected ones too.
        rejected: Those that were stopped early.
        forwards: Samples through the network in all evaluations, validation too.
        seconds: Wall time of everything, filled in by the study.
    """

    sampler: Sampler
    name: str
    train: float
    validation: float
    evaluations: int
    rejected: int
    forwards: int
    seconds: float = math.nan


@dataclass(frozen=True, eq=False)
class Bench:
    """What a method is given: the noises of its seed, and the validation noises.

    Attributes:
        ground: Noises with their solutions.
        nfe: Network evaluations of a sample.
        seed: Of the search.
        train: Scores on the seed's own noises.
        validation: Scores on the common validation noises.
    """

    ground: Ground
    nfe: int
    seed: int
    train: Evaluator
    validation: Evaluator

    @staticmethod
    def of(ground: Ground, nfe: int, seed: int) -> Bench:
        """Fresh evaluators, so that costs are those of one cell."""
        return Bench(ground, nfe, seed, ground.train(seed), ground.validation())

    @property
    def bed(self) -> Testbed:
        """The testbed."""
        return self.ground.bed

    @property
    def evaluations(self) -> int:
        """True evaluations of each search."""
        return self.ground.protocol.evaluations

    def fixed(self) -> dict[str, Sampler]:
        """All fixed solvers on all grids."""
        return fixed_samplers(self.bed.model.noise, self.nfe, self.bed.t_start, self.bed.t_end)


Method = Callable[[Bench], Found]


def best_fixed(bench: Bench) -> Found:
    """The best of all fixed solvers on all grids, on the validation noises."""
    return _best_fixed(bench, bench.validation)


def best_fixed_rmse(bench: Bench) -> Found:
    """The same by RMSE: the fixed solver that is to be beaten in that."""
    return _best_fixed(bench, bench.ground.validation(RMSE()))


def _best_fixed(bench: Bench, validation: Evaluator) -> Found:
    best, name, samplers = math.inf, "", bench.fixed()
    for label, sampler in samplers.items():
        score = validation(sampler, best)
        if score < best:
            best, name = score, label
    cost = validation.cost
    counts = cost.evaluations, cost.rejected, cost.forwards
    return Found(samplers[name], name, math.nan, best, *counts)


Search = SolverSearch | GeneticSearch | RandomSearch


def searched(make: Callable[..., Search]) -> Method:
    """A search on the training noises; of its best 20 the one that is best on validation."""

    def run(bench: Bench) -> Found:
        bed, train, best = bench.bed, bench.train, math.inf
        ends = {"t_start": bed.t_start, "t_end": bed.t_end}
        search = make(bed.model.noise, bench.nfe, bench.evaluations, bench.seed, **ends)
        while not search.done:
            schedule = search.ask()
            score = train(schedule, best)
            best = min(best, score)
            search.tell(schedule, score)
        return _chosen(bench, search.top(KEPT), best)

    return run


def _chosen(bench: Bench, samplers: Sequence[Sampler], train: float) -> Found:
    scores = [bench.validation(sampler) for sampler in samplers]
    i = min(range(len(scores)), key=scores.__getitem__)
    cost, more = bench.train.cost, bench.validation.cost
    counts = cost.evaluations, cost.rejected, cost.forwards + more.forwards
    return Found(samplers[i], "", train, scores[i], *counts)


METHODS: Mapping[str, Method] = {
    "fixed": best_fixed,
    "fixed-rmse": best_fixed_rmse,
    "s3": searched(SolverSearch),
    "s3-plain": searched(partial(SolverSearch, predictor=None)),
    "ga": searched(GeneticSearch),
    "random": searched(RandomSearch),
}
"""All methods."""
