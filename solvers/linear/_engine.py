"""What a way of computing must offer, and which one there is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from .. import _compiler
from .adaptive import Adaptive
from .kernels.control import SCALE
from .kernels.ends import tolerance
from .kernels.layouts import Array


@dataclass(frozen=True)
class Stop:
    """When a solve ends: ||r|| <= max(rtol scale, atol), or after ``maxiter`` iterations.

    ``scale`` below zero stands for ||r_0||; an ``atol`` below zero with rtol = 0 is never met.
    """

    rtol: float
    atol: float
    scale: float
    maxiter: int

    def tolerance(self, first: float) -> float:
        """The norm to reach, given ||r_0||."""
        return tolerance(self.rtol, self.atol, first if self.scale < 0 else self.scale)


class Run(NamedTuple):
    """How a solve went: the iterate, its number, all norms up to it, one of ``kernels.ends``."""

    x: Array
    iterations: int
    norms: Array
    end: int
    omega: float


class Engine(Protocol):
    """A matrix made ready for one way of computing. Vectors are 1-D and of the matrix' order."""

    @property
    def diagonal(self) -> Array:
        """The diagonal."""
        ...

    def shifted(self, c: float) -> Engine:
        """The engine of A + c I."""
        ...

    def matvec(self, x: Array) -> Array:
        """The product A x."""
        ...

    def lower(self, r: Array, omega: float) -> Array:
        """The solution of (D/omega + L) x = r."""
        ...

    def upper(self, r: Array, omega: float) -> Array:
        """The solution of (D/omega + U) x = r."""
        ...

    def precondition(self, r: Array, omega: float) -> Array:
        """The solution of M x = r for the SSOR preconditioner M."""
        ...

    def relax(self, b: Array, x: Array, omega: float | Adaptive, sweep: str, stop: Stop) -> Run:
        """Solve by SOR; "symmetric" sweeps are SSOR."""
        ...

    def ssor_cg(self, b: Array, x: Array, omega: float, stop: Stop) -> Run:
        """Solve by SSOR-preconditioned conjugate gradients."""
        ...

    def cg(self, b: Array, x: Array, stop: Stop) -> Run:
        """Solve by conjugate gradients."""
        ...


def control(omega: float | Adaptive, stop: Stop) -> Array:
    """The vector that ``kernels.control`` describes."""
    vector = np.zeros(8)
    if isinstance(omega, Adaptive):
        vector[:] = omega.start, 0, 0, 0, 0, omega.wait, omega.exponent, omega.settled
    else:
        vector[0] = omega
    vector[SCALE] = stop.scale
    return vector


have_numba = partial(
    _compiler.have_numba, "the linear solvers run on SuperLU's triangles, several times slower"
)
"""Whether the compiled loops can run."""
