"""Extending a run: the best continuation to a longer horizon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import whole
from ..operators.cooldown import as_schedule
from ..schedule import Array, Schedule, operand
from ..shapes.constant import Constant
from ..shapes.tabulated import Tabulated
from .bound import Norms, bound_of_rates, norms_of

COOLDOWNS = tuple(part / 20 for part in range(1, 21))
"""Parts of the continuation that a cooldown may take, from a twentieth to all of it."""


@dataclass(frozen=True)
class Extension:
    """How to go on.

    Attributes:
        schedule: The whole schedule, what has been done and its continuation, relative to the
            old base rate; its values at the updates of the longer run are exact.
        rate: Rate at which the continuation starts, relative to the old base rate.
        cooldown: Part of the continuation that its cooldown takes.
        bound: Bound of the whole run at the old base rate, in the units of that rate.
        fresh: Bound of the same family from the start, at its own best rate: what having known
            the longer horizon at once would have given.
    """

    schedule: Tabulated
    rate: float
    cooldown: float
    bound: float
    fresh: float


def extend(
    done: Schedule,
    done_steps: int,
    total_steps: int,
    done_total: int | None = None,
    shape: Schedule | str = "1-sqrt",
    grad_norms: Norms = 1.0,
) -> Extension:
    """The best continuation of a run to ``total_steps`` by the last-iterate bound.

    The family is a constant rate followed by a cooldown; its rate and the cooldown's length are
    chosen together. The assumption: the base rate was the best one for the run as it was
    planned, which is what ties the scale of the problem to the rate.

    Args:
        done: The schedule that the run used.
        done_steps: Updates done, >= 1.
        total_steps: Updates of the longer run, > ``done_steps``.
        done_total: Horizon that ``done`` ran under; ``done_steps`` if not given.
        shape: The cooldown's: ``"1-sqrt"``, ``"linear"``, ``"cosine"``, or a schedule.
        grad_norms: Norms over the longer run.

    Raises:
        TypeError: no schedule.
        ValueError: horizons that do not fit one another.

    Source: the use is that of Schaipp et al. (2025), arXiv:2501.18965, sec. 5; the search over
    rate and cooldown is ours.
    """
    operand("done", done)
    n, T = whole("done_steps", done_steps, low=1), whole("total_steps", total_steps, low=1)
    planned = n if done_total is None else whole("done_total", done_total, low=1)
    if not n < T:
        raise ValueError(f"total_steps={T}: expected more than done_steps={n}")
    if planned < n:
        raise ValueError(f"done_total={planned}: expected at least done_steps={n}")
    G = norms_of(grad_norms, T)
    decay = as_schedule(shape)
    plan = done.values(planned)
    base_lr = bound_of_rates(plan, _first(G, planned)).best_base_lr

    def whole_run(rate: float, cooldown: float) -> Array:
        return np.append(plan[:n], rate * _family(cooldown, decay).values(T - n))

    def omega(rate: float, cooldown: float) -> float:
        return bound_of_rates(whole_run(rate, cooldown), G).at(base_lr)

    tried = [(*_best_rate(lambda rate, c=c: omega(rate, c)), c) for c in COOLDOWNS]
    value, rate, cooldown = min(tried)
    fresh = min(bound_of_rates(_family(c, decay).values(T), G).value for c in COOLDOWNS)
    # A knot at every update and one more for the end: read at t/T the values are exact.
    table = Tabulated(np.append(whole_run(rate, cooldown), 0.0))
    return Extension(table, rate, cooldown, value, fresh)


def _first(G: Array, steps: int) -> Array:
    """The norms of that many updates; beyond the known ones the last holds."""
    return np.pad(G, (0, max(0, steps - len(G))), "edge")[:steps]


def _family(cooldown: float, decay: Schedule) -> Schedule:
    return decay if cooldown == 1 else Constant().cooldown(cooldown, decay)


def _best_rate(omega: Callable[[float], float]) -> tuple[float, float]:
    """The least bound over rates of the continuation, and its rate."""
    from scipy.optimize import minimize_scalar

    def at(log_rate: float) -> float:
        return omega(float(np.exp(log_rate)))

    found: Any = minimize_scalar(at, bounds=(-7.0, 3.0), method="bounded")
    return float(found.fun), float(np.exp(found.x))
