"""The whole course of a search: fixed samplers, search, choice, refinement, one report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ...schedules._checks import number, shown, whole
from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion.saved import Sampler
from ..tuner import Tuner
from ._books import Books
from .ending import Ending, Judges, prepare
from .evaluator import Evaluator
from .fixed import Scored, rank_fixed
from .known import KnownCosts, nfes_of
from .progress import Progress, Watch, unwatched
from .refiner import Refiner
from .result import SearchResult
from .search import SolverSearch
from .seeds import fixed_samplers
from .space import Space
from .usual import UsualRefinement, check_refinement

SHARE = 0.5
"""Of the evaluations, the refinement's; with a quarter it had not converged at NFE 10."""
FEWEST = 10
"""A refinement with fewer evaluations than this is left out."""
USUAL = UsualRefinement()
"""The refinement of a search that names none."""


def search_on(
    judges: Judges,
    nfe: int | Sequence[int],
    evaluations: int = 400,
    seed: int = 0,
    *,
    method: Tuner[Any] | None = None,
    refine: Refiner | None = USUAL,
    share: float = SHARE,
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
        method: What proposes; ``SolverSearch`` where it is not given. What a search over schedules
            was told before is known, and chosen from, too: it must be of the same train noises.
        refine: What refines the winner; None leaves it as it is.
        share: Of the evaluations, how many are the refinement's.
        fixed: The fixed samplers by name; every solver on every usual grid by default.
        callback: Called after every evaluation.

    Returns:
        The results by ``nfe``. See :func:`search_solver` for the course, errors and interrupts.
    """
    nfes = nfes_of(nfe)
    whole("evaluations", evaluations, low=4)
    number("share", share, low=0, high=1, open_high=True)
    if fixed is not None and not fixed:
        raise ValueError(f"fixed={fixed!r}: expected at least one sampler")
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
        self.judges = judges
        self.refine = check_refinement(refine, judges.train)
        self.refining = 0 if self.refine is None else refining_of(evaluations, share)
        self.searching = evaluations - self.refining
        self.noise = judges.train.model.noise
        self.ends = judges.train.ends
        start, end = self.ends
        self.method: Tuner[Any] = method or SolverSearch(
            self.noise,
            nfes,
            self.searching,
            seed,
            space=Space.of(judges.train.model),
            t_start=start,
            t_end=end,
        )
        self.settings = {
            "objective": judges.train.objective.name,
            "evaluations": evaluations,
            "seed": seed,
            "method": type(self.method).__name__,
            "refine": type(self.refine).__name__ if self.refining else None,
            "noises": [len(j.eps) for j in (judges.train, judges.validation, judges.test)],
            "ends": list(self.ends),
        }
        self.callback: Watch = callback or unwatched
        self.books_of = {n: Books(n) for n in nfes}
        self.interrupted = False

    def run(self, fixed: Mapping[str, Sampler] | None) -> dict[int, SearchResult]:
        prepare(self.judges.train)
        for nfe, books in self.books_of.items():
            self._rank_fixed(books, fixed_samplers(self.noise, nfe, *self.ends), fixed)
        if isinstance(self.method, KnownCosts):  # one that goes on from what it was told before
            for known in self.method.history:
                if known.nfe in self.books_of:
                    self.books_of[known.nfe].take(known.schedule, known.cost)
        try:
            self._search()
        except KeyboardInterrupt:
            self.interrupted = True
        ending = Ending(self.judges, self.refine, self.refining, self.settings, self.callback)
        results = dict[int, SearchResult]()
        for nfe, books in self.books_of.items():
            results[nfe] = ending(books, self.interrupted)
            self.interrupted |= results[nfe].interrupted
        return results

    # ---- the phases ----------------------------------------------------------------------

    def _rank_fixed(
        self, books: Books, usual: dict[str, Sampler], given: Mapping[str, Sampler] | None
    ) -> None:
        samplers = (
            usual if given is None else {k: s for k, s in given.items() if s.nfe == books.nfe}
        )
        train, scores = self.judges.train, [math.inf]

        def report(scored: Scored) -> None:
            scores.append(scored.score)
            best = min(scores)
            done = len(scores) - 1
            self.callback(Progress("fixed", books.nfe, done, len(samplers), best, best))

        with books.spending("fixed", train):
            ranked = rank_fixed(train, samplers, report)
        if not ranked or not math.isfinite(ranked[0].score):
            raise ValueError(
                f"nfe={books.nfe}: none of {len(ranked)} fixed samplers gives a finite score on "
                "this model; check its prediction type, noise schedule and t_start"
            )
        books.take_fixed(ranked)

    def _search(self) -> None:
        total = self.searching * len(self.books_of)
        for done in range(1, total + 1):
            if getattr(self.method, "done", False):
                return
            train = self.judges.train
            choice: Sampler = self.method.ask()
            books = self.books_of.get(choice.nfe)
            if books is None:
                raise ValueError(f"method: proposed a sampler of {choice.nfe} evaluations")
            with books.spending("search", train):
                score = books.score(train, choice)
                self.method.tell(choice, score)
            best, fixed = min(books.best, books.fixed[0].score), books.fixed[0].score
            self.callback(Progress("search", choice.nfe, done, total, best, fixed))


def refining_of(evaluations: int, share: float = SHARE) -> int:
    """How many of a search's evaluations are its refinement's; none where they would be too few."""
    refining = int(evaluations * share)
    return refining if refining >= FEWEST else 0


@torch.no_grad()
def check_network(train: Evaluator) -> None:
    """Ask the network twice for the same, before anything is spent on it.

    Raises:
        ValueError: a network that fails on noises of this shape; outputs of another shape, that
            are not finite, or that differ.
    """
    count = len(train.eps) if train.batch is None and train.reject is None else 2
    x = train.eps[:count] * as_float(train.start.sigma)
    try:
        first = train.model(x, train.start.t)
    except Exception as error:
        raise ValueError(
            f"noises, model: the model fails on x of shape {tuple(x.shape)} in {x.dtype}, as the "
            f"noises have it: {type(error).__name__}: {shown(str(error), 400)}"
        ) from error
    second = train.model(x, train.start.t)
    if not bool(torch.isfinite(first).all()):
        raise ValueError(f"model: its output at t={as_float(train.start.t):g} is not finite")
    if not torch.equal(first, second):
        raise ValueError(
            "model: two calls with the same x and t differ, so no candidate can be compared with "
            "another; network.eval() turns dropout off"
        )
