"""The fixed solvers on the usual time grids: what a search starts from, and has to beat."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from ...schedules._checks import whole
from ...solvers.diffusion import grids
from ...solvers.diffusion.continuous import EDM, VPLinear
from ...solvers.diffusion.noise import NoiseSchedule
from ...solvers.diffusion.registry import SOLVERS
from ...solvers.diffusion.saved import Sampler
from ...solvers.diffusion.schedule import SolverSchedule
from .canonical import key

Grid = Callable[[NoiseSchedule, int, float | None, float | None], tuple[float, ...]]
"""A noise schedule, a number of steps, the first time and the last give falling times."""


def vp_time(
    noise: NoiseSchedule,
    steps: int,
    start: float | None = None,
    end: float | None = None,
    power: float = 1.0,
) -> tuple[float, ...]:
    """The lambdas of equal steps in t^(1 / power) under :class:`VPLinear`, on any noise schedule.

    The same samplers, in x / alpha, as DDIM's grids (power 1 and 2) on a VP model.
    """
    first, last = _ends(noise, start, end)
    high, low = (
        float(VPLinear().time_at(float(noise.lambda_at(t)))) ** (1 / power) for t in (first, last)
    )
    inner = np.linspace(high, low, steps + 1)[1:-1] ** power
    lambdas = [float(VPLinear().lambda_at(float(t))) for t in inner]
    return (first, *(float(noise.time_at(lam)) for lam in lambdas), last)


GRIDS: dict[str, Grid] = {
    "log": grids.uniform_lambda,
    "rho3": lambda noise, steps, start, end: grids.edm_rho(noise, steps, 3.0, start, end),
    "rho5": lambda noise, steps, start, end: grids.edm_rho(noise, steps, 5.0, start, end),
    "rho7": lambda noise, steps, start, end: grids.edm_rho(noise, steps, 7.0, start, end),
    "vp-t": vp_time,
    "vp-t2": partial(vp_time, power=2.0),
    "t": grids.uniform_t,
    "t2": grids.quadratic_t,
}
"""Time grids by name. "t" and "t2" are left out where t is sigma: they are no solver's there. Under
:class:`VPLinear` "vp-t" and "vp-t2" are: they are the same two but for rounding."""


def lay(
    grid: str,
    noise: NoiseSchedule,
    steps: int,
    start: float | None = None,
    end: float | None = None,
) -> tuple[float, ...]:
    """A grid of :data:`GRIDS`; one that ends in clean data reaches ``t_min`` one step before.

    Raises:
        ValueError: an unknown grid, or one that this range has not (an infinite lambda).
    """
    if grid not in GRIDS:
        raise ValueError(f"grid={grid!r}: expected one of {', '.join(GRIDS)}")
    if steps == 1:  # the ends alone, whatever is between them
        return grids.uniform_t(noise, 1, start, end)
    if end is None or end != noise.clean:
        return GRIDS[grid](noise, steps, start, end)
    return (*GRIDS[grid](noise, steps - 1, start, noise.t_min), end)


def fixed_samplers(
    noise: NoiseSchedule, nfe: int, start: float | None = None, end: float | None = None
) -> dict[str, Sampler]:
    """Every solver of ``SOLVERS`` on every grid that costs exactly ``nfe`` evaluations.

    Also each with its orders falling at the end ("lower_final"), where that differs. What cannot
    be (Heun at an odd number, a grid of lambda from pure noise) is left out, and so is a second
    name of the same sampler.

    Args:
        noise: The model's noise schedule.
        nfe: Number of network evaluations, at least 1.
        start: First time; the noise schedule's ``t_max`` where it is not given.
        end: Last time; its ``t_min`` where it is not given.

    Returns:
        Samplers by name, such as "unipc_2 @ rho7" and "unipc_3 lower_final @ log".

    Raises:
        TypeError, ValueError: ``nfe`` below 1, times out of range or that do not fall.

    Example:
        >>> from ritard.solvers.diffusion import EDM
        >>> found = fixed_samplers(EDM(), 4)
        >>> found["dpmpp_2m @ rho7"].nfe, "heun @ log" in found
        (4, True)
    """
    whole("nfe", nfe, low=1)
    grids.uniform_t(noise, 1, start, end)  # refuses times that do not fall or are out of range
    found: dict[str, Sampler] = {}
    seen: set[str] = set()
    left_out: tuple[str, ...] = ()
    if isinstance(noise, EDM):
        left_out = ("t", "t2")
    elif noise == VPLinear():
        left_out = ("vp-t", "vp-t2")
    for grid in GRIDS:
        if grid in left_out:
            continue
        for name, sampler in _on_grid(grid, noise, nfe, (start, end)):
            if (this := key(sampler)) not in seen:
                seen.add(this)
                found[f"{name} @ {grid}"] = sampler
    return found


def _on_grid(
    grid: str, noise: NoiseSchedule, nfe: int, ends: Sequence[float | None]
) -> Iterator[tuple[str, Sampler]]:
    """Every solver of exactly that cost: Heun's steps take two evaluations, others one."""
    for name, make in SOLVERS.items():
        for steps in {nfe, (nfe + 1) // 2}:
            try:
                sampler = make(noise, lay(grid, noise, steps, *ends))
            except ValueError:
                continue
            if sampler.nfe != nfe:
                continue
            yield name, sampler
            if isinstance(sampler, SolverSchedule):
                yield f"{name} lower_final", sampler.lower_final()


def _ends(noise: NoiseSchedule, start: float | None, end: float | None) -> tuple[float, float]:
    """First and last time, where lambda is finite at both."""
    first = noise.t_max if start is None else start
    last = noise.t_min if end is None else end
    for t in (first, last):
        if math.isinf(float(noise.node(t).lam)):
            raise ValueError(f"t={t:g}: lambda is infinite there; this grid needs finite ends")
    return first, last
