"""What could have been had: the best fixed arm in hindsight, and regret."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ._learner import Array


@dataclass(frozen=True)
class Hindsight:
    """The best fixed arm of a table of costs.

    Attributes:
        arm: Its number.
        total: Its summed cost.
        mean: Its mean cost.
    """

    arm: int
    total: float
    mean: float


def best_fixed(costs: ArrayLike) -> Hindsight:
    """The arm of least total cost, where the cost of every arm on every problem is known.

    Args:
        costs: (T, d): problem t by arm i, finite.

    Raises:
        ValueError: not such a table.

    Example:
        >>> best_fixed([[5, 3], [2, 3]])
        Hindsight(arm=1, total=6.0, mean=3.0)
    """
    table = _table(costs)
    totals = table.sum(axis=0)
    arm = int(totals.argmin())
    return Hindsight(arm, float(totals[arm]), float(totals[arm] / len(table)))


@dataclass(frozen=True, eq=False)
class Regret:
    """Cost above a comparator, summed up to each problem, shape (T,).

    Attributes:
        fixed: Against the best fixed arm of the whole table, chosen in hindsight.
        optimum: Against the least possible cost of each problem; None where it is not known.
    """

    fixed: Array
    optimum: Array | None


def regret(paid: ArrayLike, costs: ArrayLike, optimum: ArrayLike | None = None) -> Regret:
    """Regret of a run on a table of costs.

    Args:
        paid: (T,): what each problem cost.
        costs: (T, d): what each arm would have cost.
        optimum: (T,): least possible cost of each problem, if known (for SOR, at Young's omega).

    Raises:
        ValueError: shapes that do not fit, or entries that are not finite.

    Example:
        >>> found = regret([5, 3], costs=[[5, 3], [2, 3]], optimum=[3, 2])
        >>> found.fixed.tolist(), found.optimum.tolist()
        ([2.0, 2.0], [2.0, 3.0])
    """
    table = _table(costs)
    spent = _column("paid", paid, len(table))
    against = None if optimum is None else _column("optimum", optimum, len(table))
    fixed = np.cumsum(spent - table[:, best_fixed(table).arm])
    return Regret(fixed, None if against is None else np.cumsum(spent - against))


def _table(costs: ArrayLike) -> Array:
    table = _numbers("costs", costs)
    if table.ndim != 2 or 0 in table.shape or not np.isfinite(table).all():
        raise ValueError(
            f"costs of shape {table.shape}: expected (problems, arms), finite, not empty"
        )
    return table


def _column(name: str, values: ArrayLike, length: int) -> Array:
    found = _numbers(name, values)
    if found.shape != (length,) or not np.isfinite(found).all():
        raise ValueError(f"{name} of shape {found.shape}: expected ({length},), finite")
    return found


def _numbers(name: str, values: ArrayLike) -> Array:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}={reprlib.repr(values)}: expected numbers") from error
