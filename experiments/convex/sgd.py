"""Plain SGD of many runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...schedules.schedule import Array
from .problem import Problem


@dataclass(frozen=True, eq=False)
class Runs:
    """What runs gave, for P seeds and Q sequences of learning rates.

    Attributes:
        weights: The last iterates, shape (P, Q, k, d).
        norms: l2 norms of the stochastic gradients used, shape (T, P, Q).
    """

    weights: Tensor
    norms: Array


@torch.no_grad()
def run_sgd(problem: Problem, rates: Array, seeds: Sequence[int]) -> Runs:
    """W_{t+1} = W_t - rates[t] G_t for every sequence of rates and every seed.

    G_t is the gradient of cross-entropy and l2 term over a batch of rows drawn with replacement,
    so that it is unbiased, as the theory asks. No momentum. Runs of one seed have the same start
    and the same batches, whatever their rates.

    Args:
        problem: What to minimise.
        rates: Learning rates, shape (T, Q).
        seeds: One for each start and sequence of batches.
    """
    T, Q = rates.shape
    k, d = problem.classes, problem.train.x.shape[1]
    P, B = len(seeds), problem.batch_size
    batches = torch.stack([_batches(problem, seed, T) for seed in seeds], dim=1)  # (T, P, B)
    starts = torch.stack([problem.start(seed) for seed in seeds])
    weights = starts.repeat(1, Q, 1)  # (P, Q k, d): one product of matrices for each seed
    targets = torch.nn.functional.one_hot(problem.train.y, k).double()
    steps = torch.from_numpy(rates).repeat_interleave(k, dim=1).unsqueeze(-1)  # (T, Q k, 1)
    norms, penalty = np.empty((T, P, Q)), problem.penalty
    for t in range(T):
        x, y = problem.train.x[batches[t]], targets[batches[t]]
        logits = torch.bmm(x, weights.mT).view(P, B, Q, k)
        residual = (logits.softmax(-1) - y.unsqueeze(2)).view(P, B, Q * k)
        gradient = torch.bmm(residual.mT, x).div_(B).addcmul_(weights, penalty)
        norms[t] = gradient.view(P, Q, k * d).norm(dim=-1).numpy()
        weights.addcmul_(gradient, steps[t], value=-1)
    return Runs(weights.view(P, Q, k, d), norms)


def _batches(problem: Problem, seed: int, total_steps: int) -> Tensor:
    """Row numbers of every update, shape (T, B)."""
    draw = torch.Generator().manual_seed(seed)
    shape = (total_steps, problem.batch_size)
    return torch.randint(len(problem.train.y), shape, generator=draw)
