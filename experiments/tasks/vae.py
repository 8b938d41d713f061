"""A variational autoencoder with a Gaussian code and a Bernoulli decoder."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .batches import Batch


class VAE(nn.Module):
    """Encoder 784-400-2k, decoder k-400-784, ReLU between.

    q(z|x) = N(mu(x), diag(exp(log_var(x)))),  p(z) = N(0, I),  p(x|z) = Bernoulli(logits(z)).

    Args:
        pixels: Inputs.
        hidden: Width of both hidden layers.
        code: k, the size of z.

    Source: Kingma & Welling (2014), Auto-Encoding Variational Bayes, arXiv:1312.6114.
    """

    def __init__(self, pixels: int = 784, hidden: int = 400, code: int = 20) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 2 * code)
        )
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, pixels))
        self.code = code

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, mu and log_var of images in [0, 1], with z = mu + exp(log_var/2) noise.

        Args:
            x: (n, pixels).
            noise: (n, k), standard normal.

        Returns:
            Logits (n, pixels), mu (n, k), log_var (n, k).
        """
        mu, log_var = self.encoder(x).chunk(2, dim=1)
        return self.decoder(mu + torch.exp(0.5 * log_var) * noise), mu, log_var


def negative_elbo(logits: Tensor, mu: Tensor, log_var: Tensor, x: Tensor) -> Tensor:
    """-ELBO of every image in nats, (n,): cross-entropy of all pixels plus KL(q(z|x) || p(z)).

    KL = -1/2 sum(1 + log_var - mu^2 - exp(log_var)). Nothing is clipped: a network that
    diverges gives inf or NaN.

    Source: Kingma & Welling (2014), eq. 10.
    """
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    divergence = -0.5 * (1.0 + log_var - mu.square() - log_var.exp()).sum(1)
    return pixels + divergence


def mean_negative_elbo(network: nn.Module, batch: Batch) -> Tensor:
    """Training loss: the mean over the images, with noise from torch's global generator."""
    x, _ = batch
    noise = torch.randn(len(x), cast(VAE, network).code, device=x.device, dtype=x.dtype)
    logits, mu, log_var = network(x, noise)
    return negative_elbo(logits, mu, log_var, x).mean()


def each_negative_elbo(network: nn.Module, batch: Batch) -> Tensor:
    """Metric of every image, (n,), from one sample of z.

    The noise is the same in every evaluation, on every device and for every network, so that
    the metric is a function of the weights alone and differences are paired.
    """
    x, _ = batch
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(len(x), cast(VAE, network).code, generator=generator)
    logits, mu, log_var = network(x, noise.to(x))
    return negative_elbo(logits, mu, log_var, x)
