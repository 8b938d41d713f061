"""Chebyshev steps, sorted."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._checks import number
from ..schedule import Array, Schedule
from .uba import uba_curve


@dataclass(frozen=True)
class Chebyshev(Schedule):
    """The min-max optimal steps of gradient descent on a quadratic, sorted from large to small.

    m(t, T) = UBA_phi at phi = 2 kappa and th = (2t + 1) pi / (2T) (half-integer angles);
    1 before, 0 from t = T - 1/2 on. ``Chebyshev(kappa).floor(1 / kappa)`` with base rate
    1/lambda_min are the steps themselves, from 1/lambda_min-side to 1/lambda_max-side.

    Args:
        kappa: Condition number lambda_max / lambda_min, >= 1.

    Example:
        >>> [round(float(v), 4) for v in Chebyshev(kappa=1).values(2)]
        [0.8536, 0.1464]

    Source: Young (1953), J. Math. Phys. 32; identity with UBA: arXiv:2505.24452, by our
    computation.
    """

    name: ClassVar[str] = "chebyshev"

    kappa: float

    def __post_init__(self) -> None:
        self._settle(kappa=number("kappa", self.kappa, low=1))

    def _at(self, t: Array, T: float) -> Array:
        if T <= 0:
            return np.zeros_like(t)
        theta = np.minimum((2.0 * t + 1.0) * np.pi / (2.0 * T), np.pi)
        return uba_curve(theta, 2.0 * self.kappa)
