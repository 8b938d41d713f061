"""Omega chosen within a solve."""

from __future__ import annotations

from dataclasses import dataclass

from ...schedules._checks import number, whole


@dataclass(frozen=True)
class Adaptive:
    """Let SOR choose omega while it runs, from the rate at which its steps shrink.

    Starting below the best omega, the ratio R of two steps' norms tends to the spectral radius of
    the iteration; Young's relation turns it into the Jacobi radius, and that into the best omega.
    Omega only ever rises, and only when R > (omega - 1)^exponent and R has settled. The theory
    wants a symmetric positive definite, consistently ordered A; elsewhere it is a heuristic.

    Args:
        start: Omega of the first sweep, in [1, 2).
        exponent: F, in (0, 1]; larger changes omega less often.
        wait: Sweeps between changes, >= 2.
        settled: R counts as settled when it moved by at most this part of 1 - R.

    Example:
        >>> Adaptive()
        Adaptive(start=1.0, exponent=0.75, wait=12, settled=0.1)

    Source: Hageman & Young (1981), Applied Iterative Methods, ch. 9, simplified: no special
    treatment of the first sweeps after a change, no strategy for the choice of ``exponent``. The
    defaults were chosen on 10 x 10 Laplacians with shifts between -0.15 and 0.45.
    """

    start: float = 1.0
    exponent: float = 0.75
    wait: int = 12
    settled: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what makes no sense; keep plain numbers."""
        kept = {
            "start": number("start", self.start, low=1, high=2, open_high=True),
            "exponent": number("exponent", self.exponent, low=0, high=1, open_low=True),
            "wait": whole("wait", self.wait, low=2),
            "settled": number("settled", self.settled, low=0, open_low=True),
        }
        for name, value in kept.items():
            object.__setattr__(self, name, value)
