"""A sampler in k-diffusion's form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .continuous import EDM
from .execute import sample
from .lower import lower
from .model import Model
from .presets import dpmpp_2m
from .registry import Solver
from .saved import Sampler, as_sampler
from .table import CoefficientTable


def sample_ritard(
    model: Callable[..., Tensor],
    x: Tensor,
    sigmas: Sequence[float] | Tensor | None = None,
    schedule: Sampler | None = None,
    extra_args: dict[str, Any] | None = None,
    callback: Callable[[dict[str, Any]], None] | None = None,
    disable: bool | None = None,
    *,
    solver: Solver = dpmpp_2m,
) -> Tensor:
    """Sample in sigma space: with a solver schedule, or a solver on a list of sigmas.

    Args:
        model: ``model(x, sigma, **extra_args)`` returns the denoised x; sigma of shape (batch,).
        x: The first sigma times noise, shape (batch, ...).
        sigmas: Falling noise levels, often with 0 at the end; or else give ``schedule``.
        schedule: A solver schedule, or a coefficient table, of any noise schedule: only its
            lambdas count here.
        extra_args: Passed on with every call.
        callback: Called once per network evaluation with a dict of x, i, sigma, sigma_hat and
            denoised, as k-diffusion's samplers do.
        disable: Accepted for k-diffusion's sake; no progress bar is drawn anyway.
        solver: What runs on ``sigmas``: a preset, such as ``dpmpp_2m`` or ``heun``.

    Returns:
        The state at the last sigma.

    Raises:
        ValueError: both or neither of ``sigmas`` and ``schedule``, or sigmas that do not fall.
    """
    del disable
    if (sigmas is None) == (schedule is None):
        raise ValueError("sigmas, schedule: expected exactly one of them")
    table = _of_sigmas(sigmas, solver) if sigmas is not None else _of_schedule(schedule)
    calls = 0

    def network(x: Tensor, sigma: Tensor) -> Tensor:
        nonlocal calls
        denoised = model(x, sigma, **(extra_args or {}))
        if callback:
            at = {"sigma": sigma[0], "sigma_hat": sigma[0], "denoised": denoised}
            callback({"x": x, "i": calls, **at})
        calls += 1
        return denoised

    with torch.no_grad():
        return sample(Model(network, table.noise, "data"), x, table)


def _of_sigmas(sigmas: Sequence[float] | Tensor, solver: Solver) -> CoefficientTable:
    times = [float(sigma) for sigma in sigmas]
    if not times or not times[0] > 0:
        raise ValueError(f"sigmas[0]={times[:1]}: expected a positive number")
    return lower(solver(_range(times), times))


def _of_schedule(schedule: Sampler | None) -> CoefficientTable:
    made = as_sampler(schedule, "schedule")
    kappas = [float(node.sigma) / float(node.alpha) for node in made.nodes]
    return lower(made.on(_range(kappas)))


def _range(sigmas: Sequence[float]) -> EDM:
    """The EDM schedule that just holds these noise levels."""
    top = sigmas[0] * (1 + 1e-12)  # a lambda turned back to sigma may round upwards
    return EDM(t_max=top, t_min=min([s for s in sigmas if s > 0] + [top / 2]))
