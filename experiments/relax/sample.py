"""Some steps of a heat equation, each with the u that it starts from, by exact solutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...schedules._checks import shown, whole
from ...solvers.linear import Splitting
from ...solvers.linear.gallery import HeatEquation, System
from .play import Vector
from .tabulate import CostTable, Solver


def exact_steps(
    family: HeatEquation, places: Sequence[int]
) -> Iterator[tuple[int, System, Vector]]:
    """The number, the system and the u before it, of steps in increasing order."""
    walk, at = family.systems(), 0
    before, system = family.before(0), next(walk)
    for place in places:
        while at < place:
            before = family.solve(at, system.b)
            system, at = walk.send(before), at + 1
        yield place, system, before


def sample_costs(
    family: HeatEquation, solver: Solver, omegas: Sequence[float], every: int, period: int
) -> CostTable:
    """Costs of every so-manyth step of the first period, held in between and repeated.

    Args:
        family: The heat equation; the table has a row for each of its steps.
        solver: How systems are solved, starting from the u before.
        omegas: Increasing.
        every: Steps from one that is solved to the next, from 1 to ``period``. Where it does not
            divide that, the last one of a period is held for the fewer steps that are left.
        period: Steps after which costs repeat, from 1 to all of the family's.

    Raises:
        ValueError: ``every`` or ``period`` is out of range.
    """
    for name, value, most in (("period", period, len(family)), ("every", every, period)):
        if whole(name, value, low=1) > most:
            raise ValueError(f"{name}={shown(value)}: expected an int from 1 to {most}")
    rows: list[list[int]] = []
    for _, system, before in exact_steps(family, range(0, period, every)):
        A = Splitting.of(system.A)
        rows.append([solver.cost(solver(A, system.b, omega, before)) for omega in omegas])
    steps = np.arange(len(family))
    contexts = np.array([family.context(step) for step in steps.tolist()])
    counts = np.array(rows)[steps % period // every]
    return CostTable(np.asarray(omegas, np.float64), counts, contexts)
