"""What analytic models share: a denoiser in sigma space becomes a model of any noise schedule."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ._brief import brief
from .model import Model
from .noise import NoiseSchedule


class AnalyticDenoiser(ABC):
    """D(y; sigma) = E[x_0 | x_0 + sigma eps = y], exact, for data of a known distribution."""

    def __repr__(self) -> str:
        """Tensors by their shapes."""
        return brief(self)

    @abstractmethod
    def denoise(self, y: Tensor, sigma: Tensor) -> Tensor:
        """The posterior mean, shape of ``y`` (batch, ...); sigma > 0 of shape () or (batch,)."""

    def model(self, noise: NoiseSchedule) -> Model:
        """As a model of a noise schedule that predicts the data: D(x / alpha; sigma / alpha).

        For x in half precision it is computed in single: sigma^2 would leave its range.
        """

        def network(x: Tensor, t: Tensor) -> Tensor:
            if not len(x):
                return x
            alpha, sigma = _alpha_sigma(noise, t.double())
            shape = (-1, *[1] * (x.ndim - 1))
            wide = x.to(torch.promote_types(x.dtype, torch.float32))
            y = wide / alpha.to(wide).view(shape)
            return self.denoise(y, (sigma / alpha).to(wide)).to(x.dtype)

        return Model(network, noise, "data")


def _alpha_sigma(noise: NoiseSchedule, t: Tensor) -> tuple[Tensor, Tensor]:
    """Both, shape () for one time for all, else (batch,)."""
    times = t[:1] if bool((t == t[0]).all()) else t
    nodes = [noise.node(time) for time in times.unbind()]
    found = torch.stack(
        [
            torch.stack([torch.as_tensor(part, dtype=t.dtype, device=t.device) for part in n[2:]])
            for n in nodes
        ]
    )
    alpha, sigma = found.unbind(1)
    return (alpha[0], sigma[0]) if len(nodes) == 1 else (alpha, sigma)


class Drawn:
    """Random numbers of a seed, where a tensor is and of its dtype."""

    def __init__(self, seed: int, like: Tensor) -> None:
        self.generator = torch.Generator(like.device).manual_seed(seed)
        self._like = like

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        like = self._like
        return torch.randn(*shape, generator=self.generator, dtype=like.dtype, device=like.device)


def flat_samples(y: Tensor, numbers: int) -> Tensor:
    """Samples as rows; ValueError where they have not that many numbers each."""
    flat = y.flatten(1)
    if flat.shape[1] != numbers:
        raise ValueError(f"y: shape {tuple(y.shape)}, expected (batch, ...) of {numbers} numbers")
    return flat


def column(sigma: Tensor, dims: int) -> Tensor:
    """Sigma to broadcast against (batch, ...) of so many dimensions."""
    return sigma if sigma.ndim == 0 else sigma.view(-1, *[1] * (dims - 1))
