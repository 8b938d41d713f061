"""The whole course of a search: fixed samplers, search, choice, refinement, one report."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ...schedules._checks import number, whole
from ...solvers.diffusion import SolverSchedule
from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion.saved import Sampler
from ..tuner import Tuner
from ._ledger import Ledger
from .canonical import key
from .cost import Cost
from .evaluator import Evaluator
from .fixed import Scored, rank_fixed
from .gradient import GradientRefinement, Refiner, check_differentiable
from .progress import Progress
from .result import Scores, SearchResult
from .search import SolverSearch
from .seeds import fixed_samplers

FINALISTS = 20
"""How many of the search's best are scored again on validation."""
FIXED_FINALISTS = 5
"""And how many of the fixed samplers'."""
FEWEST = 10
"""A refinement with fewer evaluations than this is left out."""
USUAL = GradientRefinement()
"""The refinement of a search that names none."""

Watch = Callable[[Progress], None]


@dataclass(frozen=True, eq=False)
class Judges:
    """Evaluators on disjoint noises: to search by, to choose by, to report by.

    Raises:
        ValueError: evaluators for different noise schedules, ends or objectives.
    """

    train: Evaluator
    validation: Evaluator
    test: Evaluator

    def __post_init__(self) -> None:
        """Check that they ask the same."""
        own = self.train
        for name in ("validation", "test"):
            other: Evaluator = getattr(self, name)
            if (other.model.noise, other.start, other.end) != (own.model.noise, own.start, own.end):
                raise ValueError(f"{name}: another noise schedule or other ends than train's")
            if other.objective.name != own.objective.name:
                raise ValueError(
                    f"{name}: objective {other.objective.name!r}, train's {own.objective.name!r}"
                )


def search_on(
    judges: Judges,
    nfe: int | Sequence[int],
    evaluations: int = 400,
    seed: int = 0,
    *,
    method: Tuner[Any] | None = None,
    refine: Refiner | None = USUAL,
    share: float = 0.25,
    fixed: Mapping[str, Sampler] | None = None,
    callback: Watch | None = None,
) -> dict[int, SearchResult]:
    """Search with given evaluators; :func:`search_solver` makes them from a model.

    For models that need more than x and t per sample, such as a label each: every evaluator may
    have its own model, with ``batch`` and ``reject`` None.

    Args:
        judges: The evaluators.
        nfe: Network evaluations per sample, one number or several.
        evaluations: For each ``nfe``, of search and refinement together.
        seed: Of the default method.
        method: What proposes; ``SolverSearch`` where it is not given.
        refine: What refines the winner; None leaves it as it is.
        share: Of the evaluations, how many are the refinement's.
        fixed: The fixed samplers by name; every solver on every usual grid by default.
        callback: Called after every evaluation.

    Returns:
        The results by ``nfe``. See :func:`search_solver` for the course, errors and interrupts.
    """
    nfes = (nfe,) if isinstance(nfe, int) else tuple(nfe)
    for n in nfes:
        whole("nfe", n, low=1)
    whole("evaluations", evaluations, low=4)
    number("share", share, low=0, high=1, open_high=True)
    check_network(judges.train)
    return _Course(judges, nfes, evaluations, seed, method, refine, share, callback).run(fixed)


