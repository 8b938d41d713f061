"""The end of a search: choice on validation, refinement, one report on test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...solvers.diffusion import SolverSchedule, _json
from ...solvers.diffusion.saved import Sampler
from ._books import Books
from .canonical import key
from .cost import Cost
from .evaluator import Evaluator
from .fixed import Scored
from .progress import Progress, Watch, unwatched
from .refiner import Allowance, Refiner
from .result import Scores, SearchResult, scores_out

FINALISTS = 20
"""How many of the search's best are scored again on validation."""
FIXED_FINALISTS = 5
"""And how many of the fixed samplers'."""


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
        for name in ("train", "validation", "test"):
            if not isinstance(getattr(self, name), Evaluator):
                raise TypeError(f"{name}={getattr(self, name)!r}: expected an Evaluator")
        own = self.train
        for name in ("validation", "test"):
            other: Evaluator = getattr(self, name)
            if (other.model.noise, other.start, other.end) != (own.model.noise, own.start, own.end):
                raise ValueError(f"{name}: another noise schedule or other ends than train's")
            if other.objective.name != own.objective.name:
                raise ValueError(
                    f"{name}: objective {other.objective.name!r}, train's {own.objective.name!r}"
                )


@dataclass(frozen=True, eq=False)
class Ending:
    """What follows when the evaluations of a search are spent.

    Args:
        judges: The evaluators.
        refine: What refines the winner; None leaves it as it is.
        refining: How many evaluations it may cost; 0 leaves it out.
        settings: What the search was asked, for the result.
        callback: Called after every evaluation.
    """

    judges: Judges
    refine: Refiner | None
    refining: int
    settings: Mapping[str, Any]
    callback: Watch = unwatched

    def __call__(self, books: Books, interrupted: bool = False) -> SearchResult:
        """Choose, refine and report at one number of network evaluations.

        Args:
            books: What fixed samplers and search came to.
            interrupted: Whether the search was: there is no refinement then.
        """
        prepare(self.judges.validation)
        fixed, searched = self._choose(books)
        best = min(fixed, searched, key=lambda s: s.score)
        if self.refining and not interrupted:
            best, interrupted = self._refine(books, best, fixed.score)
        return self._report(books, best, fixed, searched.score, interrupted)

    def _choose(self, books: Books) -> tuple[Scored, Scored]:
        """The best fixed sampler and the best that was searched, as validation sees them."""
        groups = books.fixed[:FIXED_FINALISTS], books.top(FINALISTS)
        total, done, found = sum(map(len, groups)), 0, list[Scored]()
        judge, known = self.judges.validation, dict[str, float]()
        for group in groups:
            best = Scored("none", group[0].sampler if group else found[0].sampler, math.inf)
            for name, sampler, _ in group:
                if key(sampler) not in known:
                    with books.spending("choice", judge):
                        known[key(sampler)] = judge(sampler, min(known.values(), default=math.inf))
                best = min(best, Scored(name, sampler, known[key(sampler)]), key=lambda s: s.score)
                done += 1
                fixed = found[0].score if found else best.score
                progress = Progress("choice", books.nfe, done, total, min(best.score, fixed), fixed)
                self.callback(progress)
            found.append(best)
        return found[0], found[1]

    def _refine(self, books: Books, start: Scored, fixed: float) -> tuple[Scored, bool]:
        """The best on validation, and whether it was interrupted."""
        assert self.refine is not None
        train, validation = self.judges.train, self.judges.validation
        best, interrupted = [start], False
        allowance = Allowance(self.refining, train, validation)

        def report(sampler: Sampler, score: float) -> None:
            best.append(Scored("refinement", sampler, score))
            done = self.refining - allowance.left
            progress = Progress("refinement", books.nfe, done, self.refining, score, fixed)
            self.callback(progress)

        with books.spending("refinement", train, validation):
            try:
                found = self.refine(start.sampler, train, validation, self.refining, report)
                if found is not best[-1].sampler:  # a refiner that has told nothing of it
                    report(found, validation(found))
            except KeyboardInterrupt:
                interrupted = True
        return min(best, key=lambda s: s.score), interrupted

    def _report(
        self, books: Books, best: Scored, fixed: Scored, searched: float, interrupted: bool
    ) -> SearchResult:
        train, test = self.judges.train, self.judges.test
        prepare(test)
        same = best.sampler is fixed.sampler
        with books.spending("test", train, test):
            scores = [
                Scores(train(s.sampler), s.score, test(s.sampler))
                for s in (best, fixed)[: 2 - same]
            ]
        judges = (self.judges.train, self.judges.validation, self.judges.test)
        books.costs["reference"] = sum((j.reference_cost for j in judges), Cost())
        result = SearchResult(
            nfe=books.nfe,
            sampler=best.sampler,
            origin=best.name,
            scores=scores[0],
            searched=searched,
            fixed_name=fixed.name,
            fixed_sampler=fixed.sampler,
            fixed_scores=scores[-1],
            costs=dict(books.costs),
            history=tuple(books.history),
            settings=self.settings,
            interrupted=interrupted,
        )
        return _signed(result)


def prepare(judge: Evaluator) -> None:
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
        "scores": scores_out(result.scores),
        "best fixed": [result.fixed_name, _json.number_out(result.fixed_scores.test)],
        "spent": [result.cost.evaluations, result.cost.calls, round(result.cost.seconds, 3)],
    }
    return replace(result, sampler=replace(sampler, record=record))
