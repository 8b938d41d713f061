"""EDM preconditioning: a network whose input and target have unit variance at every noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Preconditioned:
    """D(x; sigma) = c_skip x + c_out F(c_in x, c_noise), the denoiser that a network F gives.

    With s the standard deviation of the data: c_skip = s^2 / (sigma^2 + s^2),
    c_out = sigma s / sqrt(sigma^2 + s^2), c_in = 1 / sqrt(sigma^2 + s^2), c_noise = ln(sigma) / 4.

    Args:
        network: F(x, c_noise): x of shape (batch, ...), c_noise of shape (batch,).
        sigma_data: s > 0.

    Source: Karras et al. (2022), arXiv:2206.00364, table 1 and eq. 7.
    """

    network: Callable[[Tensor, Tensor], Tensor]
    sigma_data: float

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The denoised x; sigma has shape (batch,)."""
        c_skip, c_out, c_in, c_noise = coefficients(sigma, self.sigma_data)
        shape = (-1, *[1] * (x.ndim - 1))
        c_skip, c_out, c_in = (c.view(shape) for c in (c_skip, c_out, c_in))
        return c_skip * x + c_out * self.network(c_in * x, c_noise)

    def loss(self, clean: Tensor, eps: Tensor, sigma: Tensor) -> Tensor:
        """Mean over everything of (D(clean + sigma eps; sigma) - clean)^2 / c_out^2: a number.

        The weight makes the target of F one of unit variance at every sigma (eq. 8).
        """
        shape = (-1, *[1] * (clean.ndim - 1))
        x = clean + sigma.view(shape) * eps
        c_out = coefficients(sigma, self.sigma_data)[1].view(shape)
        return (((self(x, sigma) - clean) / c_out) ** 2).mean()


def coefficients(sigma: Tensor, sigma_data: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """c_skip, c_out, c_in and c_noise at noise levels sigma > 0, each in the shape of sigma."""
    total = sigma**2 + sigma_data**2
    c_in = total.rsqrt()
    return sigma_data**2 / total, sigma * sigma_data * c_in, c_in, torch.log(sigma) / 4
