"""The heat equation of Learning to Relax, and one whose coefficient varies in space.

u_t = div(k grad u) + f on the unit square, u = 0 on the boundary; central differences on nx x nx
cells, Crank-Nicolson in time. With L(t) the discrete div(k grad), a time step asks for

    (I - dt/2 L(h)) u = (I + dt/2 L(h)) u_before + dt f(h),    h = t + dt/2,

so that each system follows from the solution of the last.

Source: Khodak, Chow, Balcan and Talwalkar (2024), Learning to Relax, arXiv:2310.02246, section
G.2. Where the text and the authors' program differ (the least k, the path of the source, a factor
e in the bump), this is the program's problem: its iteration counts are met exactly.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.fft import dstn, idstn
from scipy.sparse.linalg import splu

from ....schedules._checks import number, whole
from .. import _checks
from ..stencil import Stencil
from .family import Family, System, Vector, Walk, check_start, keep


@dataclass(frozen=True)
class HeatEquation(Family):
    """What heat equations share: the grid, the time steps, the source.

    Args:
        nx: Cells in each direction, >= 2; there are (nx - 1)^2 unknowns.
        steps: Number of time steps, from t = 0.
        dt: Length of a time step.
    """

    nx: int = 25
    steps: int = 5000
    dt: float = 1e-3

    def __post_init__(self) -> None:
        keep(self, nx=whole("nx", self.nx, low=2), steps=whole("steps", self.steps, low=1))
        keep(self, dt=number("dt", self.dt, low=0, open_low=True))

    def __len__(self) -> int:
        return self.steps

    @abstractmethod
    def conductivity(self, x: Vector, y: Vector, t: float) -> Vector:
        """The coefficient k at points and a time."""

    @abstractmethod
    def solve(self, step: int, b: Vector) -> Vector:
        """The exact solution of a time step."""

    @property
    def context_range(self) -> tuple[float, float]:
        """The range of :func:`diffusivity`."""
        return 0.0, 10.0

    def context(self, step: int) -> float:
        """The diffusivity when a time step starts."""
        return diffusivity(step * self.dt)

    @cached_property
    def points(self) -> tuple[Vector, Vector]:
        """X and y of the unknowns (n,); x runs fastest."""
        y, x = np.meshgrid(*2 * [np.arange(1, self.nx) / self.nx], indexing="ij")
        return x.ravel(), y.ravel()

    def source(self, t: float) -> Vector:
        """F (n,): a bump of height 32 that goes round the middle eight times in a unit of time."""
        angle = 16 * math.pi * t
        centre = (0.5 + math.cos(angle) / 4, 0.5 + math.sin(angle) / 4)
        return 32 * bump(*self.points, centre, 0.125)

    def matrix(self, step: int) -> Stencil:
        """I - dt/2 L of a time step, on the grid of (y, x)."""
        t, nx = (step + 0.5) * self.dt, self.nx
        nodes, faces = np.arange(1, nx) / nx, (np.arange(nx) + 0.5) / nx
        scale = self.dt / 2 * nx**2
        x = scale * self.conductivity(faces, nodes[:, None], t)
        y = scale * self.conductivity(nodes, faces[:, None], t)
        west, east, south, north = x[:, :-1], x[:, 1:], y[:-1], y[1:]
        centre = 1 + west + east + south + north
        return Stencil((nx - 1, nx - 1), centre, -west, -east, -south, -north)

    def system(self, step: int, u: Vector) -> System:
        """The system of a time step that starts from u (n,)."""
        A = self.matrix(step)
        b = 2 * u - A.splitting @ u + self.dt * self.source((step + 0.5) * self.dt)
        return System(A, b, self.context(step))

    def before(self, number: int) -> Vector:
        """U (n,) when a time step starts, by exact solutions; u_0 is a bump in the middle."""
        u = bump(*self.points, (0.5, 0.5), 0.25)
        for step in range(number):
            u = self.solve(step, self.system(step, u).b)
        return u

    def systems(self, start: int = 0, x: Vector | None = None) -> Walk:
        """As of any family: what is sent is the u that the next time step starts from."""
        check_start(start, self)
        u = self.before(start) if x is None else self._checked(x)
        for step in range(start, self.steps):
            system = self.system(step, u)
            sent = yield system
            if step + 1 < self.steps:
                u = self.solve(step, system.b) if sent is None else self._checked(sent)

    def _checked(self, x: Vector) -> Vector:
        n, found = (self.nx - 1) ** 2, _checks.real("x", x)
        if found.shape != (n,):
            raise ValueError(f"x: expected a solution of shape ({n},), got {found.shape}")
        return found


@dataclass(frozen=True)
class Heat(HeatEquation):
    """The paper's problem: one k(t) for all of the square.

    Example:
        >>> family = Heat(nx=25)
        >>> walk = family.systems()
        >>> system = next(walk)  # to be solved from family.x0
        >>> system.A.shape, system.b.shape, system.context
        ((24, 24), (576,), 0.0)
    """

    def conductivity(self, x: Vector, y: Vector, t: float) -> Vector:
        """k(t)."""
        return np.full(np.broadcast_shapes(np.shape(x), np.shape(y)), diffusivity(t))

    def matrix(self, step: int) -> Stencil:
        """I - dt/2 L of a time step, on the grid of (y, x)."""
        side, m = -self._scale(step), self.nx - 1
        return Stencil((m, m), 1 - 4 * side, side, side, side, side)

    def solve(self, step: int, b: Vector) -> Vector:
        """By a fast sine transform."""
        m = self.nx - 1
        squared = np.sin(np.arange(1, self.nx) * math.pi / (2 * self.nx)) ** 2
        eigenvalues = 1 + 4 * self._scale(step) * (squared + squared[:, None])
        transformed: Any = dstn(b.reshape(m, m), type=1)
        u: Any = idstn(transformed / eigenvalues, type=1)
        return u.ravel()

    def _scale(self, step: int) -> float:
        return self.dt / 2 * diffusivity((step + 0.5) * self.dt) * self.nx**2


@dataclass(frozen=True)
class VariableHeat(HeatEquation):
    """k(t, x) = k(t) contrast^bump: a disc of other material goes round the middle.

    It takes a unit of time to come back. No fast transform applies, and each matrix has a Jacobi
    radius of its own. The context is the paper's, k(t) when the time step starts.

    Args:
        nx: Cells in each direction, >= 2; there are (nx - 1)^2 unknowns.
        steps: Number of time steps, from t = 0.
        dt: Length of a time step.
        contrast: k in the middle of the disc over k outside, > 0.
        radius: Of the disc, beyond which k(t, x) = k(t).
    """

    contrast: float = 100.0
    radius: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        keep(self, contrast=number("contrast", self.contrast, low=0, open_low=True))
        keep(self, radius=number("radius", self.radius, low=0, open_low=True))

    def conductivity(self, x: Vector, y: Vector, t: float) -> Vector:
        """k(t, x)."""
        angle = 2 * math.pi * t
        centre = (0.5 + math.cos(angle) / 4, 0.5 + math.sin(angle) / 4)
        return diffusivity(t) * self.contrast ** bump(x, y, centre, self.radius)

    def solve(self, step: int, b: Vector) -> Vector:
        """By a sparse factorisation."""
        return splu(self.matrix(step).tocsr().tocsc()).solve(b)


def diffusivity(t: float) -> float:
    """k(t) = max(.1 sin 2 pi t, -10 sin 2 pi t), in [0, 10]: fast and slow by turns."""
    wave = math.sin(2 * math.pi * t)
    return max(0.1 * wave, -10 * wave)


def bump(x: Vector, y: Vector, centre: tuple[float, float], radius: float) -> Vector:
    """exp(1 - 1 / (1 - r^2)) with r = distance / radius; 1 in the centre, 0 from the radius on."""
    squared = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / radius**2
    inside = squared < 1
    return np.where(inside, np.exp(1 - 1 / np.where(inside, 1 - squared, 1)), 0.0)
