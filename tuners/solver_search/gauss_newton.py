"""Refinement of a sampler by least squares: few evaluations, no gradient of the network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...schedules._checks import number, whole
from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion.saved import Sampler
from ._incumbent import Incumbent
from ._jacobian import jacobian
from ._unknowns import Group, Unknowns, check_groups
from .evaluator import Evaluator
from .refiner import Allowance, NewBest

_EASE, _TIGHTEN = 4.0, 5.0
_LEAST, _MOST = 1e-8, 1e6


@dataclass(frozen=True)
class GaussNewton:
    """Levenberg-Marquardt on a sampler's free numbers, for any objective with a reference.

    With e_i the error of sample i, J_i its derivatives by the unknowns and L the objective, a step
    d solves (H + damping diag H) d = -sum_i J_i^T g_i, where g_i = dL/de_i and
    H = sum_i (|g_i| / |e_i|) J_i^T J_i: for a root mean square that is Gauss and Newton's matrix,
    for the geometric mean its iteratively reweighted form. J comes from differences on a part of
    the noises, in turn, so the network is never differentiated; the step is kept where it lowers
    the objective on all of them. Those kept are checked on validation now and then.

    Network calls for a Jacobian count as evaluations in proportion to their samples.

    Args:
        free: What may move. "times": the knots between the ends; "scaling": the numbers c of the
            scalings 1 + c h; "weights": the rows' weights of all outputs known, at the same sum,
            so that constant outputs stay exact; "sums": those sums too; "network_times": the times
            told to the network, apart from the steps' own.
        noises: How many noises a Jacobian is taken on; a quarter of them, 16 to 64, if None. All
            where the evaluator neither batches nor rejects: the network may know its samples.
        damping: At the start; it then follows the success of the steps.
        checks: How many kept steps lie between two checks on validation.
        patience: Stop after so many checks without a new best, or Jacobians without a step.
        min_gap: Least distance of two times, as a fraction of the range of lambda.
        history: How many outputs a row may use; all if None.

    Raises:
        ValueError: an unknown group, or settings out of range.

    Source: Marquardt (1963); reweighting: Holland & Welsch (1977). The unknowns: own formulation
    after LD3, arXiv:2405.15506, S4S, arXiv:2502.17423, and bespoke non-stationary solvers,
    arXiv:2403.01329.
    """

    free: Sequence[Group] = ("times", "weights")
    noises: int | None = None
    damping: float = 1e-2
    checks: int = 4
    patience: int = 3
    min_gap: float = 1e-3
    history: int | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_groups(self.free)
        if self.noises is not None:
            whole("noises", self.noises, low=1)
        number("damping", self.damping, low=_LEAST, high=_MOST)
        whole("checks", self.checks, low=1)
        whole("patience", self.patience, low=1)

    def __call__(
        self,
        sampler: Sampler,
        train: Evaluator,
        validation: Evaluator,
        evaluations: int,
        callback: NewBest | None = None,
    ) -> Sampler:
        """Refine; see :class:`~.refiner.Refiner`.

        Raises:
            ValueError: a sampler that diverges, an objective without a reference, or a budget
                of less than four.
        """
        whole("evaluations", evaluations, low=4)
        if not train.objective.needs_reference:
            raise ValueError(
                f"objective={train.objective.name!r}: there is no error to square; "
                "GradientRefinement takes any differentiable objective"
            )
        unknowns = Unknowns(sampler, self.free, self.min_gap, self.history)
        allowance = Allowance(evaluations, train, validation)
        best = Incumbent(sampler, validation, callback)
        fit = _Fit(self, unknowns, train)
        kept = stuck = 0
        while best.misses < self.patience and stuck < self.patience:
            if allowance.left < fit.price + 2:  # a Jacobian, a try, and the last check
                break
            if fit.step(lambda: allowance.left >= 2):
                kept, stuck = kept + 1, 0
                if kept % self.checks == 0:
                    best.offer(unknowns.sampler(fit.values))
            else:
                stuck += 1
        if kept % self.checks:
            best.offer(unknowns.sampler(fit.values))
        return best.sampler


class _Fit:
    """The state of a run: the values, their score on train, and the damping."""

    def __init__(self, settings: GaussNewton, unknowns: Unknowns, train: Evaluator) -> None:
        self.unknowns, self.train = unknowns, train
        self.values = torch.zeros(unknowns.size, dtype=torch.float64, device="cpu")
        self.score = train(unknowns.sampler(self.values))
        self.damping = settings.damping
        count = len(train.eps)
        together = train.batch is None and train.reject is None  # a condition per sample, perhaps
        quarter = min(max(count // 4, 16), 64)
        self.noises = count if together else min(settings.noises or quarter, count)
        self._next = 0
        # A Jacobian's evaluations: at most this at first, then what the last one took.
        self.price = math.ceil((1 + unknowns.size) * self.noises / count)

    def step(self, affordable: Callable[[], bool]) -> bool:
        """A Jacobian, then steps ever shorter until one lowers the score; whether one did."""
        before = self.train.cost.evaluations
        found = self._normal_equations()
        self.price = self.train.cost.evaluations - before + 1
        if found is None:
            self.damping = min(self.damping * _TIGHTEN, _MOST)
            return False
        gradient, curvature = found
        scale = curvature.diag()
        scale = scale.clamp_min(1e-9 * float(scale.max()) + 1e-300)
        while affordable():
            matrix = curvature + self.damping * scale.diag()
            values = self.values - torch.linalg.solve(matrix, gradient)
            score = self._score(values)
            if score < self.score:
                self.values, self.score = values, score
                self.damping = max(self.damping / _EASE, _LEAST)
                return True
            if self.damping >= _MOST:
                return False
            self.damping = min(self.damping * _TIGHTEN, _MOST)
        return False

    def _score(self, values: Tensor) -> float:
        try:
            sampler = self.unknowns.sampler(values)
        except ValueError:  # knots closer than a schedule allows
            return math.inf
        return self.train(sampler, best=self.score)

    def _normal_equations(self) -> tuple[Tensor, Tensor] | None:
        """Gradient and matrix on the next noises in turn; None where a run there diverges."""
        train, size = self.train, self.unknowns.size
        count = len(train.eps)
        rows = (torch.arange(self.noises, device="cpu") + self._next) % count
        self._next = (self._next + self.noises) % count
        curvature = torch.zeros(size, size, dtype=torch.float64, device="cpu")
        gradient = curvature.new_zeros(size)
        for part in rows.split(train.batch or self.noises):
            with train.charged(self.unknowns.base.nfe):
                pull, weights, columns = self._errors(part)
            share = len(part) / self.noises
            gradient += share * (columns @ pull.flatten()).cpu()
            weighted = columns.view(size, len(part), -1) * weights.sqrt()[:, None]
            curvature += share * (weighted.flatten(1) @ weighted.flatten(1).T).cpu()
        finite = bool(torch.isfinite(gradient).all() and torch.isfinite(curvature).all())
        return (gradient, curvature) if finite else None

    def _errors(self, part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """dL/de_i, |dL/de_i| / |e_i|, and the derivatives of the e_i, one row per unknown."""
        train = self.train
        eps, exact = train.eps[part], train.reference[part]
        x = eps.to(exact.dtype) * as_float(train.start.sigma)
        difference = 1e-6 if x.dtype == torch.float64 else 2e-3
        samples, columns = jacobian(train.model, x, self.unknowns.table, self.values, difference)
        samples, exact = samples.double(), exact.double()
        with torch.enable_grad():
            leaf = samples.clone().requires_grad_()
            loss = train.objective(leaf, exact)
            (pull,) = torch.autograd.grad(loss / loss.detach().abs().clamp_min(1e-300), leaf)
        error = (samples - exact).flatten(1).norm(dim=1).clamp_min(1e-300)
        return pull, pull.flatten(1).norm(dim=1) / error, columns.double().flatten(1)
