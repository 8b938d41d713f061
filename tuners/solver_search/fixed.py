"""The best of the fixed solvers: what a search is measured by."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ...solvers.diffusion.saved import Sampler
from .evaluator import Evaluator
from .seeds import fixed_samplers


class Scored(NamedTuple):
    """A sampler, its name, and its score on some noises."""

    name: str
    sampler: Sampler
    score: float


def rank_fixed(
    evaluator: Evaluator,
    samplers: Mapping[str, Sampler],
    callback: Callable[[Scored], None] | None = None,
) -> list[Scored]:
    """All samplers with their scores, best first; those far from the best are rejected early.

    Args:
        evaluator: The noises, and what judges.
        samplers: By name, as :func:`fixed_samplers` gives them.
        callback: Called with each as it is scored.
    """
    if not samplers:
        raise ValueError("samplers={}: expected at least one")
    found: list[Scored] = []
    best = math.inf
    for name, sampler in samplers.items():
        scored = Scored(name, sampler, evaluator(sampler, best))
        best = min(best, scored.score)
        found.append(scored)
        if callback:
            callback(scored)
    return sorted(found, key=lambda s: s.score)


def best_fixed(evaluator: Evaluator, nfe: int) -> Scored:
    """The best of every fixed solver on every usual grid, at exactly ``nfe`` evaluations.

    Raises:
        ValueError: all of them diverge.

    Example:
        >>> import torch
        >>> from ritard.solvers.diffusion import VPLinear, GaussianMixture
        >>> data = GaussianMixture(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.full((2,), 0.04))
        >>> eps = torch.randn(8, 2, dtype=torch.float64)
        >>> best_fixed(Evaluator(data.model(VPLinear()), eps), nfe=2).sampler.nfe
        2
    """
    samplers = fixed_samplers(evaluator.model.noise, nfe, *evaluator.ends)
    best = rank_fixed(evaluator, samplers)[0]
    if math.isinf(best.score):
        raise ValueError(f"nfe={nfe}: every fixed solver diverges on this model")
    return best
