"""Distances between two sets of samples: whether a sampler gives the right distribution."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

BLOCK = 1024
"""Rows of a matrix of pairs that are held at once."""


def sliced_wasserstein(x: Tensor, y: Tensor, directions: int = 256, seed: int = 0) -> float:
    """Root mean square over random directions of the Wasserstein-2 distance of the projections.

    Args:
        x: Samples, shape (n, ...).
        y: Samples, shape (m, ...); n and m may differ.
        directions: Unit vectors, uniform on the sphere.
        seed: Of the directions; the same for all samplers that are compared.

    Source: Bonneel et al. (2015), Sliced and Radon Wasserstein barycenters, section 2.
    """
    x, y = _flat(x, y)
    generator = torch.Generator().manual_seed(seed)
    theta = torch.randn(x.shape[1], directions, generator=generator, dtype=torch.float64)
    theta /= theta.norm(dim=0)
    p, q = (x @ theta).sort(0).values, (y @ theta).sort(0).values
    return float(_wasserstein_2(p, q).mean().sqrt())


def energy_distance(x: Tensor, y: Tensor) -> float:
    """Squared energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'|, unbiased: it may fall below 0.

    Source: Székely & Rizzo (2013), Energy statistics, section 2, with n (n - 1) pairs within.
    """
    x, y = _flat(x, y)
    within = sum(_pair_sum(z, z, _distance) / (len(z) * (len(z) - 1)) for z in (x, y))
    return 2 * _pair_sum(x, y, _distance) / (len(x) * len(y)) - within


def kernel_distance(x: Tensor, y: Tensor) -> float:
    """Unbiased squared maximum mean discrepancy under the kernel (x . y / d + 1)^3.

    Source: Gretton et al. (2012), A kernel two-sample test, lemma 6; the kernel of Bińkowski et
    al. (2018), arXiv:1801.01401, section 4.
    """
    x, y = _flat(x, y)
    within = 0.0
    for z in (x, y):
        n = len(z)
        diagonal = float(((z**2).mean(1) + 1).pow(3).sum())
        within += (_pair_sum(z, z, _cubic) - diagonal) / (n * (n - 1))
    return within - 2 * _pair_sum(x, y, _cubic) / (len(x) * len(y))


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Squared Fréchet distance |m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)) of two fitted normals.

    Raises:
        ValueError: fewer samples than coordinates + 1: the covariance would be singular.

    Source: Dowson & Landau (1982), The Fréchet distance between multivariate normals, eq. 4.
    """
    x, y = _flat(x, y)
    d = x.shape[1]
    if min(len(x), len(y)) <= d:
        raise ValueError(f"x, y: {len(x)} and {len(y)} samples; expected more than {d} of each")
    a, b = torch.cov(x.T).view(d, d), torch.cov(y.T).view(d, d)
    # (S S')^(1/2) has the trace of (S^(1/2) S' S^(1/2))^(1/2), whose matrix is symmetric.
    values, vectors = torch.linalg.eigh(a)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root @ b @ root).clamp_min(0).sqrt().sum()
    gap = ((x.mean(0) - y.mean(0)) ** 2).sum()
    return float(gap + a.trace() + b.trace() - 2 * shared)


# ---- how they are computed -----------------------------------------------------------------


def _flat(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.shape[1:] != y.shape[1:] or min(len(x), len(y)) < 2:
        raise ValueError(
            f"x, y: shapes {tuple(x.shape)} and {tuple(y.shape)}; expected at least 2 samples "
            "of each, of one shape"
        )
    return x.detach().double().flatten(1), y.detach().double().flatten(1)


def _wasserstein_2(p: Tensor, q: Tensor) -> Tensor:
    """Squared, of each column of sorted samples: integral of the quantiles' squared gap."""
    n, m = len(p), len(q)
    if n == m:
        return ((p - q) ** 2).mean(0)
    # Quantile functions are steps: constant between neighbouring multiples of 1 / n and 1 / m,
    # counted here in whole units of 1 / (n m).
    edges = torch.cat([torch.arange(0, n * m, m), torch.arange(0, n * m, n)]).unique()
    widths = torch.diff(edges, append=edges.new_tensor([n * m])).double() / (n * m)
    gap = p[edges // m] - q[edges // n]
    return (widths[:, None] * gap**2).sum(0)


def _pair_sum(x: Tensor, y: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Sum over all pairs, block by block."""
    return math.fsum(float(of(part, y).sum()) for part in x.split(BLOCK))


def _distance(x: Tensor, y: Tensor) -> Tensor:
    # By products of rows: in float64 a row is then 1e-7 from itself, not 0, of n among n^2 pairs.
    return torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist")


def _cubic(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3
