"""The whole course of a search: fixed samplers, search, choice, refinement, one report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ...schedules._checks import number, whole
from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion.saved import Sampler
from ..tuner import Tuner
from ._ledger import Ledger
from .ending import Ending, Judges, Watch, prepare
from .evaluator import Evaluator
from .fixed import Scored, rank_fixed
from .gradient import Refiner
from .progress import Progress
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
        self.judges, self.nfes = judges, nfes
        self.refine = check_refinement(refine, judges.train)
        refining = int(evaluations * share)
        self.refining = refining if refining >= FEWEST and self.refine is not None else 0
        self.searching = evaluations - self.refining
        self.noise = judges.train.model.noise
        self.ends = as_float(judges.train.start.t), as_float(judges.train.end.t)
        self.method: Tuner[Any] = method or self._usual_method(seed)
        self.settings = {
            "objective": judges.train.objective.name,
            "evaluations": evaluations,
            "seed": seed,
            "method": type(self.method).__name__,
            "refine": type(self.refine).__name__ if self.refining else None,
            "noises": [len(j.eps) for j in (judges.train, judges.validation, judges.test)],
            "ends": list(self.ends),
        }
        self.callback: Watch = callback or _unwatched
        self.ledgers = {n: Ledger(n) for n in nfes}
        self.interrupted = False

    def run(self, fixed: Mapping[str, Sampler] | None) -> dict[int, SearchResult]:
        prepare(self.judges.train)
        for nfe, ledger in self.ledgers.items():
            self._rank_fixed(ledger, fixed_samplers(self.noise, nfe, *self.ends), fixed)
        try:
            self._search()
        except KeyboardInterrupt:
            self.interrupted = True
        ending = Ending(self.judges, self.refine, self.refining, self.settings, self.callback)
        results = dict[int, SearchResult]()
        for nfe, ledger in self.ledgers.items():
            results[nfe] = ending(ledger, self.interrupted)
            self.interrupted |= results[nfe].interrupted
        return results

    def _usual_method(self, seed: int) -> SolverSearch:
        """Analytic first steps from the data's mean are searched where the model knows it."""
        firsts = Space().firsts
        space = Space() if self.judges.train.model.mean is None else Space(firsts=(*firsts, "mean"))
        start, end = self.ends
        return SolverSearch(
            self.noise, self.nfes, self.searching, seed, space=space, t_start=start, t_end=end
        )

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
            choice: Sampler = self.method.ask()
            ledger = self.ledgers.get(choice.nfe)
            if ledger is None:
                raise ValueError(f"method: proposed a sampler of {choice.nfe} evaluations")
            with ledger.spending("search", train):
                score = ledger.score(train, choice)
                self.method.tell(choice, score)
            best, fixed = min(ledger.best, ledger.fixed[0].score), ledger.fixed[0].score
            self.callback(Progress("search", choice.nfe, done, total, best, fixed))


def _unwatched(progress: Progress) -> None:
    """The callback of those who give none."""


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
