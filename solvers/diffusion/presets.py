"""The known solvers of the unified sampling framework, as solver schedules.

Each takes the noise schedule and N + 1 falling times, and gives the schedule that equals the
solver as published (and as diffusers runs it). Where the grid ends in clean data the last step is
x = x_0 whatever the solver, for no other exists there. The singlestep solvers take their inner
stages at the grid's own points, one network evaluation per interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from ...schedules._checks import one_of, whole
from .noise import NoiseSchedule, checked_times
from .schedule import SolverSchedule
from .step import HIGHEST, Kind, Scaling, SolverStep

Variant = Literal["midpoint", "heun"]
_SECOND: dict[str, Scaling] = {"midpoint": "bh2", "heun": "none"}


def ddim(noise: NoiseSchedule, times: Sequence[float]) -> SolverSchedule:
    """DDIM (eta = 0), DPM-Solver-1, Euler's method in sigma / alpha: three names of one update.

    Source: Song et al. (2021), arXiv:2010.02502, eq. 12.
    """
    return _multistep(noise, times, lambda order: SolverStep("data"), 1)


def dpm_solver_2m(
    noise: NoiseSchedule, times: Sequence[float], variant: Variant = "midpoint"
) -> SolverSchedule:
    """DPM-Solver(2M): second order from the last two noise predictions.

    Source: arXiv:2206.00927 (its authors' multistep code).
    """
    return _second(noise, times, "noise", variant)


def dpmpp_2m(
    noise: NoiseSchedule, times: Sequence[float], variant: Variant = "midpoint"
) -> SolverSchedule:
    """DPM-Solver++(2M): second order from the last two data predictions.

    Source: Lu et al. (2022), arXiv:2211.01095, Algorithm 2.
    """
    return _second(noise, times, "data", variant)


def dpm_solver_3m(noise: NoiseSchedule, times: Sequence[float]) -> SolverSchedule:
    """DPM-Solver(3M) as shipped everywhere: with half of the right second derivative."""
    return _third(noise, times, "noise", 0.5)


def dpmpp_3m(noise: NoiseSchedule, times: Sequence[float]) -> SolverSchedule:
    """DPM-Solver++(3M) as shipped everywhere: with half of the right second derivative.

    That leaves it at second order; :func:`dpmpp_3m_exact` is the third-order one.
    """
    return _third(noise, times, "data", 0.5)


def dpm_solver_3m_exact(noise: NoiseSchedule, times: Sequence[float]) -> SolverSchedule:
    """DPM-Solver(3M) with the right coefficient of the second derivative."""
    return _third(noise, times, "noise", 1.0)


def dpmpp_3m_exact(noise: NoiseSchedule, times: Sequence[float]) -> SolverSchedule:
    """DPM-Solver++(3M) with the right coefficient: third order.

    Source: arXiv:2211.01095, with the Taylor coefficient h^3 phi_3 in full.
    """
    return _third(noise, times, "data", 1.0)


def deis(noise: NoiseSchedule, times: Sequence[float], order: int = 3) -> SolverSchedule:
    """DEIS in log rho (as diffusers has it): full derivatives of the noise prediction.

    Source: Zhang & Chen (2023), arXiv:2204.13902; polynomial in ln(sigma / alpha).
    """
    return _multistep(noise, times, lambda n: SolverStep("noise", n), order)


def unipc(
    noise: NoiseSchedule,
    times: Sequence[float],
    order: int = 2,
    prediction: Kind = "data",
    variant: Literal["bh1", "bh2", "vary_coeff"] = "bh2",
) -> SolverSchedule:
    """UniPC: a predictor of that order and its free corrector on all but the last step.

    B(h) matters on steps of order 2 and on the corrector of order-1 steps only; elsewhere it
    cancels. "vary_coeff" has no B(h).

    Source: Zhao et al. (2023), arXiv:2302.04867, Algorithms 1 and 2.
    """
    scaling = _scaling(variant, {"bh1": "bh1", "bh2": "bh2", "vary_coeff": "none"})

    def step(n: int) -> SolverStep:
        return SolverStep(
            prediction,
            n,
            scaling=scaling if n == 2 else "none",
            corrector="pseudo",
            corrector_scaling=scaling if n == 1 else "none",
        )

    return _multistep(noise, times, step, order)


def dpm_solver_2s(
    noise: NoiseSchedule, times: Sequence[float], variant: Variant = "midpoint"
) -> SolverSchedule:
    """DPM-Solver-2S: blocks of two evaluations, restarted from the block's start.

    Source: arXiv:2206.00927, Algorithm 1.
    """
    return _blocks(noise, times, _block_2s("noise", variant))


def dpmpp_2s(
    noise: NoiseSchedule, times: Sequence[float], variant: Variant = "midpoint"
) -> SolverSchedule:
    """DPM-Solver++(2S): :func:`dpm_solver_2s` in the data prediction.

    Source: arXiv:2211.01095, Algorithm 1.
    """
    return _blocks(noise, times, _block_2s("data", variant))


def dpm_solver_3s(
    noise: NoiseSchedule,
    times: Sequence[float],
    variant: Literal["midpoint", "heun", "original"] = "midpoint",
) -> SolverSchedule:
    """DPM-Solver-3S: blocks of three evaluations, restarted from the block's start.

    "midpoint" takes its derivative from the latest stage alone, with the inner step scaled as
    diffusers does; "original" leaves the inner step unscaled, as the paper; "heun" uses both.

    Source: arXiv:2206.00927, Algorithm 2.
    """
    return _blocks(noise, times, _block_3s("noise", variant))


def dpmpp_3s(
    noise: NoiseSchedule,
    times: Sequence[float],
    variant: Literal["midpoint", "heun", "original"] = "midpoint",
) -> SolverSchedule:
    """:func:`dpm_solver_3s` in the data prediction."""
    return _blocks(noise, times, _block_3s("data", variant))


# ---- how they are put together -----------------------------------------------------------


def _second(
    noise: NoiseSchedule, times: Sequence[float], kind: Kind, variant: Variant
) -> SolverSchedule:
    scaling = _scaling(variant, _SECOND)
    return _multistep(
        noise, times, lambda n: SolverStep(kind, n, scaling=scaling if n == 2 else "none"), 2
    )


def _third(
    noise: NoiseSchedule, times: Sequence[float], kind: Kind, d2_scale: float
) -> SolverSchedule:
    # The order-2 step of the warm-up is the midpoint one.
    steps = {
        1: SolverStep(kind),
        2: SolverStep(kind, 2, scaling="bh2"),
        3: SolverStep(kind, 3, d2_scale=d2_scale),
    }
    return _multistep(noise, times, lambda n: steps[n], 3)


def _multistep(
    noise: NoiseSchedule, times: Sequence[float], step: Callable[[int], SolverStep], order: int
) -> SolverSchedule:
    """Orders rising from 1, by as many outputs as are known at a finite lambda."""
    if whole("order", order, low=1) > HIGHEST:
        raise ValueError(f"order={order}: expected 1 to {HIGHEST}")
    times = checked_times(noise, times)
    pure = bool(times) and math.isinf(noise.node(times[0]).lam)
    orders = [min(max(i - pure, 1), order) for i in range(1, len(times))]
    steps = [step(n) for n in orders]
    if pure and steps:
        steps[0] = SolverStep("data")
    return _finish(noise, times, steps)


def _blocks(
    noise: NoiseSchedule, times: Sequence[float], block: Sequence[SolverStep]
) -> SolverSchedule:
    """Blocks one after the other; the last is cut where the grid ends."""
    times = checked_times(noise, times)
    count = len(times) - 1
    return _finish(noise, times, [block[i % len(block)] for i in range(count)])


def _finish(
    noise: NoiseSchedule, times: Sequence[float], steps: Sequence[SolverStep]
) -> SolverSchedule:
    if not steps:
        raise ValueError(f"times: expected at least 2, got {len(times)}")
    last = replace(steps[-1], corrector="none", corrector_scaling="none")
    clean = times[-1] == noise.clean
    return SolverSchedule(noise, tuple(times), (*steps[:-1], SolverStep() if clean else last))


def _block_2s(kind: Kind, variant: Variant) -> list[SolverStep]:
    scaling = _scaling(variant, _SECOND)
    return [SolverStep(kind), SolverStep(kind, 2, start=2, scaling=scaling)]


def _block_3s(kind: Kind, variant: str) -> list[SolverStep]:
    inner = _scaling(variant, {**_SECOND, "original": "none"})
    last = SolverStep(kind, 3, start=3) if variant == "heun" else SolverStep(kind, 2, start=3)
    return [SolverStep(kind), SolverStep(kind, 2, start=2, scaling=inner), last]


def _scaling(variant: str, known: dict[str, Scaling]) -> Scaling:
    one_of("variant", variant, known)
    return known[variant]
