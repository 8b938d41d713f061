"""A matrix made ready for relaxation, once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...schedules._checks import number
from . import _checks
from ._engine import Array, Engine, have_numba
from ._superlu import SuperLU
from .stencil import Stencil


@dataclass(frozen=True, eq=False)
class Splitting:
    """A = D + L + U in the form the sweeps want; serves every omega and every right-hand side.

    Make one with ``Splitting.of(A)`` and pass it wherever A is expected: the conversion, which
    costs as much as several sweeps, is then done once for all solves with this matrix. It is a
    copy; later changes of A are not seen.

    Attributes:
        shape: (n, n).
        dtype: Of A. Results have the dtype of A and b together; the arithmetic is float64.

    Example:
        >>> import numpy as np
        >>> splitting = Splitting.of(np.array([[4.0, 1.0], [1.0, 3.0]]))
        >>> splitting.shifted(1.0).diagonal
        array([5., 4.])
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    engine: Engine

    @staticmethod
    def of(A: Any) -> Splitting:
        """Read a sparse or dense matrix or a ``Stencil``; a Splitting is given back as it is.

        Raises:
            TypeError: A holds no numbers, or is a LinearOperator.
            ValueError: It is not square, not finite, or has a zero or tiny diagonal entry.
        """
        if isinstance(A, Splitting):
            return A
        if isinstance(A, Stencil):
            return A.splitting
        csr = _checks.matrix(A)
        return _of_csr(csr, _checks.diagonal(csr))

    @property
    def diagonal(self) -> Array:
        """The diagonal of A."""
        return self.engine.diagonal

    def __matmul__(self, x: Any) -> Array:
        """The product with a vector (n,), or with columns (n, k), in float64 or complex128.

        Raises:
            TypeError: x holds no numbers, or complex ones where A is real.
            ValueError: It has another shape.
        """
        x = _checks.columns("x", x, self.shape[0], np.result_type(self.dtype, np.float64))
        if x.ndim == 1:
            return self.engine.matvec(x)
        products = [self.engine.matvec(column) for column in x.T]
        return np.array(products).reshape(x.T.shape).T

    def shifted(self, c: float) -> Splitting:
        """The Splitting of A + c I, at the price of a pass over the entries.

        Raises:
            ValueError: A diagonal entry becomes zero or tiny.
        """
        c = number("c", c)
        _checks.apart(self.diagonal + c, np.abs(self.diagonal) + abs(c))
        return Splitting(self.shape, self.dtype, self.engine.shifted(c))

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether A equals its conjugate transpose, as far as two random vectors show.

        u.Av and Au.v are compared for fixed random u and v, which costs two products and misses
        an unsymmetric matrix only by an accident of rounding.
        """
        rng = np.random.default_rng(20231)
        u, v = rng.random((2, self.shape[0])) - 0.5
        Au, Av = self.engine.matvec(u), self.engine.matvec(v)
        size = np.linalg.norm(u) * np.linalg.norm(Av) + np.linalg.norm(v) * np.linalg.norm(Au)
        noise = 1e-6 if self.dtype.char in "fF" else 1e-9  # of entries that were rounded
        return bool(abs(np.vdot(Au, v) - np.vdot(u, Av)) <= noise * size / np.sqrt(len(u)))


def _of_csr(csr: Any, diagonal: Array) -> Splitting:
    if csr.dtype.kind == "c" or not have_numba():
        return Splitting(csr.shape, csr.dtype, SuperLU(csr))
    from ._compiled import Compiled
    from .kernels.split import rows_of

    layout = rows_of(csr.indptr, csr.indices, csr.data, diagonal)
    return Splitting(csr.shape, csr.dtype, Compiled(layout))
