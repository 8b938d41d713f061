"""What is known of omega in advance: Young's theory, and an estimate of what it needs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal

from ...schedules._checks import number, whole
from . import _checks
from ._engine import Array
from .splitting import Splitting


def optimal_omega(beta: float) -> float:
    """The relaxation factor at which SOR converges fastest, omega* = 2 / (1 + sqrt(1 - beta^2)).

    Exact for a consistently ordered A (all 5-point and tridiagonal matrices in their natural
    order) with real Jacobi eigenvalues. Below omega* the rate is steep, above it is flat, but an
    omega near 2 is slow: err upwards by little.

    Args:
        beta: Spectral radius of the Jacobi iteration I - D^-1 A, in [0, 1).

    Raises:
        ValueError: beta lies outside.

    Example:
        >>> round(optimal_omega(math.cos(math.pi / 11)), 4)  # Laplacian on 10 x 10 points
        1.5604

    Source: Young (1954).
    """
    beta = number("beta", beta, low=0, high=1, open_high=True)
    return 2 / (1 + math.sqrt((1 - beta) * (1 + beta)))


def convergence_rate(omega: float, beta: float) -> float:
    """The spectral radius of SOR: the factor by which an iteration finally shrinks the error.

    (omega beta + sqrt(omega^2 beta^2 - 4 (omega - 1)))^2 / 4 below omega*, omega - 1 from there on;
    under the conditions of ``optimal_omega``.

    Args:
        omega: Relaxation factor in (0, 2).
        beta: Jacobi radius in [0, 1).

    Raises:
        TypeError, ValueError: An argument lies outside or is no number.

    Example:
        >>> convergence_rate(1.0, 0.5), convergence_rate(1.5, 0.5)
        (0.25, 0.5)

    Source: Young (1954).
    """
    omega, beta = _checks.relaxation(omega), number("beta", beta)
    if omega >= optimal_omega(beta):
        return omega - 1
    root = math.sqrt(max((omega * beta) ** 2 - 4 * (omega - 1), 0.0))
    return (omega * beta + root) ** 2 / 4


def optimal_omega_cg(mu: float, nu: float = 0.0) -> float:
    """The omega that minimises the bound on SSOR-CG's iterations.

    omega = 2 / (1 + sqrt((2/mu)(1 + 2 nu))) with mu = lambda_max(D A^-1) and
    nu = lambda_max((L D^-1 L^T - D/4) A^-1) in [-1/4, 0]. For the Laplacian-like matrices mu is
    1 / (1 - beta), beta from ``jacobi_radius``. An under-estimate of mu, and nu = 0, give too small
    an omega, which is the harmless side here.

    Args:
        mu: At least 1/2.
        nu: In [-1/4, 0].

    Example:
        >>> optimal_omega_cg(2.0)
        1.0

    Source: Axelsson (1994), Iterative Solution Methods, theorem 7.17; arXiv:2310.02246, E.2.
    """
    mu = number("mu", mu, low=0.5)
    nu = number("nu", nu, low=-0.25, high=0)
    return 2 / (1 + math.sqrt(2 / mu * (1 + 2 * nu)))


def jacobi_radius(A: Any, steps: int = 20, seed: int = 0) -> float:
    """An estimate from below of the spectral radius of I - D^-1 A, by the Lanczos method.

    The largest Ritz value of the symmetric I - D^-1/2 A D^-1/2 after ``steps`` products. It never
    exceeds the radius, so that ``optimal_omega`` of it errs to smaller omega: the safe side.

    Args:
        A: Symmetric with positive diagonal; sparse or dense, ``Splitting`` or ``Stencil``.
        steps: Products with A, >= 1.
        seed: Of the random start, >= 0.

    Raises:
        TypeError, ValueError: A is not such a matrix.

    Example:
        >>> from ritard.solvers.linear import Stencil
        >>> beta = jacobi_radius(Stencil.laplacian(10, 10))
        >>> 0.959 < beta <= math.cos(math.pi / 11)
        True
    """
    splitting, steps, seed = Splitting.of(A), whole("steps", steps, low=1), whole("seed", seed)
    _checks.positive(splitting)
    root = np.sqrt(np.real(splitting.diagonal))
    order = splitting.shape[0]
    v = np.random.default_rng(seed).standard_normal(order)
    basis: list[Array] = []
    alphas: list[float] = []
    betas: list[float] = []
    size = float(np.linalg.norm(v))
    for _ in range(min(steps, order)):
        basis.append(v / size)
        v = basis[-1] - splitting.engine.matvec(basis[-1] / root) / root
        alphas.append(float(np.vdot(basis[-1], v).real))
        for _again in range(2):  # twice is enough: orthogonal to rounding
            V = np.array(basis)
            v = v - V.T @ (V.conj() @ v)
        size = float(np.linalg.norm(v))
        if size < 1e-12:
            break
        betas.append(size)
    ritz = eigvalsh_tridiagonal(alphas, betas[: len(alphas) - 1])
    return float(np.abs(ritz).max())
