"""The refinement of a search that names none."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ...solvers.diffusion.saved import Sampler
from .evaluator import Evaluator
from .gauss_newton import GaussNewton
from .gradient import GradientRefinement, check_differentiable
from .in_turn import InTurn
from .refiner import NewBest, Refiner

LEAST_SQUARES = InTurn((GaussNewton(), GaussNewton(("times", "weights", "sums", "network_times"))))
"""Few unknowns take few evaluations; more of them help where those are stuck."""


@dataclass(frozen=True)
class UsualRefinement:
    """:class:`GaussNewton` on times and weights, then on all; else :class:`GradientRefinement`.

    The latter where there is no reference. And nothing, where no gradient passes from the
    objective, or the network, to the sampler.
    """

    def choice(self, train: Evaluator) -> Refiner | None:
        """The refinement for these noises and this objective."""
        if not _differentiable(train):
            return None
        if train.objective.needs_reference:
            return LEAST_SQUARES
        try:
            check_differentiable(train)
        except TypeError:
            return None
        return GradientRefinement()

    def __call__(
        self,
        sampler: Sampler,
        train: Evaluator,
        validation: Evaluator,
        evaluations: int,
        callback: NewBest | None = None,
    ) -> Sampler:
        """Refine by the choice; see :class:`~.refiner.Refiner`."""
        refiner = self.choice(train)
        if refiner is None:
            return sampler
        return refiner(sampler, train, validation, evaluations, callback)


def check_refinement(refine: Refiner | None, train: Evaluator) -> Refiner | None:
    """What is to refine; refused now rather than when the search has been paid for.

    Raises:
        TypeError: a refinement by gradients of a model or an objective that has none.
        ValueError: :class:`GaussNewton` for an objective without a reference.
    """
    if isinstance(refine, UsualRefinement):
        return refine.choice(train)
    if isinstance(refine, GaussNewton) and not train.objective.needs_reference:
        raise ValueError(
            f"refine=GaussNewton(): objective {train.objective.name!r} has no reference; "
            "GradientRefinement() takes any differentiable objective"
        )
    if isinstance(refine, GradientRefinement | GaussNewton) and not _differentiable(train):
        raise TypeError(
            f"refine={type(refine).__name__}(): no gradient passes through the objective "
            f"{train.objective.name!r}; refine=None leaves refinement out"
        )
    if isinstance(refine, GradientRefinement):
        check_differentiable(train)
    return refine


def _differentiable(train: Evaluator) -> bool:
    """Whether the objective gives gradients by the samples."""
    with torch.enable_grad():
        samples = train.eps.detach().float().requires_grad_()
        exact = torch.zeros_like(samples) if train.objective.needs_reference else None
        return train.objective(samples, exact).requires_grad
