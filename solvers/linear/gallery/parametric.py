"""Independent systems: one matrix for each drawn parameter, random right-hand sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ....schedules._checks import number, whole
from .. import _checks
from .family import Family, System, Vector, Walk, check_start, keep
from .parameters import Parameters


@dataclass(frozen=True, eq=False)
class Parametric(Family):
    """A_t = matrix(p_t) with p_t drawn, b_t standard normal given ||b_t|| <= sqrt(n).

    Args:
        matrix: Makes the matrix of a parameter.
        parameters: Distribution of the parameters, and the contexts they give.
        length: Number of systems.
        seed: The same seed gives the same systems; a longer family begins with the shorter one.

    Example:
        >>> from ritard.solvers.linear.gallery import LOW_VARIANCE, Shift, laplacian
        >>> family = Parametric(Shift(laplacian(10, 10)), LOW_VARIANCE, length=5, seed=0)
        >>> [round(system.context, 3) for system in family[1:3]]
        [-0.089, -0.045]
    """

    matrix: Callable[[float], Any]
    parameters: Parameters
    length: int = 5000
    seed: int = 0

    def __post_init__(self) -> None:
        if not callable(self.matrix):
            raise TypeError(f"matrix={self.matrix!r}: expected a function of the parameter")
        keep(self, length=whole("length", self.length, low=1), seed=whole("seed", self.seed))

    @property
    def context_range(self) -> tuple[float, float]:
        """Least and largest context that may be drawn."""
        return self.parameters.context_range

    def __len__(self) -> int:
        return self.length

    @cached_property
    def drawn(self) -> Vector:
        """The parameters p_t (length,)."""
        return self.parameters.draw(np.random.default_rng((self.seed, 0)), self.length)

    def system(self, number: int) -> System:
        """System ``number``, 0 <= number < length."""
        parameter = float(self.drawn[number])
        matrix = self.matrix(parameter)
        rng = np.random.default_rng((self.seed, 1, number))
        b = truncated_normal(rng, matrix.shape[0])
        return System(matrix, b, self.parameters.context(parameter))

    def systems(self, start: int = 0, x: Vector | None = None) -> Walk:
        """As of any family; solutions that are sent change nothing."""
        del x
        for t in range(check_start(start, self), self.length):
            yield self.system(t)


class Shift:
    """c -> A + c diag(direction).

    Args:
        A: Real sparse matrix (n, n) that stores its diagonal, or a dense one.
        direction: Vector (n,), by default of ones. With the diagonal of A the shift acts alike on
            rows of any scale.

    Raises:
        TypeError: A or the direction holds no real numbers.
        ValueError: A is not square, the direction has another length, one of them is not finite,
            or a diagonal entry is not stored.
    """

    def __init__(self, A: Any, direction: Vector | None = None) -> None:
        sparse = _checks.matrix(A)
        if sparse.dtype.kind == "c":
            raise TypeError(f"A: expected a real matrix, got dtype {sparse.dtype}")
        n, sparse = sparse.shape[0], csr_array(sparse, dtype=np.float64, copy=True)
        given = np.ones(n) if direction is None else _checks.real("direction", direction)
        if given.shape != (n,):
            raise ValueError(f"direction: expected shape ({n},), got {given.shape}")
        rows = np.repeat(np.arange(n), np.diff(sparse.indptr))
        self._places = np.flatnonzero(rows == sparse.indices)
        if missing := set(range(n)) - set(sparse.indices[self._places].tolist()):
            raise ValueError(f"A: no diagonal entry is stored in row {min(missing)}")
        self._sparse, self._direction = sparse, given

    def __call__(self, shift: float) -> csr_array:
        """The shifted matrix; its pattern is shared, its values are new.

        Raises:
            TypeError, ValueError: the shift is no finite number.
        """
        data = self._sparse.data.copy()
        data[self._places] += number("shift", shift) * self._direction
        parts = (data, self._sparse.indices, self._sparse.indptr)
        return csr_array(parts, shape=self._sparse.shape)


def truncated_normal(rng: np.random.Generator, n: int) -> Vector:
    """A standard normal vector (n,) given that its norm is at most sqrt(n), by rejection."""
    while True:
        b = rng.standard_normal(n)
        if b @ b <= n:
            return b
