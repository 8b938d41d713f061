"""What a run gave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..records import finite, or_inf

Curve = tuple[tuple[float, float], ...]
"""Points (fraction of the run, mean training loss around it)."""


@dataclass(frozen=True)
class Outcome:
    """The result of one run; lower metrics are better.

    Attributes:
        val: Validation metric of the last iterate: inf where the run diverged, nan where it failed.
        test: Test metric of the last iterate, likewise; never used for choosing.
        diverged: Training loss or validation metric was not finite.
        lr: Base learning rate.
        updates: Updates done.
        seconds: Wall-clock time.
        curve: Training loss over the run, in at most 50 bins.
        failed: Why the run could not be done, after its last try; empty where it was.
    """

    val: float
    test: float
    lr: float
    diverged: bool = False
    updates: int = 0
    seconds: float = 0.0
    curve: Curve = ()
    failed: str = ""

    @property
    def value(self) -> float:
        """What Optuna's charts show."""
        return self.val

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, None where a metric is not finite; :meth:`from_dict` reads them."""
        plain = asdict(self)
        plain.pop("failed")
        return finite(plain)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Outcome:
        """The outcome that :meth:`to_dict` saved."""
        curve: Curve = tuple((x, y) for x, y in data["curve"])
        metrics = {key: or_inf(data[key]) for key in ("val", "test")}
        return replace(Outcome(**data), curve=curve, **metrics)

    @staticmethod
    def failure(reason: str, lr: float) -> Outcome:
        """A run that could not be done."""
        return Outcome(math.nan, math.nan, lr, failed=reason)


def mean(metrics: Sequence[float]) -> float:
    """The mean to 6 digits: metrics come in single precision, and finer differences are noise.

    Without it the noise would break the ties of metrics that are counts, such as errors.

    Example:
        >>> mean([2.6666667461395264, 3.3333332538604736, 3.0]) == mean([3.0, 3.0, 3.0])
        True
    """
    return float(f"{sum(metrics) / len(metrics):.6g}")
