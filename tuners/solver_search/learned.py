"""Samplers learned by gradients alone, from the best fixed ones: what a search must beat."""

from __future__ import annotations

from collections.abc import Sequence

from ...schedules._checks import whole
from ...solvers.diffusion import SolverSchedule
from ...solvers.diffusion.saved import Sampler
from .evaluator import Evaluator
from .fixed import Scored, rank_fixed
from .gradient import GradientRefinement
from .refiner import Refiner
from .seeds import fixed_samplers

TIMES = GradientRefinement(("times",), checks=3)
WEIGHTS = GradientRefinement(("weights",), checks=3)


def ld3(
    train: Evaluator,
    validation: Evaluator,
    nfe: int,
    evaluations: int,
    *,
    starts: int = 3,
    fixed: Sequence[Scored] | None = None,
    refiner: Refiner = TIMES,
) -> Sampler:
    """Times learned by gradients, from each of the best fixed schedules.

    Args:
        train: What they are fitted to.
        validation: What is chosen on.
        nfe: Number of network evaluations.
        evaluations: Of the refinements together, shared evenly. Where ``fixed`` is not given,
            ranking the fixed samplers comes on top.
        starts: How many fixed schedules are refined.
        fixed: The fixed samplers, ranked on ``train``.
        refiner: How the times are learned.

    Raises:
        ValueError: no schedule among the fixed samplers, or too few evaluations.

    Source: own formulation of LD3, Tong et al. (2025), arXiv:2405.15506; its loss is a distance
    of images to a teacher's, ours the evaluator's objective.
    """
    whole("starts", starts, low=1)
    ranked = _ranked(train, nfe) if fixed is None else fixed
    chosen = [s.sampler for s in ranked if isinstance(s.sampler, SolverSchedule)][:starts]
    if not chosen:
        raise ValueError("fixed: expected at least one SolverSchedule")
    share = evaluations // len(chosen) - 1  # one for the comparison at the end
    found = [refiner(start, train, validation, share) for start in chosen]
    return min(found, key=validation)


def s4s(
    train: Evaluator,
    validation: Evaluator,
    nfe: int,
    evaluations: int,
    *,
    rounds: int = 2,
    start: Sampler | None = None,
    times: Refiner = TIMES,
    weights: Refiner = WEIGHTS,
) -> Sampler:
    """Times and weights learned by gradients in turn, from the best fixed sampler.

    Args:
        train: What they are fitted to.
        validation: What is chosen on.
        nfe: Number of network evaluations.
        evaluations: Of the refinements together, shared evenly by the turns.
        rounds: Turns of each.
        start: Where to start; the best fixed sampler where it is not given, its ranking on top.
        times: How the times are learned.
        weights: How the weights are learned.

    Raises:
        ValueError: too few evaluations.

    Source: own formulation of S4S-Alt, Frankel et al. (2025), arXiv:2502.17423; its loss is a
    perceptual distance to a teacher's images, ours the evaluator's objective.
    """
    whole("rounds", rounds, low=1)
    sampler = _ranked(train, nfe)[0].sampler if start is None else start
    for turn in range(2 * rounds):
        refiner = weights if turn % 2 else times
        sampler = refiner(sampler, train, validation, evaluations // (2 * rounds))
    return sampler


def _ranked(train: Evaluator, nfe: int) -> list[Scored]:
    return rank_fixed(train, fixed_samplers(train.model.noise, nfe, *train.ends))
