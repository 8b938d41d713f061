"""The schedule: a control known in advance, as frozen data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, ClassVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _text
from ._checks import number, plain, shown
from ._lengths import Length
from .budget import Budget

Array = NDArray[np.float64]


class Schedule(ABC):
    """A shape over a run: position and length of the run give a multiplier of the base rate.

    A schedule knows its shape, never its horizon, so one object serves every budget. It is
    frozen, hashable, picklable, printable (``str`` and :meth:`parse` are inverse), and saved
    as JSON (:meth:`to_dict`). Update number t = 0..T-1 of a run of T updates runs at
    ``s(t, T)``; before 0 the first value holds, beyond T the last.

    To add one: subclass it as a frozen dataclass, give ``name``, and write ``_at``.
    """

    name: ClassVar[str]
    """The name in text and JSON."""

    def __init_subclass__(cls, listed: bool = True) -> None:
        """Register the class under its name, so that text and JSON find it.

        One that is not ``listed`` is saved as what it derives from.
        """
        if not listed:
            return
        if "name" in cls.__dict__:
            _text.register(cls.name, cls)
        elif hasattr(cls, "name"):
            raise TypeError(
                f"class {cls.__name__}: name: expected its own; it would be saved as {cls.name!r}"
            )

    @abstractmethod
    def _at(self, t: Array, T: float) -> Array:
        """Multipliers at positions 0 <= t <= T of a run of length T >= 0 (1-D, contiguous)."""

    @overload
    def __call__(self, step: float, total_steps: float | Budget) -> float: ...  # pyright: ignore[reportOverlappingOverload]  # a number is ArrayLike too
    @overload
    def __call__(self, step: ArrayLike, total_steps: float | Budget) -> Array: ...
    def __call__(self, step: ArrayLike, total_steps: float | Budget) -> float | Array:
        """The multiplier of the base rate at a position of the run.

        Args:
            step: Position t (updates done so far, or the budget's unit): a number or an array.
            total_steps: Length T of the run > 0, in the same unit, or a Budget.

        Returns:
            Multiplier, dimensionless, finite, >= 0, float64: a float for a number, an array of
            the shape of ``step`` for an array. Both run the same code and agree bit for bit.

        Raises:
            TypeError: positions that are not numbers.
            ValueError: a position that is NaN or beyond a float, a horizon that is not positive
                and finite, or a phase that does not fit the horizon.
        """
        budget = total_steps if isinstance(total_steps, Budget) else _length_only(total_steps)
        t = _positions(step)
        T = float(budget.total)
        # One-dimensional and contiguous always, so that every call takes the same NumPy loops.
        inside = np.ascontiguousarray(np.clip(t, 0.0, T)).reshape(-1)
        values = self.in_units_of(budget)._at(inside, T)
        return values.item() if t.ndim == 0 else values.reshape(t.shape)

    def values(self, total_steps: int | Budget) -> Array:
        """All multipliers of a run: s(t, T) for t = 0..T-1, shape (T,).

        Under a budget in samples, tokens or seconds there is no count of updates: pass the
        positions to the schedule itself instead.
        """
        budget = Budget.of(total_steps)
        if not budget.counts_updates:
            raise ValueError(f"total_steps={budget}: values() needs a budget that counts updates")
        return self(np.arange(int(np.ceil(budget.total)), dtype=np.float64), budget)

    def in_units_of(self, budget: Budget) -> Schedule:
        """This schedule with its int lengths turned into positions of ``budget``.

        An epoch becomes its updates; under seconds int lengths are refused (ValueError).
        """
        if budget.unit == "seconds" and (found := self._counts()):
            raise ValueError(
                f"{found[0]}: an int length counts steps; under a budget in seconds give a "
                "fraction of the run (a float in (0, 1))"
            )
        return self if budget.steps_per_epoch is None else self._stretched(budget.steps_per_epoch)

    # ---- operators: each gives a new schedule; they act in written order -----------------

    def warmup(self, length: Length) -> Schedule:
        """Rise linearly to this schedule's first value, then run it in what remains.

        See :class:`~ritard.schedules.operators.warmup.Warmup`.
        """
        from .operators.warmup import Warmup

        return Warmup(self, length)

    def cooldown(self, length: Length, shape: Schedule | str = "1-sqrt") -> Schedule:
        """Leave this schedule for a final decay from the value reached to zero.

        See :class:`~ritard.schedules.operators.cooldown.Cooldown`.
        """
        from .operators.cooldown import Cooldown

        return Cooldown(self, length, shape)

    def floor(self, ratio: float) -> Schedule:
        """``ratio + (1 - ratio) s``; see :class:`~ritard.schedules.operators.floor.Floor`."""
        from .operators.floor import Floor

        return Floor(self, ratio)

    def reflect(self, d: float) -> Schedule:
        """The reflection M_d; see :class:`~ritard.schedules.operators.reflect.Reflect`."""
        from .operators.reflect import Reflect

        return Reflect(self, d)

    def sampled(self, every: Length | None = None, at: Sequence[Length] | None = None) -> Schedule:
        """Read only so often and hold in between.

        See :class:`~ritard.schedules.operators.sampled.Sampled`.
        """
        from .operators.sampled import Sampled

        return Sampled(self, every, at)  # pyright: ignore[reportArgumentType]

    def then(self, other: Schedule, at: Length) -> Schedule:
        """This schedule up to ``at``, ``other`` from there.

        See :class:`~ritard.schedules.operators.then.Then`.
        """
        from .operators.then import Then

        return Then(self, other, at)

    def repeat(self, phases: int | Sequence[Length]) -> Schedule:
        """Restarts: ``phases`` equal ones, or phases of the given lengths.

        See :class:`~ritard.schedules.operators.repeat.Repeat`.
        """
        from .operators.repeat import Repeat

        given = plain(phases)
        if hasattr(given, "__iter__"):
            return Repeat(self, lengths=given)
        return Repeat(self, times=given)

    def __mul__(self, other: Schedule | float) -> Schedule:
        """The product with another schedule or a number.

        See :class:`~ritard.schedules.operators.product.Product`.
        """
        from .operators.product import Product
        from .shapes.constant import Constant

        return Product(self, other if isinstance(other, Schedule) else Constant(other))

    def __rmul__(self, other: float) -> Schedule:
        """``0.5 * schedule`` is ``schedule * 0.5``."""
        return self * other

    # ---- text and JSON ------------------------------------------------------------------

    def __str__(self) -> str:
        """The text form, ``"uba(phi=5)+warmup(0.05)"``; :meth:`parse` gives it back."""
        return _text.format_schedule(self)

    @staticmethod
    def parse(text: str) -> Schedule:
        """The schedule that a text such as ``"uba(phi=5)+warmup(0.05)"`` names.

        Nothing is evaluated and no file is read.

        Raises:
            ValueError: the text names no known schedule or operator, or bad settings.
        """
        return _text.parse_schedule(text)

    def to_dict(self) -> dict[str, Any]:
        """Settings as plain JSON values; :meth:`from_dict` gives the schedule back."""
        return {"name": self.name} | {
            key: _text.to_plain(value) for key, value in self._settings().items()
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Schedule:
        """The schedule that :meth:`to_dict` saved; ValueError where it is not one."""
        return _text.from_plain(data)

    # ---- helpers ------------------------------------------------------------------------

    def _settle(self, **settings: Any) -> None:
        """Keep checked settings; for ``__post_init__``, the object being frozen from then on."""
        for key, value in settings.items():
            object.__setattr__(self, key, value)

    _lengths: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that hold phase lengths."""

    def _settings(self) -> dict[str, Any]:
        """Fields that differ from their defaults."""
        found = {f.name: (getattr(self, f.name), f.default) for f in fields(self)}  # type: ignore[arg-type]  # every schedule is a dataclass
        return {
            k: value for k, (value, usual) in found.items() if usual is MISSING or value != usual
        }

    def _children(self) -> dict[str, Schedule]:
        found = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {k: v for k, v in found.items() if isinstance(v, Schedule)}

    def _counts(self) -> list[str]:
        """Where int lengths stand in this schedule, as "warmup(length=5)"."""
        own = [
            f"{self.name}({key}={value})"
            for key in self._lengths
            for value in _as_tuple(getattr(self, key))
            if isinstance(value, int) and value > 0
        ]
        return own + [line for child in self._children().values() for line in child._counts()]

    def _stretched(self, factor: int) -> Schedule:
        """The schedule with every int length multiplied by ``factor``."""
        changes: dict[str, Any] = {k: c._stretched(factor) for k, c in self._children().items()}
        for key in self._lengths:
            changes[key] = _stretch(getattr(self, key), factor)
        return replace(self, **changes) if changes else self  # type: ignore[type-var]


def operand(name: str, value: Any) -> Schedule:
    """Return a schedule that an operator acts on, or raise TypeError."""
    if not isinstance(value, Schedule):
        raise TypeError(f"{name}={shown(value)}: expected a schedule")
    return value


def operands(name: str, values: Any) -> list[Schedule]:
    """Return a list of one or more schedules, or raise TypeError or ValueError."""
    if isinstance(values, Schedule | str) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name}={shown(values)}: expected a list of schedules")
    found = [operand(name, value) for value in values]
    if not found:
        raise ValueError(f"{name}={shown(values)}: expected at least one")
    return found


def _positions(step: Any) -> Array:
    try:
        t = np.asarray(plain(step))
        if t.dtype.kind == "O" and all(type(x) is int for x in t.flat):  # beyond 64 bits
            t = t.astype(np.float64)
    except OverflowError as error:
        raise ValueError(f"step={shown(step)}: expected numbers that a float can hold") from error
    except (TypeError, ValueError, RuntimeError) as error:  # torch's: it requires a gradient
        raise TypeError(f"step={shown(step)}: expected a number or an array of numbers") from error
    if t.dtype.kind not in "iuf":
        raise TypeError(f"step={shown(step)}: expected a number or an array of numbers")
    if np.isnan(t).any():
        raise ValueError(f"step={shown(step)}: expected numbers, got NaN")
    return t.astype(np.float64)


def _length_only(total_steps: float) -> Budget:
    """A horizon given as a bare number: whole or, for a position in another unit, real."""
    return Budget("samples", number("total_steps", total_steps, low=0, open_low=True))


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _stretch(value: Any, factor: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_stretch(v, factor) for v in value)  # pyright: ignore[reportUnknownVariableType]
    return value * factor if isinstance(value, int) else value
