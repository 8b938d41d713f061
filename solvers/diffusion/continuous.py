"""The noise schedules that are continuous by nature: VP linear and cosine, EDM, rectified flow."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ._scalar import Scalar, atan2, cos, exp, expm1, log, sin, softplus, sqrt
from .noise import NoiseSchedule, VariancePreserving


@dataclass(frozen=True)
class VPLinear(VariancePreserving):
    """Linear beta(t) = b_0 + t (b_1 - b_0): ln alpha = -t^2 (b_1 - b_0) / 4 - t b_0 / 2.

    Args:
        beta_min: b_0 > 0.
        beta_max: b_1 > b_0.
        t_min: Where grids end, in (0, 1).

    Source: Song et al. (2021), arXiv:2011.13456, appendix C; inverse: arXiv:2206.00927, appendix D.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0
    t_min: float = 1e-3
    name = "vp-linear"
    t_max = 1.0

    def __post_init__(self) -> None:
        """Check the settings."""
        self._within("beta_min", 0)
        self._within("beta_max", self.beta_min)
        self._within("t_min", 0, 1)

    def lambda_at(self, t: Scalar) -> Scalar:
        """Lambda of a time in [0, 1]."""
        slope = self.beta_max - self.beta_min
        log_alpha = -t * (t * slope / 4 + self.beta_min / 2)
        return _lambda_of_log_alpha(log_alpha)

    def time_at(self, lam: Scalar) -> Scalar:
        """The positive root of the quadratic in t, without cancellation."""
        minus_log_alpha = softplus(-2 * lam) / 2
        b_0, slope = self.beta_min, self.beta_max - self.beta_min
        return 4 * minus_log_alpha / (b_0 + sqrt(b_0**2 + 4 * slope * minus_log_alpha))


@dataclass(frozen=True)
class VPCosine(VariancePreserving):
    """alpha(t) = cos(a) / cos(b), a = pi/2 (t + s) / (1 + s), b = a at t = 0.

    Args:
        s: The offset, > 0.
        t_max: Where sampling starts, < 1 (alpha is 0 at 1).
        t_min: Where grids end, in (0, t_max).

    Source: Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 17; t_max: arXiv:2206.00927.
    """

    s: float = 0.008
    t_max: float = 0.9946
    t_min: float = 1e-3
    name = "vp-cosine"

    def __post_init__(self) -> None:
        """Check the settings."""
        self._within("s", 0)
        self._within("t_max", 0, 1)
        self._within("t_min", 0, self.t_max)

    def _angle(self, t: Scalar) -> Scalar:
        return math.pi / 2 * (t + self.s) / (1 + self.s)

    def lambda_at(self, t: Scalar) -> Scalar:
        """sigma^2 = sin(a - b) sin(a + b) / cos^2 b, which keeps its digits near t = 0."""
        a, b = self._angle(t), float(self._angle(0.0))
        gap = math.pi / 2 * t / (1 + self.s)
        return log(cos(a)) - log(sin(gap) * sin(a + b)) / 2

    def time_at(self, lam: Scalar) -> Scalar:
        """From cos a = alpha cos b and sin^2 a = sin^2 b + sigma^2 cos^2 b."""
        alpha, sigma = self.alpha_sigma(lam)
        b = float(self._angle(0.0))
        sine = sqrt(math.sin(b) ** 2 + sigma * sigma * math.cos(b) ** 2)
        return 2 / math.pi * (1 + self.s) * atan2(sine, alpha * math.cos(b)) - self.s


@dataclass(frozen=True)
class EDM(NoiseSchedule):
    """Variance exploding: alpha = 1, sigma = t, lambda = -ln t.

    Args:
        t_max: The largest sigma.
        t_min: The smallest that grids end at, in (0, t_max).

    Source: Karras et al. (2022), arXiv:2206.00364, table 1.
    """

    t_max: float = 80.0
    t_min: float = 0.002
    name = "edm"

    def __post_init__(self) -> None:
        """Check the settings."""
        self._within("t_max", 0)
        self._within("t_min", 0, self.t_max)

    def lambda_at(self, t: Scalar) -> Scalar:
        """-ln t."""
        return -log(t)

    def time_at(self, lam: Scalar) -> Scalar:
        """e^-lambda."""
        return exp(-lam)

    def alpha_sigma(self, lam: Scalar) -> tuple[Scalar, Scalar]:
        """1 and e^-lambda."""
        return 1.0, exp(-lam)


@dataclass(frozen=True)
class Flow(NoiseSchedule):
    """Rectified flow: alpha = 1 - t, sigma = t. At t = 1 nothing of the data is left.

    A shifted time grid (``grids.shifted``) is a grid of this schedule, not another schedule.

    Args:
        t_min: Where grids end, in (0, 1).

    Source: Liu et al. (2023), arXiv:2209.03003; Lipman et al. (2023), arXiv:2210.02747.
    """

    t_min: float = 1e-3
    name = "flow"
    t_max = 1.0

    def __post_init__(self) -> None:
        """Check the settings."""
        self._within("t_min", 0, 1)

    def lambda_at(self, t: Scalar) -> Scalar:
        """ln((1 - t) / t)."""
        return log(1 - t) - log(t)

    def time_at(self, lam: Scalar) -> Scalar:
        """1 / (1 + e^lambda)."""
        return 1 / (1 + exp(lam))

    def alpha_sigma(self, lam: Scalar) -> tuple[Scalar, Scalar]:
        """1 - t and t."""
        return 1 / (1 + exp(-lam)), 1 / (1 + exp(lam))


def _lambda_of_log_alpha(log_alpha: Scalar) -> Scalar:
    """Ln alpha - ln sqrt(1 - alpha^2)."""
    return log_alpha - log(-expm1(2 * log_alpha)) / 2