class _Course:
    """One run of a search, and its state."""

    def __init__(
        self,
        judges: Judges,
        nfes: tuple[int, ...],
        evaluations: int,
        seed: int,
        method: Tuner[Any] | None,
        refine: Refiner | None,
        share: float,
        callback: Watch | None,
    ) -> None:
        self.judges, self.nfes, self.refine = judges, nfes, refine
        refining = int(evaluations * share)
        self.refining = refining if refining >= FEWEST and can_refine(refine, judges.train) else 0
        self.searching = evaluations - self.refining
        self.noise = judges.train.model.noise
        self.ends = as_float(judges.train.start.t), as_float(judges.train.end.t)
        self.method: Tuner[Any] = method or SolverSearch(
            self.noise, nfes, self.searching, seed, t_start=self.ends[0], t_end=self.ends[1]
        )
        self.settings = {
            "objective": judges.train.objective.name,
            "evaluations": evaluations,
            "seed": seed,
            "method": type(self.method).__name__,
            "refine": type(refine).__name__ if self.refining else None,
            "noises": [len(j.eps) for j in (judges.train, judges.validation, judges.test)],
            "ends": list(self.ends),
        }
        self.callback = callback or (lambda progress: None)
        self.ledgers = {n: Ledger(n) for n in nfes}
        self.interrupted = False

    def run(self, fixed: Mapping[str, Sampler] | None) -> dict[int, SearchResult]:
        _prepare(self.judges.train)
        for nfe, ledger in self.ledgers.items():
            self._rank_fixed(ledger, fixed_samplers(self.noise, nfe, *self.ends), fixed)
        try:
            self._search()
        except KeyboardInterrupt:
            self.interrupted = True
        return {nfe: self._finish(ledger) for nfe, ledger in self.ledgers.items()}

    # ---- the phases ----------------------------------------------------------------------

    def _rank_fixed(
        self, ledger: Ledger, usual: dict[str, Sampler], given: Mapping[str, Sampler] | None
    ) -> None:
        samplers = (
            usual if given is None else {k: s for k, s in given.items() if s.nfe == ledger.nfe}
        )
        train, scores = self.judges.train, [math.inf]

        def report(scored: Scored) -> None:
            scores.append(scored.score)
            best = min(scores)
            done = len(scores) - 1
            self.callback(Progress("fixed", ledger.nfe, done, len(samplers), best, best))

        with ledger.spending("fixed", train):
            ranked = rank_fixed(train, samplers, report)
        if not ranked or not math.isfinite(ranked[0].score):
            raise ValueError(
                f"nfe={ledger.nfe}: none of {len(ranked)} fixed samplers gives a finite score on "
                "this model; check its prediction type, noise schedule and t_start"
            )
        ledger.take_fixed(ranked)

    def _search(self) -> None:
        total = self.searching * len(self.nfes)
        for done in range(1, total + 1):
            if getattr(self.method, "done", False):
                return
            train = self.judges.train
            context = self.nfes[(done - 1) % len(self.nfes)] if len(self.nfes) == 1 else None
            choice: Sampler = self.method.ask(context)
            ledger = self.ledgers.get(choice.nfe)
            if ledger is None:
                raise ValueError(f"method: proposed a sampler of {choice.nfe} evaluations")
            with ledger.spending("search", train):
                score = ledger.score(train, choice)
                self.method.tell(choice, score)
            best, fixed = min(ledger.best, ledger.fixed[0].score), ledger.fixed[0].score
            self.callback(Progress("search", choice.nfe, done, total, best, fixed))

    def _finish(self, ledger: Ledger) -> SearchResult:
        _prepare(self.judges.validation)
        fixed, searched = self._choose(ledger)
        best = min(fixed, searched, key=lambda s: s.score)
        if self.refining and not self.interrupted:
            best = self._refine(ledger, best, fixed.score)
        return self._report(ledger, best, fixed, searched.score)

    def _choose(self, ledger: Ledger) -> tuple[Scored, Scored]:
        """The best fixed sampler and the best that was searched, as validation sees them."""
        groups = ledger.fixed[:FIXED_FINALISTS], ledger.top(FINALISTS)
        total, done, found = sum(map(len, groups)), 0, list[Scored]()
        judge, known = self.judges.validation, dict[str, float]()
        for group in groups:
            best = Scored("none", group[0].sampler if group else found[0].sampler, math.inf)
            for name, sampler, _ in group:
                if key(sampler) not in known:
                    with ledger.spending("choice", judge):
                        known[key(sampler)] = judge(sampler, min(known.values(), default=math.inf))
                best = min(best, Scored(name, sampler, known[key(sampler)]), key=lambda s: s.score)
                done += 1
                fixed = found[0].score if found else best.score
                progress = Progress(
                    "choice", ledger.nfe, done, total, min(best.score, fixed), fixed
                )
                self.callback(progress)
            found.append(best)
        return found[0], found[1]

    def _refine(self, ledger: Ledger, start: Scored, fixed: float) -> Scored:
        assert self.refine is not None
        train, validation = self.judges.train, self.judges.validation
        best, before = [start], train.cost.evaluations + validation.cost.evaluations

        def report(sampler: Sampler, score: float) -> None:
            best.append(Scored("refinement", sampler, score))
            done = train.cost.evaluations + validation.cost.evaluations - before
            progress = Progress("refinement", ledger.nfe, done, self.refining, score, fixed)
            self.callback(progress)

        with ledger.spending("refinement", train, validation):
            try:
                self.refine(start.sampler, train, validation, self.refining, callback=report)
            except KeyboardInterrupt:
                self.interrupted = True
        return min(best, key=lambda s: s.score)

    def _report(self, ledger: Ledger, best: Scored, fixed: Scored, searched: float) -> SearchResult:
        train, test = self.judges.train, self.judges.test
        _prepare(test)
        same = best.sampler is fixed.sampler
        with ledger.spending("test", train, test):
            scores = [
                Scores(train(s.sampler), s.score, test(s.sampler))
                for s in (best, fixed)[: 2 - same]
            ]
        judges = (self.judges.train, self.judges.validation, self.judges.test)
        ledger.costs["reference"] = sum((j.reference_cost for j in judges), Cost())
        result = SearchResult(
            nfe=ledger.nfe,
            sampler=best.sampler,
            origin=best.name,
            scores=scores[0],
            searched=searched,
            fixed_name=fixed.name,
            fixed_sampler=fixed.sampler,
            fixed_scores=scores[-1],
            costs=dict(ledger.costs),
            history=tuple(ledger.history),
            settings=self.settings,
            interrupted=self.interrupted,
        )
        return _signed(result)


