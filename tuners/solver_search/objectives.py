"""What a sampler is judged by: a number of its samples, lower is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Objective(Protocol):
    """A number of samples, differentiable where gradients are to refine a sampler.

    ``name`` is what results call it; ``needs_reference`` tells whether the exact solution from
    the same noises is to be computed.
    """

    @property
    def name(self) -> str:
        """What results call it."""
        ...

    @property
    def needs_reference(self) -> bool:
        """Whether the exact solutions are to be given."""
        ...

    def __call__(self, samples: Tensor, reference: Tensor | None) -> Tensor:
        """The number, of no dimension; lower is better."""
        ...


@dataclass(frozen=True)
class GeometricMean:
    """exp(mean_i log RMS_i), RMS_i the root mean square error of sample i to its exact solution.

    The usual choice. A few samples whose path ends in another basin dominate a mean of squares;
    here each counts by its relative error, and what is found carries over to other noises.
    """

    name: str = "geometric mean"
    needs_reference: bool = True

    def __call__(self, samples: Tensor, reference: Tensor | None) -> Tensor:
        """The number."""
        return _squares(samples, reference).log().mean().div(2).exp()


@dataclass(frozen=True)
class RMSE:
    """The root of the mean square error of all numbers of all samples."""

    name: str = "rmse"
    needs_reference: bool = True

    def __call__(self, samples: Tensor, reference: Tensor | None) -> Tensor:
        """The number."""
        return _squares(samples, reference).mean().sqrt()


@dataclass(frozen=True)
class OnSamples:
    """Any function of the samples alone: a distance to data, a classifier's opinion.

    Args:
        function: ``function(samples) -> number``; samples have shape (count, ...). A tensor of no
            dimension, differentiable where gradients shall refine; a plain number otherwise.
        name: What results call it.
    """

    function: Callable[[Tensor], Tensor | float]
    name: str = "on samples"
    needs_reference: bool = False

    def __post_init__(self) -> None:
        """Check the settings."""
        if not callable(self.function):
            raise TypeError(f"function={self.function!r}: expected a function of samples")

    def __call__(self, samples: Tensor, reference: Tensor | None) -> Tensor:
        """The number."""
        del reference
        value = torch.as_tensor(self.function(samples), device=samples.device)
        if value.ndim:
            raise ValueError(f"{self.name}: expected one number, got shape {tuple(value.shape)}")
        return value


def root_mean_squares(samples: Tensor, reference: Tensor) -> Tensor:
    """RMS_i, the error of each sample, shape (count,)."""
    return _squares(samples, reference).sqrt()


def _squares(samples: Tensor, reference: Tensor | None) -> Tensor:
    """Mean square error of each sample; a little above 0, for logarithms and roots."""
    if reference is None:
        raise ValueError("reference=None: this objective compares with the exact solution")
    squares = (samples - reference).square().flatten(1).mean(1)
    return squares.clamp_min(torch.finfo(squares.dtype).tiny)
