"""A Gaussian process in one dimension: Matérn-5/2, settings by maximum likelihood on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LENGTHS = np.geomspace(0.08, 2.0, 10)
"""Correlation lengths that are tried, in units of x."""
NOISES = np.geomspace(1e-4, 1.0, 6)
"""Noise variances that are tried, in units of the process's variance."""


def matern52(distance: Array, length: float | Array) -> Array:
    """Matérn-5/2 correlation: (1 + r + r^2/3) exp(-r), r = sqrt(5) distance / length.

    Source: Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, eq. 4.17.
    """
    r = np.sqrt(5.0) * distance / length
    return (1.0 + r + r * r / 3.0) * np.exp(-r)


@dataclass(frozen=True)
class GaussianProcess:
    """A posterior on the line: y = f(x) + noise, f of mean 0 and Matérn-5/2 covariance.

    Attributes:
        x: Where it was observed, shape (n,).
        y: What was observed, shape (n,).
        length: Correlation length, in units of x.
        variance: Of f, in units of y^2.
        noise: Variance of the noise of each observation, shape (n,), in units of y^2.

    Example:
        >>> process = GaussianProcess.fit(np.array([0.0, 0.5, 1.0]), np.array([1.0, -1.0, 1.0]))
        >>> mean, deviation = process(np.array([0.5]))
        >>> bool(mean[0] < 0)
        True
    """

    x: Array
    y: Array
    length: float
    variance: float
    noise: Array

    @classmethod
    def fit(cls, x: Array, y: Array, extra: Array | None = None) -> GaussianProcess:
        """The process of the greatest likelihood over a grid of lengths and noises.

        The variance is profiled: a^2 = (1 + y' C^-1 y) / (1 + n) for a covariance a^2 C; the ones
        are a single imagined observation of size 1, so that one point has a posterior too. Give
        ``y`` centred and in units of its spread. Deterministic given the data.

        Args:
            x: Abscissae, shape (n,), best scaled to [0, 1].
            y: Observations, shape (n,), finite.
            extra: Noise that single observations have on top, shape (n,), in units of the
                variance; none by default.
        """
        own = np.zeros(len(x)) if extra is None else extra
        noise = NOISES[:, None] + own  # (levels, n)
        correlation = matern52(np.abs(x[:, None] - x), LENGTHS[:, None, None])  # (lengths, n, n)
        factors = np.linalg.cholesky(correlation[:, None] + noise[:, :, None] * np.eye(len(x)))
        fits = np.linalg.solve(factors, y[:, None])[..., 0]
        variance = (1.0 + np.sum(fits**2, axis=-1)) / (1.0 + len(y))
        log_det = 2.0 * np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(-1)
        likelihood = -(1.0 + len(y)) * np.log(variance) - log_det
        i, j = np.unravel_index(int(np.argmax(likelihood)), likelihood.shape)
        return cls(x, y, float(LENGTHS[i]), float(variance[i, j]), variance[i, j] * noise[j])

    def __call__(self, at: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of f (not of a new observation) at the points ``at``."""
        mean, cross = self._project(at)
        return mean, np.sqrt(np.maximum(self.variance - np.sum(cross**2, axis=0), 0.0))

    def joint(self, at: Array) -> tuple[Array, Array]:
        """Mean (m,) and covariance (m, m) of f at the points ``at``, shape (m,)."""
        mean, cross = self._project(at)
        return mean, self._covariance(at, at) - cross.T @ cross

    def _project(self, at: Array) -> tuple[Array, Array]:
        """Mean (m,), and L^-1 k(x, at), shape (n, m), for L L' = k(x, x) + noise."""
        factor = np.linalg.cholesky(self._covariance(self.x, self.x) + np.diag(self.noise))
        cross = np.linalg.solve(factor, self._covariance(self.x, at))
        mean: Array = cross.T @ np.linalg.solve(factor, self.y)
        return mean, np.asarray(cross, dtype=np.float64)

    def _covariance(self, a: Array, b: Array) -> Array:
        return self.variance * matern52(np.abs(a[:, None] - b), self.length)
