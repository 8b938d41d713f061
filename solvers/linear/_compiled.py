"""The engine on numba's loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._engine import Array, Run, Stop, control
from .adaptive import Adaptive
from .kernels import conjugate, relax, triangles
from .kernels.control import OMEGA
from .kernels.layouts import Points, Rows
from .kernels.sweep import product

SWEEPS = {"forward": relax.FORWARD, "backward": relax.BACKWARD, "symmetric": relax.SYMMETRIC}
# Positions visited by one call into compiled code, a second or so: Ctrl-C is heard in between.
PATIENCE = 200_000_000


class Compiled:
    """A matrix in one of the layouts of ``kernels.layouts``; float64 throughout."""

    def __init__(self, layout: Rows | Points) -> None:
        self.layout = layout

    @property
    def diagonal(self) -> Array:
        """The diagonal."""
        diag = self.layout.diag
        if np.ndim(diag) == 0:
            return np.full(self.layout.unknowns, float(diag))
        return self.layout.unpad(diag)

    def shifted(self, c: float) -> Compiled:
        """The engine of A + c I."""
        return Compiled(self.layout.shifted(c))

    def matvec(self, x: Array) -> Array:
        """The product A x."""
        padded = self.layout.pad(x)
        out = np.zeros_like(padded)
        product(self.layout, padded, out)
        return self.layout.unpad(out)

    def lower(self, r: Array, omega: float) -> Array:
        """The solution of (D/omega + L) x = r."""
        scaled = self._scaled(r)
        y = np.zeros_like(scaled)
        triangles.solve_lower(self.layout, scaled, y, omega)
        return self.layout.unpad(y)

    def upper(self, r: Array, omega: float) -> Array:
        """The solution of (D/omega + U) x = r."""
        scaled = self._scaled(r)
        p, z = np.zeros_like(scaled), np.zeros_like(scaled)
        triangles.solve_upper(self.layout, scaled, p, z, omega)
        return self.layout.unpad(z)

    def precondition(self, r: Array, omega: float) -> Array:
        """The solution of M x = r, M = omega/(2 - omega) (D/omega + L) D^-1 (D/omega + U)."""
        scaled = self._scaled(r)
        y, p, z = (np.zeros_like(scaled) for _ in range(3))
        triangles.precondition(self.layout, scaled, y, p, z, omega)
        return self.layout.unpad(z)

    def relax(self, b: Array, x: Array, omega: float | Adaptive, sweep: str, stop: Stop) -> Run:
        """Solve by SOR; "symmetric" sweeps are SSOR."""
        scaled, old = self._scaled(b), self.layout.pad(x)
        new = np.zeros_like(old)
        state, norms = control(omega, stop), np.empty(0)
        chunk = self._chunk()
        end, k = 0, 0
        while not end:
            upto = min(k + chunk, stop.maxiter)
            norms = _room(norms, upto)
            end, k, at = relax.relax(
                self.layout, scaled, old, new, SWEEPS[sweep], state,
                stop.rtol, stop.atol, norms, k, upto, stop.maxiter,
            )  # fmt: skip
            if at is not old:
                old, new = new, old
        return Run(self.layout.unpad(old), k, norms[: k + 1].copy(), end, float(state[OMEGA]))

    def ssor_cg(self, b: Array, x: Array, omega: float, stop: Stop) -> Run:
        """Solve by SSOR-preconditioned conjugate gradients, in Eisenstat's form."""
        scaled, u = self._scaled(b), self.layout.pad(x)
        y, p, t, s = (np.zeros_like(u) for _ in range(4))
        rho, first = conjugate.begin_ssor_cg(self.layout, scaled, u, y, t, omega)
        t[:] = 0

        def iterate(rho: float, beta: float, tolerance: float, norms: Array, *k: int) -> Any:
            return conjugate.ssor_cg(
                self.layout, omega, u, y, p, t, s, rho, beta, tolerance, norms, *k
            )

        return self._conjugate(iterate, u, rho, first, stop, omega)

    def cg(self, b: Array, x: Array, stop: Stop) -> Run:
        """Solve by conjugate gradients."""
        scaled, u = self._scaled(b), self.layout.pad(x)
        r, p, w = (np.zeros_like(u) for _ in range(3))
        rho = conjugate.begin_cg(self.layout, scaled, u, r)

        def iterate(rho: float, beta: float, tolerance: float, norms: Array, *k: int) -> Any:
            return conjugate.cg(self.layout, u, r, p, w, rho, beta, tolerance, norms, *k)

        return self._conjugate(iterate, u, rho, math.sqrt(rho), stop, math.nan)

    def _conjugate(
        self, iterate: Any, u: Array, rho: float, first: float, stop: Stop, omega: float
    ) -> Run:
        norms = np.empty(1)
        norms[0], tolerance = first, stop.tolerance(first)
        end, k, beta, chunk = 0, 0, 0.0, self._chunk()
        while not end:
            upto = min(k + chunk, stop.maxiter)
            norms = _room(norms, upto)
            end, k, rho, beta = iterate(rho, beta, tolerance, norms, k, upto, stop.maxiter)
        return Run(self.layout.unpad(u), k, norms[: k + 1].copy(), end, omega)

    def _scaled(self, b: Array) -> Array:
        scaled = self.layout.pad(b)
        scaled /= self.layout.diag
        return scaled

    def _chunk(self) -> int:
        return max(1, PATIENCE // self.layout.unknowns)


def _room(norms: Array, upto: int) -> Array:
    """The norms with room up to number ``upto``: a limit that is not reached takes no memory."""
    return np.append(norms, np.empty(upto + 1 - len(norms)))
