"""Multinomial logistic regression as an exact convex problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..tasks import get_task
from ..tasks.batches import Examples
from ..tasks.logreg import L2

FAR = "@far"
"""Ending of the name of a problem that starts far from its minimiser."""

FAR_STD = 3.0
"""Standard deviation of the weights there; elsewhere they start at zero."""

_PIECE = 1_000

Each = Callable[[Tensor, Tensor], Tensor]
"""A number for every row, from logits and classes."""


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of a data set.

    Attributes:
        x: Standardised features and a last column of ones, float64, shape (n, d).
        y: Classes 0..k-1, int64, shape (n,).
    """

    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, examples: Examples) -> Part:
        """Features with their column of ones."""
        x = examples.inputs.double()
        return cls(torch.cat([x, x.new_ones(len(x), 1)], dim=1), examples.targets)


@dataclass(frozen=True, eq=False)
class Problem:
    """f(W) = mean cross-entropy + l2/2 ||W without its last column||^2, W of shape (k, d).

    The last column holds the intercepts, which are free. All methods take weights with any
    leading dimensions, (..., k, d), and work on each slice by itself.

    Attributes:
        name: The set, with :data:`FAR` at its end for the far start.
        train: What f is the mean over.
        test: For the test error.
        classes: k.
        batch_size: Rows of a stochastic gradient.
        l2: Weight of the squared norm.
        start_std: Standard deviation of the weights at the start.
    """

    name: str
    train: Part
    test: Part
    classes: int
    batch_size: int
    l2: float = L2
    start_std: float = 0.0

    @property
    def penalty(self) -> Tensor:
        """Factor of each column of W in the gradient of the l2 term, shape (d,)."""
        factor = torch.full((self.train.x.shape[1],), self.l2, dtype=torch.float64)
        factor[-1] = 0.0
        return factor

    def objective(self, weights: Tensor) -> Tensor:
        """The value f of each slice, shape (...)."""
        penalty = 0.5 * (self.penalty * weights.square()).sum((-2, -1))
        return penalty + _mean(self.train, weights, _cross_entropy)

    def gradient(self, weights: Tensor) -> Tensor:
        """The full gradient of one slice, shape (k, d)."""
        residual = (self.train.x @ weights.T).softmax(-1)
        residual[torch.arange(len(residual)), self.train.y] -= 1.0
        return residual.T @ self.train.x / len(residual) + self.penalty * weights

    def test_error(self, weights: Tensor) -> Tensor:
        """Test error of each slice in %, shape (...)."""
        return 100 * _mean(self.test, weights, lambda z, y: (z.argmax(-1) != y).double())

    def start(self, seed: int) -> Tensor:
        """Weights before the first update, shape (k, d)."""
        draw = torch.Generator().manual_seed(2**32 + seed)  # apart from the batches' generator
        shape = (self.classes, self.train.x.shape[1])
        return self.start_std * torch.randn(shape, generator=draw, dtype=torch.float64)


def load(name: str) -> Problem:
    """The problem of a LIBSVM set: split, scaling and batch size of the task ``logreg:<set>``."""
    base = name.removesuffix(FAR)
    task = get_task(f"logreg:{base}")
    parts = task.dataset()
    train, test = Part.of(parts.train), Part.of(parts.test)
    classes = int(max(train.y.max(), test.y.max())) + 1
    std = FAR_STD if name != base else 0.0
    return Problem(name, train, test, classes, task.batch_size, start_std=std)


@dataclass(frozen=True, eq=False)
class Minimum:
    """The minimum of f.

    Attributes:
        weights: A minimiser, shape (k, d).
        value: f*.
        gradient_norm: What is left of the gradient there, l2.
    """

    weights: Tensor
    value: float
    gradient_norm: float


def minimise(problem: Problem) -> Minimum:
    """f* by L-BFGS in float64, from zero, until it makes no more progress."""
    from scipy.optimize import minimize

    shape = (problem.classes, problem.train.x.shape[1])

    def value_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = torch.from_numpy(flat).view(shape)
        return float(problem.objective(weights)), problem.gradient(weights).numpy().ravel()

    options = {"maxiter": 20_000, "maxfun": 30_000, "maxcor": 30, "ftol": 0.0, "gtol": 1e-9}
    zeros = np.zeros(shape).ravel()
    found = minimize(value_and_gradient, zeros, jac=True, method="L-BFGS-B", options=options)
    weights = torch.from_numpy(found.x).view(shape)
    return Minimum(weights, float(found.fun), float(problem.gradient(weights).norm()))


def _cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    at = y.expand(*logits.shape[:-1]).unsqueeze(-1)
    return logits.logsumexp(-1) - logits.gather(-1, at).squeeze(-1)


def _mean(part: Part, weights: Tensor, each: Each) -> Tensor:
    """Mean over the rows of what ``each`` makes of logits (..., n, k) and classes (n,)."""
    total = weights.new_zeros(weights.shape[:-2])
    pieces = zip(part.x.split(_PIECE), part.y.split(_PIECE), strict=True)
    for x, y in pieces:
        total += each(torch.einsum("nd,...kd->...nk", x, weights), y).sum(-1)
    return total / len(part.y)