def can_refine(refine: Refiner | None, train: Evaluator) -> bool:
    """Whether a refinement by gradients is possible; TypeError where it was asked for and is not.

    The usual one is left out where gradients do not pass: nobody asked for it.
    """
    if not isinstance(refine, GradientRefinement):
        return refine is not None
    try:
        check_differentiable(train)
        with torch.enable_grad():
            samples = train.eps.detach().clone().requires_grad_()
            if not train.objective(samples, torch.zeros_like(samples)).requires_grad:
                raise TypeError(
                    f"objective {train.objective.name!r}: no gradient passes through it"
                )
    except TypeError:
        if refine is USUAL:
            return False
        raise
    return True


def _prepare(judge: Evaluator) -> None:
    """Solve for the reference now, apart from what is timed."""
    if judge.objective.needs_reference:
        _ = judge.reference


def _signed(result: SearchResult) -> SearchResult:
    """The result in short, in the schedule's record; a table has none."""
    sampler = result.sampler
    if not isinstance(sampler, SolverSchedule):
        return result
    record = {
        **result.settings,
        "origin": result.origin,
        "scores": [result.scores.train, result.scores.validation, result.scores.test],
        "best fixed": [result.fixed_name, result.fixed_scores.test],
        "spent": [result.cost.evaluations, result.cost.calls, round(result.cost.seconds, 3)],
    }
    return replace(result, sampler=replace(sampler, record=record))


@torch.no_grad()
def check_network(train: Evaluator) -> None:
    """Ask the network twice for the same, before anything is spent on it.

    Raises:
        ValueError: outputs of another shape, that are not finite, or that differ.
    """
    count = len(train.eps) if train.batch is None and train.reject is None else 2
    x = train.eps[:count] * as_float(train.start.sigma)
    first, second = (train.model(x, train.start.t) for _ in range(2))
    if not bool(torch.isfinite(first).all()):
        raise ValueError(f"model: its output at t={as_float(train.start.t):g} is not finite")
    if not torch.equal(first, second):
        raise ValueError(
            "model: two calls with the same x and t differ, so no candidate can be compared with "
            "another; network.eval() turns dropout off"
        )
