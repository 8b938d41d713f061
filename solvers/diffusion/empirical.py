"""Exact denoiser of a data set blurred by a little noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...schedules._checks import number, whole
from ._analytic import AnalyticDenoiser, Drawn, column, flat_samples
from ._tensors import check_floating


@dataclass(frozen=True, eq=False, repr=False)
class EmpiricalDenoiser(AnalyticDenoiser):
    """Data from a kernel density: one of the given samples, plus ``bandwidth`` times noise.

    D(y; sigma) = (s^2 y + sigma^2 m) / (s^2 + sigma^2), with s the bandwidth and m the mean of
    the samples under softmax(-|y - x_i|^2 / (2 (s^2 + sigma^2))). Exact: every sample counts,
    block by block, so memory stays at batch x block numbers.

    Args:
        data: Samples, shape (n, ...).
        bandwidth: s > 0, in the units of the data.
        block: Samples handled at once.

    Raises:
        TypeError: data that are no floating tensor.
        ValueError: no samples, or settings out of range.
    """

    data: Tensor
    bandwidth: float = 0.05
    block: int = 4096

    def __post_init__(self) -> None:
        """Check the settings."""
        check_floating(data=self.data)
        number("bandwidth", self.bandwidth, low=0, open_low=True)
        whole("block", self.block, low=1)
        if self.data.ndim < 2 or not len(self.data):
            raise ValueError(f"data: shape {tuple(self.data.shape)}, expected (n, ...), n >= 1")

    @cached_property
    def _centred(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, samples about it, and half their squared lengths: small numbers lose least."""
        flat = self.data.flatten(1)
        mean = flat.mean(0)
        gap = flat - mean
        return mean, gap, (gap**2).sum(1) / 2

    def denoise(self, y: Tensor, sigma: Tensor) -> Tensor:
        """The posterior mean at y, shape (batch, ...) like the samples."""
        mean, samples, halves = (part.to(y) for part in self._centred)
        flat = flat_samples(y, len(mean)) - mean
        s, noise = self.bandwidth**2, column(sigma, 2) ** 2
        total = s + noise
        found = _soft_mean(flat, samples, halves, total, self.block)
        return ((s * flat + noise * found) / total + mean).view_as(y)

    def draw(self, count: int, seed: int = 0) -> Tensor:
        """Samples of the blurred data, shape (count, ...)."""
        whole("count", count, low=1)
        drawn = Drawn(seed, self.data)
        rows = torch.randint(
            len(self.data), (count,), generator=drawn.generator, device=self.data.device
        )
        eps = drawn.normal(count, *self.data.shape[1:])
        return self.data[rows] + self.bandwidth * eps


def _soft_mean(y: Tensor, samples: Tensor, halves: Tensor, total: Tensor, block: int) -> Tensor:
    """Mean of the samples under softmax((y . x_i - |x_i|^2 / 2) / total), in one pass."""
    top = y.new_full((len(y), 1), -torch.inf)
    mass, sums = torch.zeros_like(top), torch.zeros_like(y)
    for x, half in zip(samples.split(block), halves.split(block), strict=True):
        logits = (y @ x.T - half) / total
        new_top = torch.maximum(top, logits.amax(1, keepdim=True)).detach()
        weights, old = (logits - new_top).exp(), (top - new_top).exp()
        mass = mass * old + weights.sum(1, keepdim=True)
        sums = sums * old + weights @ x
        top = new_top
    return sums / mass
