"""Exact denoiser of a mixture of Gaussians."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...schedules._checks import whole
from ._analytic import AnalyticDenoiser, Drawn, column, flat_samples
from ._tensors import check_floating


@dataclass(frozen=True, eq=False, repr=False)
class GaussianMixture(AnalyticDenoiser):
    """Data from sum_k pi_k N(mu_k, diag v_k).

    D(y; sigma) = sum_k w_k (v_k y + sigma^2 mu_k) / (v_k + sigma^2), with w the posterior
    probabilities of the components at noise sigma. With one component the probability-flow ODE
    has the closed form y(sigma) = mu + sqrt((v + sigma^2) / (v + sigma_T^2)) (y_T - mu).

    Args:
        means: mu, shape (K, d).
        variances: v > 0, shape (K,) or (K, d).
        weights: pi, shape (K,), positive; normalised here; equal where they are not given.

    Raises:
        TypeError: what is no floating tensor.
        ValueError: shapes that do not fit, or values that are not positive.
    """

    means: Tensor
    variances: Tensor
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        """Check shapes and signs."""
        check_floating(means=self.means, variances=self.variances)
        K = len(self.means)
        if self.means.ndim != 2 or self.variances.shape not in ((K,), self.means.shape):
            raise ValueError(
                f"variances: shape {tuple(self.variances.shape)} with means of "
                f"{tuple(self.means.shape)}; expected means (K, d), variances (K,) or (K, d)"
            )
        check_positive("variances", self.variances)
        object.__setattr__(self, "weights", normalised(self.weights, self.means))

    def denoise(self, y: Tensor, sigma: Tensor) -> Tensor:
        """The posterior mean at y, shape (batch, ...) of d numbers each."""
        flat = flat_samples(y, self.means.shape[1])
        means, v = self.means.to(y), self.variances.to(y).view(len(self.means), -1)
        total = v + column(sigma, 3) ** 2
        gap = flat[:, None] - means
        # Variances of shape (K, 1) stand for all d coordinates.
        terms = gap**2 / total + total.log()
        posterior = responsibilities(self.weights, -terms.sum(-1) / 2)
        return (posterior[..., None] * (means + v / total * gap)).sum(1).view_as(y)

    def draw(self, count: int, seed: int = 0) -> Tensor:
        """Samples of the data, shape (count, d)."""
        whole("count", count, low=1)
        drawn = Drawn(seed, self.means)
        assert self.weights is not None
        k = torch.multinomial(self.weights, count, replacement=True, generator=drawn.generator)
        eps = drawn.normal(count, self.means.shape[1])
        return self.means[k] + self.variances.view(len(self.means), -1)[k].sqrt() * eps


def check_positive(name: str, values: Tensor) -> None:
    """Refuse values that are not positive and finite."""
    if not bool((torch.isfinite(values) & (values > 0)).all()):
        raise ValueError(f"{name}: expected positive finite numbers, got {float(values.min()):g}")


def normalised(weights: Tensor | None, means: Tensor) -> Tensor:
    """Probabilities of the components."""
    if weights is None:
        return means.new_full((len(means),), 1 / len(means))
    check_floating(weights=weights)
    if weights.shape != means.shape[:1]:
        raise ValueError(f"weights: shape {tuple(weights.shape)}, expected ({len(means)},)")
    check_positive("weights", weights)
    return weights / weights.sum()


def responsibilities(weights: Tensor | None, log_density: Tensor) -> Tensor:
    """Posterior probabilities of the components, shape (batch, K)."""
    assert weights is not None
    return (log_density + weights.to(log_density).log()).softmax(-1)
