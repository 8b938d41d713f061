"""The synthetic task of Learning to Relax: SOR on shifted Laplacians of 100 unknowns.

A trial is a sequence of instances A + c_t I with the cost of every arm on every instance in a
table. All tuners are played on the tables: they meet the same instances, and the best fixed omega
is known exactly.

Source: Khodak et al. (2024), arXiv:2310.02246, sections 2 and G.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ...solvers.linear import Adaptive, Splitting, Stencil, optimal_omega, solve
from ...solvers.linear.counts import count_sor
from ...solvers.linear.gallery import HIGH_VARIANCE, LOW_VARIANCE, Parametric, Shift, laplacian
from ...tuners import bandits as b
from .play import Counts, Played, Vector, play
from .tuners import Arms

Policy = Callable[[float], float]
Variance = Literal["low", "high"]
SHIFTS = {"low": LOW_VARIANCE, "high": HIGH_VARIANCE}
SIZE, DIAGONAL = 10, 4.0
RTOL, MAXITER = 1e-8, 10_000
ARMS = tuple(Arms().omegas)
LOW, HIGH = -0.15, 0.65
"""The interval of contexts that the paper's authors give; the contexts themselves end at .45."""
POLICIES = b.young_policies(DIAGONAL, LOW, count=11)


@dataclass(frozen=True, eq=False)
class Trial:
    """A sequence of instances.

    Attributes:
        variance: Of the contexts, "low" or "high".
        seed: Of the instances, and of the tuners that are played on them.
        steps: T.
    """

    variance: Variance
    seed: int
    steps: int = 5000

    @cached_property
    def family(self) -> Parametric:
        """The systems."""
        matrix = Shift(laplacian(SIZE, SIZE))
        return Parametric(matrix, SHIFTS[self.variance], self.steps, self.seed)

    @property
    def contexts(self) -> Vector:
        """The shifts c_t (T,)."""
        return self.family.drawn

    @cached_property
    def rhs(self) -> Vector:
        """Right-hand sides (T, n)."""
        return np.array([system.b for system in self.family])

    @cached_property
    def table(self) -> Counts:
        """Iterations of each of ARMS on each instance (T, d)."""
        return self.counts(np.array(ARMS))

    def counts(self, omegas: Vector) -> Counts:
        """Iterations (T, d) of omegas (d,) or (T, d)."""
        grid = Stencil.laplacian(SIZE, SIZE)
        return count_sor(grid, self.contexts, omegas, self.rhs, rtol=RTOL, maxiter=MAXITER)

    def play(self, tuner: Any) -> Played:
        """Let a tuner choose among ARMS for every instance in turn."""
        omegas = np.broadcast_to(np.array(ARMS), self.table.shape)
        return play(tuner, self.contexts, omegas, self.table)

    def play_policies(self, tuner: b.PolicyClass) -> Played:
        """The same for a tuner whose arms are POLICIES."""
        return play(tuner, self.contexts, *self._policies)

    def fixed(self, omega: float) -> Played:
        """One of ARMS for all instances."""
        costs = self.table[:, int(np.abs(np.array(ARMS) - omega).argmin())]
        return Played(np.full(self.steps, omega), costs)

    def follow(self, policy: Policy) -> Played:
        """One policy for all instances: what learns nothing."""
        omegas = self._apply([policy])
        return Played(omegas[:, 0], self.counts(omegas)[:, 0])

    def adapt(self, adaptive: Adaptive) -> Played:
        """Omega chosen within each solve, from the start again every time; the last one is kept."""
        A = Splitting.of(laplacian(SIZE, SIZE))
        found = [
            solve(A.shifted(c), rhs, "sor", adaptive, rtol=RTOL, maxiter=MAXITER)
            for c, rhs in zip(self.contexts.tolist(), self.rhs, strict=True)
        ]
        costs = np.array([solution.iterations for solution in found])
        return Played(np.array([solution.omega for solution in found]), costs)

    def best_fixed(self) -> Played:
        """The one arm that is best in hindsight."""
        return self.fixed(ARMS[b.best_fixed(self.table).arm])

    def least(self) -> Played:
        """The best arm of each instance, in hindsight."""
        return Played(np.array(ARMS)[self.table.argmin(1)], self.table.min(1))

    @cached_property
    def _policies(self) -> tuple[Vector, Counts]:
        """What each of POLICIES stands for on each instance, and its iterations (T, d)."""
        omegas = self._apply(POLICIES)
        return omegas, self.counts(omegas)

    def _apply(self, policies: Sequence[Policy]) -> Vector:
        return np.array([[policy(c) for policy in policies] for c in self.contexts.tolist()])


def young(context: float) -> float:
    """The asymptotically best omega of an instance (Young): the instance optimum."""
    return optimal_omega(DIAGONAL * float(np.cos(np.pi / (SIZE + 1))) / (DIAGONAL + context))


def lanczos(steps: int) -> Policy:
    """Young's omega from one Lanczos estimate for all of the sequence."""
    policy = b.lanczos_young(Stencil.laplacian(SIZE, SIZE), steps)
    return lambda context: policy.ask(context).value
