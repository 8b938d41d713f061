"""REX, the reflected exponential."""

from dataclasses import dataclass
from typing import ClassVar

from .._checks import number
from ..operators.reflect import reflection
from ..schedule import Array, Schedule
from ._progress import progress


@dataclass(frozen=True)
class REX(Schedule):
    """Reflected exponential: holds high for long, then falls fast.

    m(t, T) = z / ((1 - d) + d z), z = 1 - t/T, for 0 <= t <= T; 1 before, 0 after.

    With the paper's d = 1/2 this is z / (1/2 + z/2). The paper reads a profile at a sampling
    rate: use :meth:`sampled`, ``REX().sampled(at=(0.5, 0.75))``.

    Args:
        d: Reflection, < 1. The default is the paper's. Some diffusion and LoRA trainers ship
            0.9 under the same name: that is another curve.

    Example:
        >>> [round(REX()(t, total_steps=100), 4) for t in (0, 50, 90, 100)]
        [1.0, 0.6667, 0.1818, 0.0]

    Source: Chen, Wolfe & Kyrillidis (2022), arXiv:2107.04197, MLSys.
    """

    name: ClassVar[str] = "rex"

    d: float = 0.5

    def __post_init__(self) -> None:
        self._settle(d=number("d", self.d, high=1, open_high=True))

    def _at(self, t: Array, T: float) -> Array:
        return reflection(1.0 - progress(t, T), self.d)
