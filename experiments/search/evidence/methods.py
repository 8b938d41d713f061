"""The methods that are compared, by name: each finds a sampler for one NFE."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ....solvers.diffusion import SOLVERS
from ....solvers.diffusion._scalar import as_float
from ....solvers.diffusion.saved import Sampler
from ....tuners.solver_search import (
    RMSE,
    Evaluator,
    GeneticSearch,
    Judges,
    RandomSearch,
    Refiner,
    SearchResult,
    SolverSearch,
    fixed_samplers,
    gits_times,
    ld3,
    rank_fixed,
    s4s,
    search_on,
)
from ....tuners.solver_search.usual import UsualRefinement
from ...testbeds import Testbed
from .ground import Ground

FINALISTS = 5
"""Of the fixed solvers, so many are scored on validation before one is refined."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a method found, and what that took.

    Attributes:
        sampler: The choice.
        origin: Where it comes from: the fixed solver that it is, "search" or "refinement".
        train: Score on the noises of the search; nan where there was none.
        validation: Score on the validation noises.
        searched: Score on the validation noises before refinement.
        evaluations: By phase: "fixed", "search", "choice", "refinement".
        forwards: Samples through the network in all of them.
        seconds: Wall time of everything, filled in by the study.
    """

    sampler: Sampler
    origin: str
    train: float
    validation: float
    searched: float
    evaluations: Mapping[str, int]
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
Search = Callable[..., Any]
"""Noise schedule, NFE, evaluations, seed, t_start, t_end give a Tuner."""


# ---- fixed solvers -------------------------------------------------------------------------


def best_fixed(bench: Bench) -> Found:
    """The best of all fixed solvers on all grids, on the validation noises."""
    return _best(bench.validation, bench.fixed())


def best_fixed_rmse(bench: Bench) -> Found:
    """The same by RMSE: the fixed solver that is to be beaten in that."""
    return _best(bench.ground.validation(RMSE()), bench.fixed())


def gits(bench: Bench) -> Found:
    """Every fixed solver on the grid of GITS, the best on the validation noises."""
    bed, eps = bench.bed, bench.train.eps
    x = eps * as_float(bench.train.start.sigma)
    model = bench.train.model
    times = gits_times(model, x, bench.nfe, bed.t_start, bed.t_end)[bench.nfe]
    samplers = {name: make(bed.model.noise, times) for name, make in SOLVERS.items()}
    fitting = {name: s for name, s in samplers.items() if s.nfe == bench.nfe}
    found = _best(bench.validation, fitting)
    return replace(found, forwards=found.forwards + bench.train.cost.forwards)


def _best(validation: Evaluator, samplers: Mapping[str, Sampler]) -> Found:
    best = rank_fixed(validation, samplers)[0]
    cost = validation.cost
    counts = {"fixed": cost.evaluations}
    return Found(best.sampler, best.name, math.nan, best.score, best.score, counts, cost.forwards)


# ---- searches ------------------------------------------------------------------------------


def usual(bench: Bench) -> Found:
    """What ``search_solver`` does unless told otherwise."""
    found = search_on(_judges(bench), bench.nfe, bench.evaluations, bench.seed)
    return _found(found[bench.nfe])


def alone(make: Search) -> Method:
    """A search without refinement; all evaluations are its own."""

    def run(bench: Bench) -> Found:
        bed = bench.bed
        ends = {"t_start": bed.t_start, "t_end": bed.t_end}
        method = make(bed.model.noise, bench.nfe, bench.evaluations, bench.seed, **ends)
        found = search_on(_judges(bench), bench.nfe, bench.evaluations, method=method, refine=None)
        return _found(found[bench.nfe])

    return run


def _judges(bench: Bench) -> Judges:
    """No test noises: what is found is judged by the study, later."""
    return Judges(bench.train, bench.validation, bench.validation)


def _found(result: SearchResult) -> Found:
    if result.interrupted:  # half a search is no evidence
        raise KeyboardInterrupt
    costs = {k: cost for k, cost in result.costs.items() if k not in ("test", "reference")}
    return Found(
        result.sampler,
        result.origin,
        result.scores.train,
        result.scores.validation,
        result.searched,
        {phase: cost.evaluations for phase, cost in costs.items()},
        sum(cost.forwards for cost in costs.values()),
    )


# ---- refinement without a search -----------------------------------------------------------


def refined(refine: Refiner) -> Method:
    """The best fixed solver, refined with all evaluations."""

    def run(bench: Bench) -> Found:
        ranked = rank_fixed(bench.train, bench.fixed())[:FINALISTS]
        start = rank_fixed(bench.validation, {s.name: s.sampler for s in ranked})[0]
        found = refine(start.sampler, bench.train, bench.validation, bench.evaluations)
        return _learned(bench, found, start.score)

    return run


def learned_times(bench: Bench) -> Found:
    """Times by gradients from the best fixed solvers, as LD3."""
    ranked = rank_fixed(bench.train, bench.fixed())
    found = ld3(bench.train, bench.validation, bench.nfe, bench.evaluations, fixed=ranked)
    return _learned(bench, found)


def learned_weights(bench: Bench) -> Found:
    """Times and weights by gradients in turn from the best fixed solver, as S4S."""
    return _learned(bench, s4s(bench.train, bench.validation, bench.nfe, bench.evaluations))


def _learned(bench: Bench, sampler: Sampler, start: float = math.nan) -> Found:
    cost, fixed = bench.train.cost + bench.validation.cost, len(bench.fixed())
    counts = {"fixed": fixed, "refinement": cost.evaluations - fixed}
    scores = bench.train(sampler), bench.validation(sampler)
    return Found(sampler, "refinement", *scores, start, counts, cost.forwards)


METHODS: Mapping[str, Method] = {
    "fixed": best_fixed,
    "fixed-rmse": best_fixed_rmse,
    "gits": gits,
    "s3": usual,
    "s3-alone": alone(SolverSearch),
    "s3-blind": alone(partial(SolverSearch, predictor=None)),
    "ga": alone(GeneticSearch),
    "random": alone(RandomSearch),
    "refined": refined(UsualRefinement()),
    "ld3": learned_times,
    "s4s": learned_weights,
}
"""All methods."""

LABELS = {
    "fixed": "best fixed solver",
    "fixed-rmse": "best fixed solver by RMSE",
    "s3": "S^3 and refinement",
    "refined": "refinement of the best fixed",
    "s3-alone": "S^3",
    "s3-blind": "S^3 without predictor",
    "ga": "GA",
    "random": "random search",
    "ld3": "LD3-like",
    "s4s": "S4S-like",
    "gits": "GITS",
}
"""Of the methods in tables, in the order of pictures."""
