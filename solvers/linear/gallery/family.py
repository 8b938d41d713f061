"""What a family of systems is: lazy, seeded, iterable again and again, sliceable."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from ....schedules._checks import whole

Vector: TypeAlias = NDArray[np.float64]


class System(NamedTuple):
    """One linear system A x = b and what is known of it beforehand.

    Attributes:
        A: Sparse matrix (n, n), float64, or a ``Stencil``; both have ``tocsr()``.
        b: Right-hand side (n,).
        context: A number that tells the systems of a family apart, for tuners that use one.
    """

    A: Any
    b: Vector
    context: float


Walk: TypeAlias = Generator[System, "Vector | None", None]
"""Yields systems and receives, by ``send``, the solution of the one yielded last, or None."""


class Family(ABC):
    """A sequence of related systems, made when they are asked for.

    ``len``, indexing, slices and iteration work as on a list, and always give the same systems.
    Where a system depends on the solution of the one before (time stepping), go through it as a
    solver does, by sending solutions::

        walk = family.systems()
        system = next(walk)
        system = walk.send(x)  # x solves the first system; the second follows from it

    Sending None, as ``for`` does, goes on from the exact solution. Families of independent systems
    ignore what is sent.
    """

    @property
    @abstractmethod
    def context_range(self) -> tuple[float, float]:
        """Least and largest context that may occur."""

    @property
    def x0(self) -> Vector | None:
        """What the first solve starts from, where the others start from the solution before.

        None where systems are independent: every solve starts from zero.
        """
        return self.before(0)

    def before(self, number: int) -> Vector | None:
        """The exact solution before a system; None where systems are independent."""
        del number
        return None

    @abstractmethod
    def __len__(self) -> int:
        """Number of systems."""

    @abstractmethod
    def systems(self, start: int = 0, x: Vector | None = None) -> Walk:
        """Systems from number ``start`` on.

        Args:
            start: The first one, 0 <= start <= len.
            x: Solution of the system before it, from a checkpoint; the exact one if None.

        Raises:
            ValueError: ``start`` is beyond the end.
        """

    def __iter__(self) -> Walk:
        """All systems, following from exact solutions unless solutions are sent."""
        return self.systems()

    @overload
    def __getitem__(self, index: int) -> System: ...
    @overload
    def __getitem__(self, index: slice) -> "Family": ...
    def __getitem__(self, index: int | slice) -> "System | Family":
        """A system, or the family of some; where each needs the last, those before are solved."""
        if isinstance(index, slice):
            return Slice(self, range(len(self))[index])
        return next(self.systems(range(len(self))[index]))


@dataclass(frozen=True, eq=False)
class Slice(Family):
    """Some systems of a family; those left out are gone through by exact solutions."""

    base: Family
    positions: range

    def __post_init__(self) -> None:
        if self.positions.step < 1:
            raise ValueError(f"step={self.positions.step}: expected a slice that goes forward")

    @property
    def context_range(self) -> tuple[float, float]:
        """That of the whole family."""
        return self.base.context_range

    def before(self, number: int) -> Vector | None:
        """The exact solution before a system."""
        return self.base.before(self.positions.start + number * self.positions.step)

    def __len__(self) -> int:
        return len(self.positions)

    def systems(self, start: int = 0, x: Vector | None = None) -> Walk:
        """As of any family."""
        if check_start(start, self) == len(self):
            return
        at, gap = self.positions.start + start * self.positions.step, self.positions.step - 1
        skipped = gap if start and x is not None else 0  # x belongs to the last one of ours
        walk = self.base.systems(at - skipped, x)
        system = _skip(walk, next(walk), skipped)
        for _ in range(start, len(self) - 1):
            x = yield system
            system = _skip(walk, walk.send(x), gap)
        yield system


def keep(family: Any, **checked: Any) -> None:
    """Set fields of a frozen dataclass to what their checks gave: Python's plain numbers."""
    for name, value in checked.items():
        object.__setattr__(family, name, value)


def check_start(start: int, family: Family) -> int:
    """The number, if there is or could come such a system."""
    start = whole("start", start)
    if start > len(family):
        raise ValueError(f"start={start}: the family has {len(family)} systems")
    return start


def _skip(walk: Walk, system: System, count: int) -> System:
    for _ in range(count):
        system = next(walk)
    return system
