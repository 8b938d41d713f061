"""What every omega costs on every system of a family, computed once and kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...schedules._atomic import atomic_path
from ...schedules._checks import shown
from ...solvers.linear import Solution, Splitting, solve
from ...solvers.linear.gallery import Family
from ..records import read_arrays
from .play import Counts, Played, Vector, play

CHUNK = 250
"""Systems between two saves."""


@dataclass(frozen=True)
class Solver:
    """How systems are solved and when they count as solved; the call solves one.

    Args:
        method: "sor", "ssor", "ssor_cg" or "cg".
        rtol: Relative tolerance.
        maxiter: Iterations after which a solve is given up; they are its cost.
        relative_to: What the tolerance is relative to, the norm of b or of the first residual.
    """

    method: Literal["sor", "ssor", "ssor_cg", "cg"] = "ssor_cg"
    rtol: float = 1e-8
    maxiter: int = 10_000
    relative_to: Literal["b", "r0"] = "b"

    def __call__(self, A: Any, b: Vector, omega: Any = 1.0, x0: Vector | None = None) -> Solution:
        """Solve A x = b."""
        limits = {"rtol": self.rtol, "maxiter": self.maxiter, "relative_to": self.relative_to}
        return solve(A, b, self.method, omega, x0=x0, **limits)  # pyright: ignore[reportArgumentType]

    def cost(self, solution: Solution) -> int:
        """Iterations of a solve; the most allowed where it failed."""
        return solution.iterations if solution.converged else self.maxiter


@dataclass(frozen=True, eq=False)
class CostTable:
    """Iterations of each omega on each system; a solve that failed counts as the most allowed.

    Attributes:
        omegas: The omegas (d,), increasing.
        counts: Iterations (T, d).
        contexts: Of the systems (T,).
    """

    omegas: Vector
    counts: Counts
    contexts: Vector

    @property
    def best_fixed(self) -> tuple[float, int]:
        """The one omega that is best over all systems, in hindsight, and its total."""
        totals = self.counts.sum(0)
        best = int(totals.argmin())
        return float(self.omegas[best]), int(totals[best])

    @property
    def least(self) -> int:
        """The total if every system had its own best omega of the table."""
        return int(self.counts.min(1).sum())

    def play(self, tuner: Any) -> Played:
        """Let a tuner whose arms are the omegas choose for every system in turn."""
        omegas = np.broadcast_to(self.omegas, self.counts.shape)
        return play(tuner, self.contexts, omegas, self.counts)

    def only(self, omegas: Sequence[float]) -> CostTable:
        """The part of some omegas; ValueError where the table lacks one."""
        places = [int(np.abs(self.omegas - omega).argmin()) for omega in omegas]
        if not np.allclose(self.omegas[places], omegas, rtol=0, atol=1e-9):
            raise ValueError(
                f"omegas={shown(list(omegas))}: the table has {shown(self.omegas.tolist())}"
            )
        return CostTable(self.omegas[places], self.counts[:, places], self.contexts)


def tabulate(
    family: Family, solver: Solver, omegas: Sequence[float], path: Path, name: str
) -> Iterator[CostTable]:
    """Fill a table, saving it every few systems; a killed one goes on.

    All omegas start a system from the same x: zero, or where systems follow from each other the
    solution of the one before, by the omega in the middle. To solver tolerance that is what each
    would have found alone.

    Args:
        family: The systems.
        solver: How they are solved.
        omegas: Increasing.
        path: File of the table (``.npz``).
        name: What the systems are; a file of other ones is refused.

    Yields:
        The table so far, at each save; the last one is whole.

    Raises:
        ValueError: the file holds something else, or is damaged.
    """
    key = json.dumps({"name": name, "solver": asdict(solver), "omegas": [float(w) for w in omegas]})
    counts, contexts, x = _load(path, key, len(omegas))
    table = CostTable(np.asarray(omegas, np.float64), counts, contexts)
    while len(table.counts) < len(family):
        rows, x = _chunk(family, solver, omegas, len(table.counts), x)
        counts = np.concatenate([table.counts, np.array([row for row, _ in rows], np.int64)])
        contexts = np.append(table.contexts, [context for _, context in rows])
        table = CostTable(table.omegas, counts, contexts)
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, key=key, counts=counts, contexts=contexts, x=x)
        yield table
    yield table


def _chunk(
    family: Family, solver: Solver, omegas: Sequence[float], start: int, x: Vector
) -> tuple[list[tuple[list[int], float]], Vector]:
    """Counts and contexts of the next systems, and the solution of the last."""
    follows, middle = family.x0 is not None, len(omegas) // 2
    before = x if len(x) else family.x0
    walk = family.systems(start, before if follows else None)
    system, rows = next(walk), []
    for number in range(start, min(start + CHUNK, len(family))):
        if number > start:
            system = walk.send(before)
        A = Splitting.of(system.A)
        found = [solver(A, system.b, omega, before if follows else None) for omega in omegas]
        rows.append(([solver.cost(solution) for solution in found], system.context))
        before = found[middle].x
    return rows, before if before is not None else np.empty(0)


def _load(path: Path, key: str, omegas: int) -> tuple[Counts, Vector, Vector]:
    if not path.exists():
        return np.empty((0, omegas), np.int64), np.empty(0), np.empty(0)
    names = ("key", "counts", "contexts", "x")
    holds, *kept = read_arrays(path, lambda held: tuple(held[name] for name in names))
    if str(holds) != key:
        raise ValueError(f"{path}: it holds {shown(str(holds), 300)}; expected {shown(key, 300)}")
    return tuple(kept)
