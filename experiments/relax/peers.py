"""Processor time of one heat step by relaxation and by what stands beside it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from scipy.sparse.linalg import cg as scipy_cg
from scipy.sparse.linalg import splu

from ...solvers.linear import Stencil
from ...solvers.linear.gallery import Heat, HeatEquation, System
from .play import Vector
from .sample import exact_steps
from .tabulate import Solver

REPEATS = 3


class Step(NamedTuple):
    """A time step to solve: its number, its system, the same as CSR, and the u before it."""

    number: int
    system: System
    csr: Any
    before: Vector


Solve = Callable[[Step], Any]


@dataclass(frozen=True)
class Timing:
    """A solver on some of the steps of a heat equation.

    Attributes:
        name: Of the solver.
        seconds: Processor time of all steps, from the mean of those timed.
    """

    name: str
    seconds: float


def time_peers(
    family: HeatEquation, places: Sequence[int], chosen: dict[str, Vector], rtol: float
) -> list[Timing]:
    """Time one solve of some steps by each solver, the best of three each.

    Whatever a solver must do anew for each matrix is counted: splitting, factorisation, the
    hierarchy of the multigrid; making the sparse matrix is not. One thread, if the process is
    limited to one.

    Args:
        family: The heat equation.
        places: Which steps, increasing.
        chosen: Omegas of each step (T,) by the name of who chose them.
        rtol: Tolerance relative to ||b|| of the iterative ones; the previous u is their start.
    """
    solves = _peers(family, rtol) | {
        name: _relaxed(omegas, rtol) for name, omegas in chosen.items()
    }
    spent = {name: 0.0 for name in solves}
    for place, system, before in exact_steps(family, places):
        step = Step(place, system, system.A.tocsr(), before)
        for name, solve in solves.items():
            spent[name] += _best(solve, step)
    factor = len(family) / len(places)
    return [Timing(name, seconds * factor) for name, seconds in spent.items()]


def _best(solve: Solve, step: Step) -> float:
    found: list[float] = []
    for _ in range(REPEATS):
        start = time.thread_time()
        solve(step)
        found.append(time.thread_time() - start)
    return min(found)


def _relaxed(omegas: Vector, rtol: float) -> Solve:
    solver = Solver("ssor_cg", rtol)
    return lambda s: solver(_fresh(s), s.system.b, float(omegas[s.number]), s.before)


def _fresh(step: Step) -> Stencil:
    """The matrix without what an earlier solve has prepared of it."""
    return replace(step.system.A)


def _peers(family: HeatEquation, rtol: float) -> dict[str, Solve]:
    plain = Solver("cg", rtol)
    peers: dict[str, Solve] = {
        "CG": lambda s: plain(_fresh(s), s.system.b, 1.0, s.before),
        "scipy.sparse.linalg.cg": lambda s: scipys(s, rtol),
        "sparse LU (splu)": direct,
        "algebraic multigrid (pyamg)": lambda s: multigrid(s, rtol),
    }
    if isinstance(family, Heat):
        peers["fast sine transform"] = lambda s: family.solve(s.number, s.system.b)
    return peers


def scipys(step: Step, rtol: float) -> Vector:
    """SciPy's conjugate gradients."""
    found: Any = scipy_cg(step.csr, step.system.b, step.before, rtol=rtol)
    return found[0]


def direct(step: Step) -> Vector:
    """A sparse factorisation by SuperLU, used once."""
    return splu(step.csr.tocsc()).solve(step.system.b)


def multigrid(step: Step, rtol: float) -> Vector:
    """Ruge and Stuben's hierarchy, as the preconditioner of CG."""
    import pyamg

    levels: Any = pyamg.ruge_stuben_solver(step.csr)
    return levels.solve(step.system.b, x0=step.before, tol=rtol, accel="cg")
