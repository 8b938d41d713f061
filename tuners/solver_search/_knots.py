"""The places of a table that may move, as a function of unconstrained numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...solvers.diffusion import CoefficientTable
from ...solvers.diffusion._scalar import Scalar, as_float

_START_ROOM = 4.0
"""How far below the first knot of finite lambda it may move, where the start is pure noise."""


class Knots:
    """The lambdas of a table's nodes that may move, by stick-breaking between two bounds.

    Each splits what is left between the knot before it and the end:
    lambda_k = lambda_(k-1) + gap + left * logistic(l_k + v_k), where v = 0 is the table as it is.

    Args:
        table: With plain numbers.
        min_gap: Least distance of two knots, as a fraction of the range of lambda; less where the
            table itself has less.

    Attributes:
        low: Lambda of the start; where that is infinite, a bound below the first knot.
        high: Lambda of the end; where that is infinite, the largest that a knot may have.
        count: How many move.
        places: Of each node, 1 + which moving knot it lies at; 0 where it is fixed.
    """

    def __init__(self, table: CoefficientTable, min_gap: float) -> None:
        lambdas = [as_float(node.lam) for node in table.nodes]
        knots = sorted({lam for lam in lambdas if math.isfinite(lam)})
        fixed = {lambdas[0], lambdas[-1]}
        moving = [lam for lam in knots if lam not in fixed]
        noise = table.noise
        self.low = lambdas[0] if math.isfinite(lambdas[0]) else knots[0] - _START_ROOM
        self.high = lambdas[-1]
        if math.isinf(self.high):
            self.high = max(as_float(noise.lambda_at(noise.t_min)), knots[-1])
            moving = [lam for lam in moving if lam < self.high]
        self.count = len(moving)
        self.places = [moving.index(lam) + 1 if lam in moving else 0 for lam in lambdas]
        edges = torch.tensor([self.low, *moving, self.high], dtype=torch.float64, device="cpu")
        gaps = edges.diff()
        self.gap = min(min_gap * (self.high - self.low), float(gaps.min()) / 2)
        left = (gaps - self.gap).flip(0).cumsum(0).flip(0)
        self._logits = ((gaps - self.gap) / left)[:-1].logit()

    def lambdas(self, values: Tensor) -> list[Tensor]:
        """The moving knots, rising, at v of shape (count,)."""
        left = self.high - self.low - (self.count + 1) * self.gap
        found, before = list[Tensor](), values.new_tensor(self.low)
        remaining: Scalar = left
        for part in (self._logits.to(values.device) + values).sigmoid().unbind():
            before = before + self.gap + remaining * part
            remaining = remaining * (1 - part)
            found.append(before)
        return found
