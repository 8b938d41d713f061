"""The reflection M_d."""

from dataclasses import dataclass
from typing import ClassVar

from .._checks import number
from ..schedule import Array, Schedule, operand


@dataclass(frozen=True)
class Reflect(Schedule):
    """Bend a profile up (d > 0) or down (d < 0), its ends at 0 and 1 fixed.

    M_d(p) = p / ((1 - d) + d p), p = base(t, T).

    ``Linear().reflect(1/2)`` is REX, ``Cosine().reflect(1 - phi/2)`` is UBA(phi). Reflections
    compose: M_a after M_b is M_c with 1 - c = (1 - a)(1 - b); the inverse of M_d is
    M_{-d/(1-d)}.

    Args:
        base: The profile, with values in [0, 1].
        d: < 1; 0 changes nothing.

    Raises:
        ValueError: on a call, where the profile leaves [0, 1].

    Example:
        >>> from ritard.schedules import Linear
        >>> round(Linear().reflect(0.5)(90, total_steps=100), 4)
        0.1818
    """

    name: ClassVar[str] = "reflect"

    base: Schedule
    d: float

    def __post_init__(self) -> None:
        d = number("d", self.d, high=1, open_high=True)
        self._settle(base=operand("base", self.base), d=d)

    def _at(self, t: Array, T: float) -> Array:
        profile = self.base._at(t, T)
        if profile.size and profile.max() > 1.0:
            raise ValueError(
                f"reflect: the profile {self.base} reaches {profile.max():g}; expected [0, 1]"
            )
        return reflection(profile, self.d)


def reflection(p: Array, d: float) -> Array:
    """M_d(p) = p / ((1 - d) + d p), for p in [0, 1] and d < 1; stays in [0, 1]."""
    return p / ((1.0 - d) * (1.0 - p) + p)
