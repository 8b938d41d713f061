"""High-accuracy solutions of the probability-flow ODE."""

from __future__ import annotations

import torch
from torch import Tensor

from ...schedules._checks import number, whole
from .execute import sample
from .grids import uniform_lambda
from .lower import lower
from .model import Model, as_model
from .presets import unipc

_FIRST = 64


def reference(
    model: Model,
    x: Tensor,
    start: float | None = None,
    end: float | None = None,
    tol: float = 1e-8,
    max_steps: int = 8192,
) -> Tensor:
    """The ODE's solution at ``end`` from ``x`` at ``start``, to a stated accuracy.

    UniPC-3 with equal steps in lambda, their number doubled from 64 until two successive
    solutions agree; the finer one is returned. Its error is then well below ``tol``, for halving
    the steps of a method of order 4 divides it by about 16.

    Args:
        model: The model.
        x: Shape (batch, ...); in float64 for tolerances below 1e-5.
        start: Time of ``x``; the noise schedule's ``t_max`` where it is not given.
        end: Where the solution is wanted, sigma > 0; its ``t_min`` where it is not given.
        tol: Largest difference of any number, relative to the largest number, > 0.
        max_steps: Where to give up.

    Raises:
        RuntimeError: no agreement within ``max_steps``; the message tells what was reached.
    """
    as_model(model)
    number("tol", tol, low=0, open_low=True)
    whole("max_steps", max_steps, low=2 * _FIRST)
    before, steps, gap = _solve(model, x, start, end, _FIRST), 2 * _FIRST, float("inf")
    while steps <= max_steps:
        after = _solve(model, x, start, end, steps)
        if torch.equal(after, before):  # all zeros too, or an empty batch
            return after
        gap = float((after - before).abs().max() / after.abs().max())
        if gap <= tol:
            return after
        before, steps = after, 2 * steps
    raise RuntimeError(
        f"tol={tol:g}: {steps // 2} and {steps // 4} steps still differ by {gap:.2g}; "
        f"raise max_steps, use float64 (x is {x.dtype}), or allow a larger tol"
    )


@torch.no_grad()
def _solve(model: Model, x: Tensor, start: float | None, end: float | None, steps: int) -> Tensor:
    times = uniform_lambda(model.noise, steps, start, end)
    return sample(model, x, lower(unipc(model.noise, times, order=3)))
