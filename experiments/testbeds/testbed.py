"""A testbed: a frozen model, its data, and the interval that is integrated."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...solvers.diffusion import Model


@dataclass(frozen=True, eq=False)
class Testbed:
    """A model to sample from, with what it takes to judge its samples.

    Attributes:
        name: As in :func:`~ritard.experiments.testbeds.get_testbed`.
        model: The model, whose noise schedule is ``model.noise``.
        shape: Of one sample.
        dtype: Of the samples; states and noises have it too.
        data: What the model was made from, shape (n, *shape).
        held_out: Data of the same distribution that it has not seen, shape (m, *shape).
        scale: Standard deviation of the data: the root of the mean variance of a coordinate.
        t_start: Where sampling starts.
        t_end: Where it ends.
        image: Rows and columns, where a sample is a grey image with values in [-1, 1].
        reference_tol: Tolerance for ``solvers.diffusion.reference`` at which the error that is
            left is far below that of any sampler of few evaluations.
        labels: Classes of ``data``, int64 of shape (n,), where it has any.
    """

    __test__ = False  # the name is not that of a test class

    name: str
    model: Model
    shape: tuple[int, ...]
    dtype: torch.dtype
    data: Tensor
    held_out: Tensor
    scale: float
    t_start: float
    t_end: float
    image: tuple[int, int] | None = None
    reference_tol: float = 1e-8
    labels: Tensor | None = None

    @classmethod
    def of(
        cls,
        name: str,
        model: Model,
        data: Tensor,
        held_out: Tensor,
        image: tuple[int, int] | None = None,
        reference_tol: float = 1e-8,
        labels: Tensor | None = None,
    ) -> Testbed:
        """From the model and its data: what follows from them is filled in."""
        noise = model.noise
        return cls(
            name=name,
            model=model,
            shape=tuple(data.shape[1:]),
            dtype=data.dtype,
            data=data,
            held_out=held_out,
            scale=spread(data),
            t_start=noise.t_max,
            t_end=noise.t_min,
            image=image,
            reference_tol=reference_tol,
            labels=labels,
        )


def spread(data: Tensor) -> float:
    """Standard deviation of data of shape (n, ...): root of the mean variance of a coordinate."""
    return float(data.var(0, correction=0).mean().sqrt())
