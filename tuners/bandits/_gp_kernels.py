"""Loops of GPThompson; see gp_thompson.py.

The covariance of the coefficients theta_ia (arm i, polynomial a) is kept as blocks (d, d), one for
each pair a <= b, in the order (0, 0), (0, 1), ..., (1, 1), ...: the block of (a, b) holds
Cov(theta_ia, theta_kb) in row i and column k. The block of (b, a) is its transpose.
"""

from __future__ import annotations

import math

import numpy as np

from ._cheb_kernels import features
from ._compiled import compiled, compiled_or
from ._learner import Array

TINY = 1e-12
"""Variance, in units of sigma^2, that counts as none: lost to rounding."""


def _combine(weights: Array, blocks: Array) -> Array:
    return np.tensordot(weights, blocks, 1)


@compiled_or(_combine)
def combine(weights: Array, blocks: Array) -> Array:
    """The sum of the blocks with these weights, (d, d)."""
    count, d, _ = blocks.shape
    total = np.zeros((d, d))
    for at in range(count):
        for i in range(d):
            for k in range(d):
                total[i, k] += weights[at] * blocks[at, i, k]
    return total


def _factorise(V: Array) -> None:
    for j in range(len(V)):
        root = math.sqrt(V[j, j]) if V[j, j] > TINY else math.inf
        V[j:, j] /= root
        V[j + 1 :, j + 1 :] -= np.outer(V[j + 1 :, j], V[j + 1 :, j])


@compiled_or(_factorise)
def factorise(V: Array) -> None:
    """Overwrite the lower triangle of ``V`` by its Cholesky factor; pivots near 0 count as 0."""
    d = len(V)
    column = np.zeros(d)
    for j in range(d):
        root = math.sqrt(V[j, j]) if V[j, j] > TINY else math.inf
        for i in range(j, d):
            V[i, j] /= root
            column[i] = V[i, j]
        for i in range(j + 1, d):
            for k in range(j + 1, i + 1):
                V[i, k] -= column[i] * column[k]


def _covariance_with(f: Array, arm: int, blocks: Array) -> Array:
    (a, b), gain = np.triu_indices(len(f)), np.zeros((len(f), blocks.shape[1]))
    np.add.at(gain, a, f[b][:, None] * blocks[:, :, arm])
    np.add.at(gain, b, (f[a] * (a < b))[:, None] * blocks[:, arm])
    return gain


@compiled_or(_covariance_with)
def covariance_with(f: Array, arm: int, blocks: Array) -> Array:
    """Covariance (m, d) of the coefficients with the cost of an arm."""
    m, d = len(f), blocks.shape[1]
    gain, at = np.zeros((m, d)), 0
    for a in range(m):
        for b in range(a, m):
            for i in range(d):
                gain[a, i] += f[b] * blocks[at, i, arm]
            if b > a:
                for k in range(d):
                    gain[b, k] += f[a] * blocks[at, arm, k]
            at += 1
    return gain


def _downdate(gain: Array, variance: float, blocks: Array) -> None:
    a, b = np.triu_indices(len(gain))
    blocks -= (gain[a] / variance)[:, :, None] * gain[b][:, None, :]


@compiled_or(_downdate)
def downdate(gain: Array, variance: float, blocks: Array) -> None:
    """Take gain gain' / variance from the covariance."""
    m, d = gain.shape
    at = 0
    for a in range(m):
        for b in range(a, m):
            for i in range(d):
                part = gain[a, i] / variance
                for k in range(d):
                    blocks[at, i, k] -= part * gain[b, k]
            at += 1


@compiled
def covariance(f: Array, blocks: Array) -> Array:
    """Covariance (d, d) of the arms' costs where the polynomials have the values ``f``."""
    weights, at = np.zeros(len(blocks)), 0
    for a in range(len(f)):
        for b in range(a, len(f)):
            weights[at] = f[a] * f[b] if b > a else 0.5 * f[a] * f[a]
            at += 1
    half = combine(weights, blocks)
    return half + half.T


@compiled
def gp_ask(
    x: float, mean: Array, blocks: Array, sigma: float, normal: Array, f: Array, s: Array
) -> int:
    """Draw the costs of all arms at ``x`` from the posterior into ``s``; the arm of the least.

    ``mean`` is (m, d), ``blocks`` in units of sigma^2; ``normal`` holds d standard normal numbers.
    """
    features(x, f)
    V = covariance(f, blocks)
    factorise(V)
    s[:] = 0.0
    for a in range(len(f)):
        s += f[a] * mean[a]
    for k in range(len(s)):
        s[k:] += (sigma * normal[k]) * V[k:, k]
    return int(np.argmin(s))


@compiled
def gp_tell(x: float, arm: int, y: float, mean: Array, blocks: Array, f: Array) -> float:
    """Condition on one observation ``y`` of an arm at ``x``.

    Returns:
        The square of what was not foreseen, over its variance in units of sigma^2.
    """
    features(x, f)
    m = len(f)
    gain = covariance_with(f, arm, blocks)
    off, variance = y, 1.0
    for a in range(m):
        off -= f[a] * mean[a, arm]
        variance += f[a] * gain[a, arm]
    for a in range(m):
        mean[a] += (off / variance) * gain[a]
    downdate(gain, variance, blocks)
    return off * off / variance
