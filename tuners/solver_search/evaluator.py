"""The true evaluation of a sampler: run it from the common noises, and judge the samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from ...schedules._checks import number, whole
from ...solvers.diffusion import CoefficientTable, Model, lower, sample
from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion._tensors import check_floating
from ...solvers.diffusion.model import as_model
from ...solvers.diffusion.saved import Sampler, as_sampler
from ._meter import Meter
from ._network import Network, recomputed
from ._reference import refined, solution
from .cost import Cost
from .objectives import GeometricMean, Objective, root_mean_squares

T = TypeVar("T")


@dataclass(frozen=True)
class Reject:
    """When to stop evaluating a hopeless candidate.

    Args:
        first: So many noises are run first.
        factor: Where their score is above ``factor`` times the best known, they are all.
    """

    first: int = 64
    factor: float = 2.0

    def __post_init__(self) -> None:
        """Check the settings."""
        whole("first", self.first, low=1)
        number("factor", self.factor, low=1)


class Evaluator:
    """Scores samplers on one set of noises, and keeps count of what that costs.

    Args:
        model: The model.
        eps: Standard normal noises, shape (count, ...); a run starts from sigma(t_start) eps.
            Half precision is what the network then sees; states are kept in float32.
        objective: What samples are judged by.
        reference: The exact solutions at ``t_end``, shape of ``eps``; computed when they are first
            needed where they are not given.
        t_start: Where runs start; the noise schedule's ``t_max`` where it is not given.
        t_end: Where they end; its ``t_min``.
        batch: Most samples in one network call; all at once where it is not given.
        reject: When to reject early; None never does. It takes effect where a call says what the
            best is, and the objective compares sample by sample with a reference. With neither
            this nor ``batch`` the network sees all noises together, in order, at every call: what
            a network needs that holds a condition per sample.
        tol: Accuracy of a computed reference: the largest difference of a solution with half the
            steps, relative to the largest number; 1e-4 in float64, 1e-2 otherwise (the difference
            of the finer one from the truth is some ten times smaller).

    Raises:
        TypeError: noises that are no floating tensor.
        ValueError: noises or a reference of another shape, or settings out of range.

    Example:
        >>> from ritard.solvers.diffusion import VPLinear, GaussianMixture, dpmpp_2m, grids
        >>> noise = VPLinear()
        >>> data = GaussianMixture(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.full((2,), 0.04))
        >>> evaluator = Evaluator(data.model(noise), torch.randn(16, 2, dtype=torch.float64))
        >>> score = evaluator(dpmpp_2m(noise, grids.uniform_lambda(noise, 6)))
        >>> evaluator.cost.evaluations, evaluator.cost.calls
        (1, 6)
    """

    def __init__(
        self,
        model: Model,
        eps: Tensor,
        objective: Objective | None = None,
        reference: Tensor | None = None,
        t_start: float | None = None,
        t_end: float | None = None,
        batch: int | None = None,
        reject: Reject | None = Reject(),
        tol: float | None = None,
    ) -> None:
        as_model(model)
        check_floating(eps=eps)
        if eps.ndim < 2 or not len(eps):
            raise ValueError(f"eps: shape {tuple(eps.shape)}: expected (count, ...), at least one")
        if reference is not None and reference.shape != eps.shape:
            raise ValueError(f"reference: shape {tuple(reference.shape)}, eps {tuple(eps.shape)}")
        self.eps = eps
        self.objective: Objective = GeometricMean() if objective is None else objective
        self.batch = None if batch is None else whole("batch", batch, low=1)
        self.reject = reject if self.objective.needs_reference else None
        self.start = model.noise.node(model.noise.t_max if t_start is None else t_start)
        self.end = model.noise.node(model.noise.t_min if t_end is None else t_end)
        half = eps.dtype not in (torch.float32, torch.float64)
        self._dtype = torch.float32 if half else eps.dtype
        self._network = Network(model.network, eps.dtype)
        self.model = replace(model, network=self._network)
        if tol is not None:
            number("tol", tol, low=0, open_low=True)
        self.tol = (1e-4 if self._dtype == torch.float64 else 1e-2) if tol is None else tol
        self._given = None if reference is None else reference.to(self._dtype)
        self._meter = Meter(self._network, len(eps))
        self.reference_cost = Cost()

    # ---- scores --------------------------------------------------------------------------

    @torch.no_grad()
    def __call__(self, sampler: Sampler, best: float = math.inf) -> float:
        """The score; infinite where a run diverges.

        Args:
            sampler: What to run.
            best: The best score known: a candidate far above it is rejected early, and what is
                returned is its score on the first block of noises.

        Raises:
            ValueError: a sampler for another noise schedule, or that starts or ends elsewhere.
        """
        return self._counted(lambda: self._score(self._table(sampler), best))

    @torch.no_grad()
    def samples(self, sampler: Sampler) -> Tensor:
        """Where the sampler takes the noises, shape of ``eps``; an evaluation like any other.

        Raises:
            FloatingPointError: the run diverges.
        """
        table = self._table(sampler)
        return self._counted(lambda: self._run(self.model, table, 0, len(self.eps)))

    @torch.no_grad()
    def per_sample(self, sampler: Sampler) -> Tensor:
        """Root mean square error of each sample, shape (count,), infinite if a run diverges."""
        exact = self.reference
        try:
            return root_mean_squares(self.samples(sampler), exact).nan_to_num(nan=math.inf)
        except FloatingPointError:
            return torch.full_like(exact.flatten(1)[:, 0], math.inf)

    def loss(self, table: CoefficientTable) -> Tensor:
        """The score as a tensor, to be differentiated with respect to the table's numbers.

        Counted as an evaluation. With ``batch``, network calls are run again when the gradient is
        taken, so that memory stays that of one call. Use ``torch.autograd.grad`` with your own
        parameters: ``backward`` would also fill the gradients of the network's.

        Raises:
            FloatingPointError: the run diverges.
        """
        exact = self._exact(0, len(self.eps))
        with torch.enable_grad():
            model = self.model
            if self.batch is not None:
                model = replace(model, network=recomputed(self._network))
            table = self._table(table)
            return self._counted(
                lambda: self.objective(self._run(model, table, 0, len(self.eps)), exact)
            )

    # ---- costs ---------------------------------------------------------------------------

    @property
    def cost(self) -> Cost:
        """What the evaluations have cost so far; the reference's cost is apart."""
        return self._meter.cost

    def settle(self) -> None:
        """Begin a count that does not depend on what was counted before: parts are rounded up."""
        self._meter.settle()

    def charged(self, nfe: int) -> AbstractContextManager[None]:
        """Count what goes through ``model`` inside, on any part of the noises, as evaluations.

        Samples through the network per ``nfe`` and noise, their sum rounded up; and the time.
        """
        return self._meter.parts(nfe)

    @property
    def ends(self) -> tuple[float, float]:
        """The times where runs start and end."""
        return as_float(self.start.t), as_float(self.end.t)

    @cached_property
    def reference(self) -> Tensor:
        """The exact solutions, shape of ``eps``; computed once, its cost in ``reference_cost``."""
        if self._given is not None:
            return self._given
        with self._meter.apart() as cost:
            found = refined(self._solution, len(self.eps), self.tol)
        self.reference_cost = cost[0]
        return found

    # ---- inside --------------------------------------------------------------------------

    def _score(self, table: CoefficientTable, best: float) -> float:
        first, count = 0, len(self.eps)
        parts: list[Tensor] = []
        try:
            if self.reject is not None and self.reject.first < count:
                first = self.reject.first
                parts.append(self._run(self.model, table, 0, first))
                if math.isfinite(best):
                    score = self._judge(parts[0], 0, first)
                    if score > self.reject.factor * best:
                        self._meter.rejected += 1
                        return score
            parts.append(self._run(self.model, table, first, count))
        except FloatingPointError:
            return math.inf
        return self._judge(torch.cat(parts), 0, count)

    def _judge(self, samples: Tensor, low: int, high: int) -> float:
        score = float(self.objective(samples, self._exact(low, high)))
        return math.inf if math.isnan(score) else score

    def _exact(self, low: int, high: int) -> Tensor | None:
        return self.reference[low:high] if self.objective.needs_reference else None

    def _run(self, model: Model, table: CoefficientTable, low: int, high: int) -> Tensor:
        return torch.cat([sample(model, self._x(*b), table) for b in self._blocks(low, high)])

    def _solution(self, rows: Tensor, steps: int) -> Tensor:
        """Of those noises; of all, picked afterwards, where the network must see all together."""
        whole_batch = self.batch is None and self.reject is None
        low_high = [(0, len(self.eps))] if whole_batch else self._blocks(0, len(rows))
        x = self._x(0, len(self.eps))
        if not whole_batch:
            x = x[rows.to(x.device)]
        found = torch.cat([solution(self.model, x[a:b], *self.ends, steps) for a, b in low_high])
        return found[rows.to(x.device)] if whole_batch else found

    def _x(self, low: int, high: int) -> Tensor:
        return self.eps[low:high].to(self._dtype) * as_float(self.start.sigma)

    def _blocks(self, low: int, high: int) -> list[tuple[int, int]]:
        size = self.batch or high - low
        return [(i, min(i + size, high)) for i in range(low, high, size)]

    def _counted(self, run: Callable[[], T]) -> T:
        if self.objective.needs_reference:
            _ = self.reference  # its time is not the evaluation's
        with self._meter.evaluation():
            return run()

    def _table(self, sampler: Sampler) -> CoefficientTable:
        """Lowered, from t_start, and to t_end where samples are compared with the solution."""
        table = lower(as_sampler(sampler))
        places = [("starts", table.nodes[0], self.start)]
        if self.objective.needs_reference:
            places.append(("ends", table.nodes[table.rows[-1].target], self.end))
        for word, node, expected in places:
            if not math.isclose(as_float(node.t), as_float(expected.t), rel_tol=1e-9, abs_tol=1e-9):
                raise ValueError(
                    f"sampler: {word} at t={as_float(node.t):g}, but the evaluator is for "
                    f"t={as_float(expected.t):g}"
                )
        return table
