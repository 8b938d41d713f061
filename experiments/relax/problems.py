"""The problems that ``ritard relax`` and the studies know by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...solvers.linear.gallery import (
    HIGH_VARIANCE,
    LOW_VARIANCE,
    Beta,
    Family,
    Heat,
    LogUniform,
    Parametric,
    Shift,
    VariableHeat,
    anisotropic,
    convection_diffusion,
    laplacian,
    nine_point,
)
from ..data import spd_matrix, spd_names

SPD = "spd:"


@dataclass(frozen=True)
class Problem:
    """A family of systems by name.

    Attributes:
        name: As on the command line.
        nx: Its usual size.
        build: Makes the family of (nx, steps, seed).
        symmetric: Whether its matrices are symmetric and positive definite.
    """

    name: str
    nx: int
    build: Callable[[int, int, int], Family]
    symmetric: bool = True


def get_problem(name: str) -> Problem:
    """A problem by name: one of :func:`problem_names`.

    Raises:
        ValueError: there is none of this name.
    """
    if name.startswith(SPD) and name.removeprefix(SPD) in spd_names():
        return Problem(name, 0, partial(_spd, name.removeprefix(SPD)))
    if name not in _PROBLEMS:
        raise ValueError(f"problem={name!r}: expected one of {', '.join(problem_names())}")
    return _PROBLEMS[name]


def problem_names() -> list[str]:
    """All names."""
    return [*_PROBLEMS, *(SPD + name for name in spd_names())]


def _heat(nx: int, steps: int, seed: int) -> Family:
    del seed  # nothing is random
    return Heat(nx, steps)


def _variable_heat(nx: int, steps: int, seed: int) -> Family:
    del seed
    return VariableHeat(nx, steps)


def _shifted(shifts: Beta, nx: int, steps: int, seed: int) -> Family:
    """The paper's at nx = 10; on other grids in the same ratio to the least eigenvalue."""
    scaled = _scaled(shifts, _wave(nx) / _wave(10))
    return Parametric(Shift(laplacian(nx, nx)), scaled, steps, seed)


def _nine_point(nx: int, steps: int, seed: int) -> Family:
    """Shifts in the paper's ratio to the least eigenvalue."""
    least = 12 * _wave(nx) - _wave(nx) ** 2
    scaled = _scaled(HIGH_VARIANCE, least / (2 * _wave(10)))
    return Parametric(Shift(nine_point(nx, nx)), scaled, steps, seed)


def _anisotropic(nx: int, steps: int, seed: int) -> Family:
    """Diffusion at 30 degrees to the grid, 1 to 1000 times as fast as across."""
    matrix = partial(anisotropic, nx, nx, angle=math.pi / 6)
    return Parametric(matrix, LogUniform(1e-3, 1), steps, seed)


def _convection(nx: int, steps: int, seed: int) -> Family:
    return Parametric(partial(convection_diffusion, nx, nx), LogUniform(1, 1000), steps, seed)


def _spd(name: str, nx: int, steps: int, seed: int) -> Family:
    """A + c diag(A) with c log-uniform in [1e-4, 1]."""
    del nx
    matrix: Any = spd_matrix(name)
    return Parametric(Shift(matrix, matrix.diagonal()), LogUniform(1e-4, 1), steps, seed)


def _wave(nx: int) -> float:
    """The least eigenvalue of tridiag(-1, 2, -1)."""
    return 4 * math.sin(math.pi / (2 * (nx + 1))) ** 2


def _scaled(beta: Beta, factor: float) -> Beta:
    return Beta(beta.a, beta.b, beta.low * factor, beta.high * factor)


_PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem("heat", 25, _heat),
        Problem("variable-heat", 25, _variable_heat),
        Problem("shifted-low", 10, partial(_shifted, LOW_VARIANCE)),
        Problem("shifted-high", 10, partial(_shifted, HIGH_VARIANCE)),
        Problem("nine-point", 20, _nine_point),
        Problem("anisotropic", 20, _anisotropic),
        Problem("convection", 20, _convection, symmetric=False),
    )
}
