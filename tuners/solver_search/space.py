"""What a search may change."""

from __future__ import annotations

from dataclasses import dataclass

from ...schedules._checks import number, whole
from ...solvers.diffusion.model import Model
from ...solvers.diffusion.step import CORRECTORS, HIGHEST, KINDS, Corrector, Kind
from ...solvers.diffusion.table import FIRSTS, First


@dataclass(frozen=True)
class Space:
    """The decisions that moves may change, and the values they may take.

    A decision with one value or none never moves: it stays as the search's starting schedules
    have it. ``Space(predictions=(), orders=(), points=(), correctors=(), firsts=(), starts=(),
    scaling=0.0)`` searches the times alone, ``Space(times=False)`` the decisions alone.

    Args:
        times: Whether the inner times move; the ends never do.
        predictions: Of each step.
        orders: Taylor orders, capped by the history at hand.
        points: Outputs of the first derivative; None is "full".
        correctors: "implicit" costs an evaluation: a schedule with it has a step less.
        starts: Where steps may start from, in evaluations back.
        firsts: Analytic first steps save an evaluation: one step more at the same cost. "mean"
            needs a model that knows the data's mean.
        scaling: Largest |R_1 - 1| that a number c may give; 0 leaves scalings alone.
        gap: Least distance of neighbouring times, as a share of the range in lambda.

    Raises:
        TypeError, ValueError: a value that no step can have, or settings out of range.
    """

    times: bool = True
    predictions: tuple[Kind, ...] = ("noise", "data")
    orders: tuple[int, ...] = (1, 2, 3, 4)
    points: tuple[int | None, ...] = (None, 1, 2)
    correctors: tuple[Corrector, ...] = ("none", "pseudo")
    starts: tuple[int, ...] = (1, 2)
    firsts: tuple[First, ...] = ("network", "zero", "unit")
    scaling: float = 2.0
    gap: float = 1e-3

    def __post_init__(self) -> None:
        """Check the settings."""
        points = (None if n is None else whole("points", n, low=1) for n in self.points)
        kept = {
            "predictions": tuple(self.predictions),
            "orders": tuple(whole("orders", order, low=1) for order in self.orders),
            "points": tuple(points),
            "correctors": tuple(self.correctors),
            "starts": tuple(whole("starts", start, low=1) for start in self.starts),
            "firsts": tuple(self.firsts),
            "scaling": float(number("scaling", self.scaling, low=0)),
            "gap": float(number("gap", self.gap, low=1e-5, high=0.02)),
        }
        for name, value in kept.items():
            object.__setattr__(self, name, value)
        _among("predictions", self.predictions, KINDS)
        _among("orders", self.orders, tuple(range(1, HIGHEST + 1)))
        _among("points", self.points, (None, *range(1, HIGHEST)))
        _among("correctors", self.correctors, CORRECTORS)
        _among("firsts", self.firsts, FIRSTS)
        if not isinstance(self.times, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"times={self.times!r}: expected True or False")

    @staticmethod
    def of(model: Model) -> Space:
        """The usual space of a model: with the data's mean for a first step where it knows it."""
        usual = Space()
        return usual if model.mean is None else Space(firsts=(*usual.firsts, "mean"))


def _among(name: str, values: tuple[object, ...], allowed: tuple[object, ...]) -> None:
    for value in values:
        if value not in allowed:
            raise ValueError(f"{name}: {value!r}: expected one of {', '.join(map(str, allowed))}")
