"""Noise schedules: how much of the data is left, and how much noise is in it, at each time."""

import math
from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple

from ...schedules._checks import number, shown
from ._scalar import Scalar, as_float, exp, sqrt

NOISES: "dict[str, type[NoiseSchedule]]" = {}
"""The known noise schedules by the name they are saved under."""


class Node(NamedTuple):
    """A place on the path from noise to data: x = alpha x_0 + sigma eps at time t.

    ``lam`` is ln(alpha / sigma), half the log signal-to-noise ratio; it grows towards data.
    """

    t: Scalar
    lam: Scalar
    alpha: Scalar
    sigma: Scalar


class NoiseSchedule(ABC):
    """x_t = alpha(t) x_0 + sigma(t) eps, seen as two maps: t <-> lambda, lambda -> (alpha, sigma).

    lambda = ln(alpha / sigma) falls strictly with t. Times run from ``t_max`` (noise) down to
    ``clean``, where sigma is 0 and lambda infinite; ``t_min`` is where grids end unless told
    otherwise. Functions take floats or float64 tensors (and are differentiable in those).

    To add one: a frozen dataclass with ``name``, ``t_min``, ``t_max`` and the three maps.
    """

    name: ClassVar[str]
    clean: ClassVar[float] = 0.0
    t_min: float
    t_max: float

    def __init_subclass__(cls) -> None:
        """Make the class known by its name, so that saved schedules find it."""
        if "name" in cls.__dict__:
            NOISES[cls.name] = cls

    def _within(self, name: str, low: float, high: float = math.inf) -> None:
        """Check that a setting lies strictly between, and keep it as a float."""
        value = number(name, getattr(self, name), low=low, high=high, open_low=True, open_high=True)
        object.__setattr__(self, name, float(value))

    @abstractmethod
    def lambda_at(self, t: Scalar) -> Scalar:
        """Lambda of a time in [clean, t_max]."""

    @abstractmethod
    def time_at(self, lam: Scalar) -> Scalar:
        """The time of a finite lambda; the inverse of :meth:`lambda_at`."""

    @abstractmethod
    def alpha_sigma(self, lam: Scalar) -> tuple[Scalar, Scalar]:
        """Alpha and sigma at a lambda."""

    def node(self, t: Scalar) -> Node:
        """The place at a time; TypeError for no number, ValueError for a time out of range."""
        try:
            place = as_float(t)
        except (TypeError, ValueError):
            raise TypeError(f"t={t!r}: expected a number") from None
        if not (self.clean <= place <= self.t_max):
            raise ValueError(f"t={place:g}: expected a time in [{self.clean:g}, {self.t_max:g}]")
        lam = self.lambda_at(t)
        return Node(t, lam, *self.alpha_sigma(lam))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, with its name."""
        settings = asdict(self)  # pyright: ignore[reportArgumentType]  # every schedule is a dataclass
        return {"name": self.name, **settings}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "NoiseSchedule":
        """From what :meth:`to_dict` gives, without the name."""
        return cls(**settings)

    @staticmethod
    def from_dict(data: Any) -> "NoiseSchedule":
        """From :meth:`to_dict`.

        Raises:
            ValueError: an unknown name, or settings that are not of it.
        """
        name = data.get("name") if isinstance(data, dict) else None
        if not isinstance(name, str) or name not in NOISES:
            raise ValueError(f"noise {shown(name)}: expected one of {', '.join(sorted(NOISES))}")
        settings = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "name"
        }
        try:
            return NOISES[name].from_settings(settings)
        except TypeError as error:
            raise ValueError(f"noise {name!r}: {error}") from error


def as_noise(noise: Any) -> NoiseSchedule:
    """A noise schedule as it is; TypeError for anything else."""
    if not isinstance(noise, NoiseSchedule):
        raise TypeError(f"noise={noise!r}: expected a NoiseSchedule such as VPLinear()")
    return noise


def checked_times(noise: Any, times: Any) -> tuple[float, ...]:
    """Times as floats, each in the noise schedule's range; TypeError or ValueError names which."""
    as_noise(noise)
    if isinstance(times, str) or not hasattr(times, "__iter__"):
        raise TypeError(f"times={times!r}: expected a list of falling times")
    found = tuple(float(number(f"times[{i}]", t)) for i, t in enumerate(times))
    for i, t in enumerate(found):
        try:
            noise.node(t)
        except ValueError as error:
            raise ValueError(f"times[{i}]: {error}") from None
    return found


class VariancePreserving(NoiseSchedule):
    """alpha^2 + sigma^2 = 1, so that alpha^2 is the logistic function of 2 lambda."""

    def alpha_sigma(self, lam: Scalar) -> tuple[Scalar, Scalar]:
        """Alpha and sigma at a lambda."""
        return 1 / sqrt(1 + exp(-2 * lam)), 1 / sqrt(1 + exp(2 * lam))
