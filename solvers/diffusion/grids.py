"""Time grids: N + 1 falling times for a solver of N steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...schedules._checks import number, whole
from .noise import NoiseSchedule, as_noise, checked_times


def uniform_t(
    noise: NoiseSchedule, steps: int, start: float | None = None, end: float | None = None
) -> tuple[float, ...]:
    """Equal steps in t (DDIM, PNDM).

    Args:
        noise: The noise schedule.
        steps: N >= 1.
        start: First time; the noise schedule's ``t_max`` where it is not given.
        end: Last time; its ``t_min`` where it is not given.
    """
    return power_t(noise, steps, 1.0, start, end)


def quadratic_t(
    noise: NoiseSchedule, steps: int, start: float | None = None, end: float | None = None
) -> tuple[float, ...]:
    """Equal steps in sqrt(t), so that t is quadratic (DDIM on small images, DEIS)."""
    return power_t(noise, steps, 2.0, start, end)


def power_t(
    noise: NoiseSchedule,
    steps: int,
    power: float,
    start: float | None = None,
    end: float | None = None,
) -> tuple[float, ...]:
    """Equal steps in t^(1 / power)."""
    first, last = _ends(noise, steps, start, end)
    number("power", power, low=0, open_low=True)
    if last < 0 and power != 1:
        raise ValueError(f"end={last:g}: a power of t needs times >= 0")
    roots = np.linspace(first ** (1 / power), last ** (1 / power), steps + 1)
    return _between(first, last, roots**power)


def uniform_lambda(
    noise: NoiseSchedule, steps: int, start: float | None = None, end: float | None = None
) -> tuple[float, ...]:
    """Equal steps in lambda (the DPM-Solver family)."""
    first, last = _ends(noise, steps, start, end)
    lambdas = np.linspace(_lambda(noise, first), _lambda(noise, last), steps + 1)
    return _between(
        first, last, [float(noise.time_at(float(lam))) for lam in lambdas[1:-1]], inner=True
    )


def edm_rho(
    noise: NoiseSchedule,
    steps: int,
    rho: float = 7.0,
    start: float | None = None,
    end: float | None = None,
) -> tuple[float, ...]:
    """Equal steps in (sigma / alpha)^(1 / rho).

    Source: Karras et al. (2022), arXiv:2206.00364, eq. 5.
    """
    first, last = _ends(noise, steps, start, end)
    number("rho", rho, low=0, open_low=True)
    high, low = (math.exp(-_lambda(noise, t) / rho) for t in (first, last))
    kappas = np.linspace(high, low, steps + 1) ** rho
    times = [float(noise.time_at(-math.log(kappa))) for kappa in kappas[1:-1]]
    return _between(first, last, times, inner=True)


def shifted(times: Sequence[float], shift: float) -> tuple[float, ...]:
    """The times t of rectified flow moved to shift t / (1 + (shift - 1) t).

    Source: Esser et al. (2024), arXiv:2403.03206, section 5.3.2.
    """
    number("shift", shift, low=0, open_low=True)
    return tuple(shift * t / (1 + (shift - 1) * t) for t in times)


def with_stages(
    noise: NoiseSchedule, times: Sequence[float], fractions: Sequence[float]
) -> tuple[float, ...]:
    """Inner stages between the times, at fractions of each step in lambda.

    The singlestep solvers of the papers: ``(1 / 2,)`` for DPM-Solver-2S, ``(1 / 3, 2 / 3)`` for
    3S; the number of evaluations grows accordingly.
    """
    times = checked_times(noise, times)
    for r in fractions:
        number("fractions", r, low=0, high=1, open_low=True, open_high=True)
    found = list(times[:1])
    for s, t in pairwise(times):
        lam, h = _lambda(noise, s), _lambda(noise, t) - _lambda(noise, s)
        found += [float(noise.time_at(lam + r * h)) for r in fractions]
        found.append(t)
    return tuple(found)


def ays(noise: NoiseSchedule, steps: int = 10, name: str = "StableDiffusion") -> tuple[float, ...]:
    """The published noise levels of "align your steps"; for another count, log-linear between.

    The end is clean data, as published. Only meaningful for a model of that family.

    Args:
        noise: The model's noise schedule, whose range must hold the levels.
        steps: N >= 1; the table is for 10.
        name: "StableDiffusion", "StableDiffusionXL" or "StableDiffusionVideo".

    Raises:
        ImportError: diffusers, which ships the table, is not installed.
        ValueError: an unknown name.

    Source: Sabour et al. (2024), arXiv:2404.14507.
    """
    whole("steps", steps, low=1)
    try:
        from diffusers.schedulers.scheduling_utils import AysSchedules
    except ImportError as error:
        raise ImportError('AYS tables: pip install "ritard[diffusers]"') from error
    if f"{name}Sigmas" not in AysSchedules:
        known = [key.removesuffix("Sigmas") for key in AysSchedules if key.endswith("Sigmas")]
        raise ValueError(f"name={name!r}: expected one of {', '.join(known)}")
    levels = np.log(AysSchedules[f"{name}Sigmas"][:-1])
    places = np.linspace(0, len(levels) - 1, steps)
    lambdas = -np.interp(places, np.arange(len(levels)), levels)
    highest = noise.lambda_at(noise.t_max)
    times = [noise.time_at(max(float(lam), float(highest))) for lam in lambdas]
    return (*(float(t) for t in times), noise.clean)


def _ends(
    noise: NoiseSchedule, steps: int, start: float | None, end: float | None
) -> tuple[float, float]:
    whole("steps", steps, low=1)
    as_noise(noise)
    first = noise.t_max if start is None else float(number("start", start))
    last = noise.t_min if end is None else float(number("end", end))
    if not last < first:
        raise ValueError(f"start={first:g}, end={last:g}: expected times that fall")
    for name, t in (("start", first), ("end", last)):
        try:
            noise.node(t)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return first, last


def _lambda(noise: NoiseSchedule, t: float) -> float:
    lam = float(noise.lambda_at(t))
    if math.isinf(lam):
        raise ValueError(f"t={t:g}: lambda is infinite there; this grid needs finite ends")
    return lam


def _between(
    first: float, last: float, times: Sequence[float], inner: bool = False
) -> tuple[float, ...]:
    """The ends exactly as given."""
    middle = times if inner else times[1:-1]
    return (first, *(float(t) for t in middle), last)
