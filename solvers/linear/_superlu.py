"""The engine without numba: SuperLU's triangles and SciPy's product."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from . import _plain
from ._engine import Array, Run, Stop
from .adaptive import Adaptive


class SuperLU:
    """A matrix whose triangles are factored once for each omega.

    In natural order and without pivoting the factorisation of a triangle is the triangle itself,
    and its solve is many times faster than SciPy's ``spsolve_triangular``. Real and complex.

    Args:
        matrix: Square, canonical CSR, with a diagonal that holds no zero.
    """

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix.astype(np.result_type(matrix.dtype, np.float64), copy=False)
        self.diagonal: Array = self.matrix.diagonal()
        self._factors: dict[tuple[bool, float], Any] = {}

    def __reduce__(self) -> tuple[type[SuperLU], tuple[Any]]:
        """Copied and pickled by its matrix: SciPy's factors cannot be."""
        return SuperLU, (self.matrix,)

    def shifted(self, c: float) -> SuperLU:
        """The engine of A + c I."""
        return SuperLU(sp.csr_array(self.matrix + c * sp.eye_array(len(self.diagonal))))

    def matvec(self, x: Array) -> Array:
        """The product A x."""
        return self.matrix @ x

    def lower(self, r: Array, omega: float) -> Array:
        """The solution of (D/omega + L) x = r."""
        return self._solve(False, r, omega)

    def upper(self, r: Array, omega: float) -> Array:
        """The solution of (D/omega + U) x = r."""
        return self._solve(True, r, omega)

    def precondition(self, r: Array, omega: float) -> Array:
        """The solution of M x = r, M = omega/(2 - omega) (D/omega + L) D^-1 (D/omega + U)."""
        return (2 / omega - 1) * self.upper(self.diagonal * self.lower(r, omega), omega)

    def relax(self, b: Array, x: Array, omega: float | Adaptive, sweep: str, stop: Stop) -> Run:
        """Solve by SOR; "symmetric" sweeps are SSOR."""
        return _plain.relax(self, b, x, omega, sweep, stop)

    def ssor_cg(self, b: Array, x: Array, omega: float, stop: Stop) -> Run:
        """Solve by SSOR-preconditioned conjugate gradients."""
        return _plain.conjugate(self.matvec, lambda r: self.precondition(r, omega), b, x, stop)

    def cg(self, b: Array, x: Array, stop: Stop) -> Run:
        """Solve by conjugate gradients."""
        return _plain.conjugate(self.matvec, np.copy, b, x, stop)

    def _solve(self, is_upper: bool, r: Array, omega: float) -> Array:
        dtype = np.result_type(self.matrix.dtype, r.dtype)
        if dtype == self.matrix.dtype:
            return self._factor(is_upper, omega).solve(r.astype(dtype, copy=False))
        factor = self._factor(is_upper, omega)  # SuperLU has one dtype: real A, complex r
        return factor.solve(np.real(r).copy()) + 1j * factor.solve(np.imag(r).copy())

    def _factor(self, is_upper: bool, omega: float) -> Any:
        key = (is_upper, omega)
        found = self._factors.get(key)  # another thread may clear them at any moment
        if found is None:
            if len(self._factors) >= 4:  # an adaptive omega changes all the time
                self._factors.clear()
            part = sp.triu(self.matrix, 1) if is_upper else sp.tril(self.matrix, -1)
            W = sp.csc_array(part + sp.diags_array(self.diagonal / omega))
            found = self._factors[key] = splu(
                W, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": False}
            )
        return found
