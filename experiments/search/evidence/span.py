"""What the outputs that a sampler asked for could say at best: a bound on all its weights."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ....solvers.diffusion.saved import Sampler
from ....tuners.solver_search import Evaluator
from .errors import distances


def span_distances(evaluator: Evaluator, sampler: Sampler) -> Tensor:
    """Distance of each exact solution from the span of what the sampler knew of it.

    A sampler's result is a combination of the first state and the network's outputs (and of the
    data's mean, where a model knows it), with weights that all samples share. This is the error
    of the best weights of each sample of its own: no weights at these places do better.

    Args:
        evaluator: The noises, their exact solutions and the model.
        sampler: What places the calls.

    Returns:
        Root mean square over the coordinates of each sample, shape (n,), float64.
    """
    model, outputs = evaluator.model, list[Tensor]()

    def watched(x: Tensor, t: Tensor) -> Tensor:
        outputs.append(model.network(x, t))
        return outputs[-1]

    eps, exact = evaluator.eps, evaluator.reference
    Evaluator(replace(model, network=watched), eps, None, exact, *evaluator.ends).samples(sampler)
    known = [eps, *outputs] if model.mean is None else [eps, *outputs, model.mean.expand_as(eps)]
    basis = torch.stack([one.double().flatten(1) for one in known], dim=-1)
    wanted = exact.double().flatten(1)[..., None]
    best = torch.linalg.lstsq(basis, wanted, driver="gelsd").solution
    return distances(basis @ best, wanted)
