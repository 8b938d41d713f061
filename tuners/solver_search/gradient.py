"""Refinement of a sampler by gradients: its times, scalings and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...schedules import Linear, Schedule, ScheduleLR
from ...schedules._checks import number, whole
from ...solvers.diffusion.model import times_like
from ...solvers.diffusion.saved import Sampler
from ._incumbent import Incumbent
from ._unknowns import GROUPS, Group, Unknowns, check_groups
from .evaluator import Evaluator
from .refiner import NewBest


@dataclass(frozen=True)
class GradientRefinement:
    """Adam on a sampler's free numbers, through the differentiable executor.

    The gradient is relative to the loss, clipped per group; the rate follows a schedule; a step
    that leads where loss or gradient is not finite is taken back by half and the rate halved.
    The best on train since the last check is checked on validation; the best of all checks is
    returned: a :class:`SolverSchedule` where only times and scalings are free, a
    :class:`CoefficientTable` otherwise.

    Each gradient step counts as one evaluation (and takes the time of about three), as does each
    check. The result depends on the arguments alone: there are no random numbers.

    Args:
        free: What may move; see :class:`ritard.tuners.solver_search.GaussNewton`.
        lr: Adam's rate of each group.
        schedule: The course of the rate.
        clip: Largest norm of a group's relative gradient.
        checks: How many checks on validation, spread evenly; one evaluation each.
        patience: Stop after so many checks without a new best.
        min_gap: Least distance of two times, as a fraction of the range of lambda.
        history: How many outputs a row may use; all if None.

    Raises:
        ValueError: an unknown group, or settings out of range.

    Source: own formulation; timesteps as in LD3, arXiv:2405.15506; coefficients as in S4S,
    arXiv:2502.17423, and bespoke non-stationary solvers, arXiv:2403.01329.
    """

    free: Sequence[Group] = ("times", "weights")
    lr: Mapping[Group, float] = field(
        default_factory=lambda: {
            "times": 0.1,
            "scaling": 0.05,
            "weights": 0.05,
            "sums": 0.02,
            "network_times": 0.02,
        }
    )
    schedule: Schedule = field(default_factory=lambda: Linear().warmup(0.1))
    clip: float = 1.0
    checks: int = 6
    patience: int = 3
    min_gap: float = 1e-3
    history: int | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_groups(self.free)
        for group in self.free:
            if group not in self.lr:
                raise ValueError(f"lr: no rate for {group!r}")
        for group, rate in self.lr.items():
            if group not in GROUPS:
                raise ValueError(f"lr: {group!r}: expected some of {', '.join(GROUPS)}")
            number(f"lr[{group!r}]", rate, low=0)
        number("clip", self.clip, low=0, open_low=True)
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
        """Refine; see :class:`~.refiner.Refiner`. At least two evaluations more than ``checks``.

        Raises:
            TypeError: the network cannot be differentiated.
            ValueError: a sampler that diverges, or too small a budget.
        """
        steps = whole("evaluations", evaluations, low=1) - self.checks - 1
        if steps < 1:
            raise ValueError(
                f"evaluations={evaluations}: {self.checks} checks, the start's, and at least one "
                "step need more"
            )
        unknowns = Unknowns(sampler, self.free, self.min_gap, self.history)
        check_differentiable(train)
        best = Incumbent(sampler, validation, callback)
        descent = _Descent(self, unknowns, train, steps)
        for step in range(1, steps + 1):
            descent.step()
            if step * self.checks // steps > (step - 1) * self.checks // steps:
                best.offer(unknowns.sampler(descent.lowest()))
                if best.misses >= self.patience:
                    break
        return best.sampler


class _Descent:
    """The state of a run: values, Adam's moments, and where the rate stands."""

    def __init__(
        self, settings: GradientRefinement, unknowns: Unknowns, train: Evaluator, steps: int
    ) -> None:
        self.settings, self.unknowns, self.train = settings, unknowns, train
        self.values: dict[Group, Tensor] = {
            g: torch.zeros(size, dtype=torch.float64, device="cpu", requires_grad=True)
            for g, size in unknowns.sizes.items()
        }
        groups = [{"params": [v], "lr": settings.lr[g]} for g, v in self.values.items()]
        self.adam = torch.optim.Adam(groups, betas=(0.9, 0.99))
        self.rate = ScheduleLR(self.adam, settings.schedule, steps)
        self._good = self._vector()
        self._lowest: tuple[float, Tensor] = (float("inf"), self._good)

    def step(self) -> None:
        """One evaluation with its gradient, and a step; or half of the last step taken back."""
        values = list(self.values.values())
        try:
            loss = self.train.loss(self.unknowns.table(torch.cat(values)))
            gradients = torch.autograd.grad(loss, values)
        except FloatingPointError:
            return self._back()
        number = float(loss.detach())
        if not all(bool(torch.isfinite(x).all()) for x in (loss, *gradients)):
            return self._back()
        self._good = self._vector()
        if number < self._lowest[0]:
            self._lowest = (number, self._good)
        for value, gradient in zip(values, gradients, strict=True):
            relative = gradient / max(abs(number), 1e-300)
            value.grad = relative * min(
                1.0, self.settings.clip / max(float(relative.norm()), 1e-300)
            )
        self.adam.step()
        self.rate.step()

    def lowest(self) -> Tensor:
        """Where the loss was lowest since this was last asked."""
        found = self._lowest[1]
        self._lowest = (float("inf"), self._good)
        return found

    def _vector(self) -> Tensor:
        return torch.cat([v.detach().clone() for v in self.values.values()])

    def _back(self) -> None:
        middle = self.unknowns.split((self._good + self._vector()) / 2)
        with torch.no_grad():
            for group, value in self.values.items():
                value.copy_(middle[group])
        self.rate.scale *= 0.5
        self.rate.step()


def check_differentiable(train: Evaluator) -> None:
    """TypeError where gradients do not pass through the network: two calls on one sample."""
    model = train.model
    together = train.batch is None and train.reject is None  # a condition per sample, perhaps
    eps = train.eps if together else train.eps[:1]
    x = (eps * train.start.sigma).detach().requires_grad_()
    low, high = float(train.end.t), float(train.start.t)
    times = [times_like(x, low + (high - low) * part).requires_grad_() for part in (0.5, 0.6)]
    with torch.enable_grad():
        outputs = [model.network(x, t) for t in times]
    advice = "GaussNewton() needs no gradients of it"
    if not outputs[0].requires_grad or not _reaches(outputs[0], x):
        raise TypeError(
            "model: no gradient passes from the network's output to its input (torch.no_grad "
            f"inside, or a detached output?); {advice}"
        )
    if not _reaches(outputs[0], times[0]) and not torch.equal(*(o.detach() for o in outputs)):
        raise TypeError(
            "model: its output depends on the time but no gradient passes to it (times rounded "
            f"to an index?); {advice}"
        )


def _reaches(output: Tensor, source: Tensor) -> bool:
    found = torch.autograd.grad(output.sum(), source, retain_graph=True, allow_unused=True)
    return found[0] is not None  # pyright: ignore[reportUnnecessaryComparison]  # allow_unused
