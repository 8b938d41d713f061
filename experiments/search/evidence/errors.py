"""How far samples end from the exact solution, as one number per aspect."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

FLIP = 0.15
"""A sample further off than this part of the data's scale has ended elsewhere."""

TINY = 1e-300
"""Least error that enters a logarithm."""


@dataclass(frozen=True)
class Errors:
    """Distances of samples from the reference solutions of the same noises.

    Attributes:
        geometric: Geometric mean over the samples of the root mean square over coordinates; the
            primary metric. An arithmetic one is ruled by the few samples that end elsewhere.
        rmse: Root of the mean square over samples and coordinates.
        median: Of the samples.
        q90: 90 % quantile of the samples.
        q99: 99 % quantile.
        flips: Fraction of samples further off than ``FLIP`` times the data's scale.
    """

    geometric: float
    rmse: float
    median: float
    q90: float
    q99: float
    flips: float

    @staticmethod
    def of(each: Tensor, scale: float) -> Errors:
        """From the errors of the samples, as :func:`distances` gives them.

        Example:
            >>> Errors.of(torch.tensor([1.0, 4.0]), scale=10.0).geometric
            2.0
        """
        each = each.double()
        median, q90, q99 = torch.quantile(each, each.new_tensor([0.5, 0.9, 0.99])).tolist()
        return Errors(
            geometric=float(each.clamp_min(TINY).log().mean().exp()),
            rmse=float((each**2).mean().sqrt()),
            median=median,
            q90=q90,
            q99=q99,
            flips=float((each > FLIP * scale).double().mean()),
        )


def distances(samples: Tensor, reference: Tensor) -> Tensor:
    """Root mean square over the coordinates of each sample, shape (n,), in float64.

    Raises:
        ValueError: the shapes differ.
    """
    if samples.shape != reference.shape:
        raise ValueError(
            f"samples: shape {tuple(samples.shape)}; expected that of the reference, "
            f"{tuple(reference.shape)}"
        )
    gap = (samples.double() - reference.double()).flatten(1)
    return (gap**2).mean(1).sqrt()
