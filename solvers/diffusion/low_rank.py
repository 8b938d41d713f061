"""Exact denoiser of a mixture of low-rank Gaussians: a surrogate of image data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...schedules._checks import number, whole
from ._analytic import AnalyticDenoiser, Drawn, column, flat_samples
from ._tensors import check_floating
from .gaussian import check_positive, normalised, responsibilities


@dataclass(frozen=True, eq=False, repr=False)
class LowRankMixture(AnalyticDenoiser):
    """Data from sum_k pi_k N(mu_k, U_k diag(l_k) U_k^T + v_k I).

    Args:
        means: mu, shape (K, d).
        directions: U, orthonormal columns, shape (K, d, r).
        spreads: l > 0, the variances along them beyond v, shape (K, r).
        variances: v > 0 in every direction, shape (K,).
        weights: pi, shape (K,); equal where they are not given.

    Raises:
        TypeError: what is no floating tensor.
        ValueError: shapes that do not fit, or values that are not positive.
    """

    means: Tensor
    directions: Tensor
    spreads: Tensor
    variances: Tensor
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        """Check shapes and signs."""
        given = {name: getattr(self, name) for name in ("means", "directions", "spreads")}
        check_floating(**given, variances=self.variances)
        if self.means.ndim != 2:
            raise ValueError(f"means: shape {tuple(self.means.shape)}, expected (K, d)")
        K, d = self.means.shape
        r = self.directions.shape[-1]
        shapes = (self.directions.shape, self.spreads.shape, self.variances.shape)
        if shapes != ((K, d, r), (K, r), (K,)):
            raise ValueError(
                f"directions, spreads, variances: shapes {[tuple(s) for s in shapes]}; "
                f"expected ({K}, {d}, r), ({K}, r), ({K},)"
            )
        check_positive("spreads", self.spreads)
        check_positive("variances", self.variances)
        object.__setattr__(self, "weights", normalised(self.weights, self.means))

    @classmethod
    def fit(
        cls, data: Tensor, components: int = 10, rank: int = 20, seed: int = 0
    ) -> LowRankMixture:
        """Clusters by k-means (20 rounds), the main directions of each by its singular values.

        What is left of a cluster's variance is spread evenly over the other directions.

        Args:
            data: Shape (n, ...), flattened here to (n, d).
            components: K.
            rank: r < d.
            seed: Of the choice of the first centres.
        """
        check_floating(data=data)
        x = data.flatten(1)
        whole("components", components, low=1)
        whole("rank", rank, low=1)
        number("rank", rank, high=x.shape[1], open_high=True)
        groups = [g for g in _clusters(x, components, seed) if len(g) > rank + 1]
        if not groups:
            raise ValueError(f"data: {len(x)} samples are too few for rank {rank}")
        parts = [_principal(group, rank) for group in groups]
        means, directions, spreads, variances = (torch.stack(p) for p in zip(*parts, strict=True))
        weights = x.new_tensor([len(group) for group in groups])
        return cls(means, directions, spreads, variances, weights)

    def denoise(self, y: Tensor, sigma: Tensor) -> Tensor:
        """The posterior mean at y, shape (batch, ...) of d numbers each."""
        flat = flat_samples(y, self.means.shape[1])
        means, U = self.means.to(y), self.directions.to(y)
        v, lead = self.variances.to(y), self.spreads.to(y)
        noise = column(sigma, 2) ** 2
        total, along = v + noise, lead + v[:, None] + column(sigma, 3) ** 2
        gap = flat[:, None] - means
        inside = torch.einsum("bkd,kdr->bkr", gap, U)
        rest = (gap**2).sum(-1) - (inside**2).sum(-1)
        free = means.shape[1] - lead.shape[1]
        terms = rest / total + free * total.log() + (inside**2 / along + along.log()).sum(-1)
        posterior = responsibilities(self.weights, -terms / 2)
        shrink = (v / total).expand(posterior.shape)
        gain = (lead + v[:, None]) / along - shrink[..., None]
        found = torch.einsum("bk,bkd->bd", posterior, means + shrink[..., None] * gap)
        found = found + torch.einsum("bk,bkr,kdr->bd", posterior, gain * inside, U)
        return found.view_as(y)

    def draw(self, count: int, seed: int = 0) -> Tensor:
        """Samples of the data, shape (count, d)."""
        whole("count", count, low=1)
        drawn = Drawn(seed, self.means)
        assert self.weights is not None
        k = torch.multinomial(self.weights, count, replacement=True, generator=drawn.generator)
        eps, inner = (drawn.normal(count, n) for n in (self.means.shape[1], self.spreads.shape[1]))
        inside = torch.einsum("bdr,br->bd", self.directions[k], self.spreads[k].sqrt() * inner)
        return self.means[k] + inside + self.variances[k, None].sqrt() * eps


def _clusters(x: Tensor, count: int, seed: int) -> list[Tensor]:
    order = torch.randperm(len(x), generator=Drawn(seed, x).generator, device=x.device)
    centres, groups = x[order[:count]], list[Tensor]()
    for _ in range(20):
        nearest = torch.cdist(x, centres).argmin(1)
        groups = [x[nearest == k] for k in range(len(centres))]
        centres = torch.stack([g.mean(0) for g in groups if len(g)])
    return groups


def _principal(group: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    mean = group.mean(0)
    _, values, Vh = torch.linalg.svd(group - mean, full_matrices=False)
    variances = values**2 / len(group)
    left = variances[rank:].sum() / (group.shape[1] - rank)
    floor = 1e-6 * variances.sum() / group.shape[1] + 1e-12
    v = torch.clamp(left, min=float(floor))
    return mean, Vh[:rank].T.contiguous(), torch.clamp(variances[:rank] - v, min=float(floor)), v
