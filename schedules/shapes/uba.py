"""UBA, the unified budget-aware schedule."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._checks import number
from ..schedule import Array, Schedule
from ._progress import progress


@dataclass(frozen=True)
class UBA(Schedule):
    """Unified budget-aware schedule: one number, phi, tied to the condition number.

    m(t, T) = 2 (1 + cos th) / (2 phi + (2 - phi)(1 + cos th)), th = pi t/T,
    for 0 <= t <= T; 1 before, 0 after (phi = 0: 1 throughout).

    phi = 2 is cosine; phi < 2 lies above it, phi > 2 below. phi = 2 kappa gives the Chebyshev
    steps of condition number kappa (:class:`Chebyshev`): larger phi for ill-conditioned or
    unpreconditioned problems. The paper's K phases are ``UBA(phi).repeat(K)``. Not to be
    confused with (1 - t/T)^phi or (1 - phi t/T)^2 / sqrt(kappa), which circulate under this
    name and do not give cosine at phi = 2.

    Args:
        phi: >= 0.

    Example:
        >>> [round(UBA(phi=5)(t, total_steps=100), 4) for t in (0, 50, 100)]
        [1.0, 0.2857, 0.0]

    Source: Tang, Dong, Zeng, Zhou & Lin (2025), arXiv:2505.24452. Where we differ: the paper's
    eta_min is :meth:`floor`, and theta is pi t/T (which theta the paper uses is not known to us).
    """

    name: ClassVar[str] = "uba"

    phi: float

    def __post_init__(self) -> None:
        self._settle(phi=number("phi", self.phi, low=0))

    def _at(self, t: Array, T: float) -> Array:
        return uba_curve(np.pi * progress(t, T), self.phi)


def uba_curve(theta: Array, phi: float) -> Array:
    """The UBA multiplier at angles 0 <= theta <= pi; phi = 0 is 1, its limit at theta = pi too."""
    if phi == 0:
        return np.ones_like(theta)
    # In half angles, 1 + cos th = 2 cos^2(th/2): nothing cancels, and no value leaves [0, 1].
    up, down = np.cos(theta / 2.0) ** 2, np.sin(theta / 2.0) ** 2
    return np.where(theta < np.pi, up / (up + phi / 2.0 * down), 0.0)
