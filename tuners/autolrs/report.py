"""What a stage of the search found."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ...schedules._checks import number, shown, whole
from ...schedules._state import check_keys, reading
from .decision import Trial


@dataclass(frozen=True)
class Report:
    """A stage of the improved mode.

    Attributes:
        start: Updates done before it.
        probe: Updates of a probe.
        trials: The scales tried, the present one first.
        before: Scale before it.
        scale: Scale that it chose.
        gain: Expected fall of the score by the best scale tried; infinite where the present one
            diverged.
        error: Standard error of the gain.
        overhead: Of the run so far, this stage included.
    """

    start: int
    probe: int
    trials: tuple[Trial, ...]
    before: float
    scale: float
    gain: float
    error: float
    overhead: float

    @property
    def at_edge(self) -> int:
        """1 where the highest scale tried was chosen, -1 for the lowest, 0 for another."""
        tried = [trial.scale for trial in self.trials]
        return (
            0
            if self.scale == self.before
            else (self.scale == max(tried)) - (self.scale == min(tried))
        )

    def __str__(self) -> str:
        """One line: what was tried, what was chosen, and the cost so far."""
        tried = " ".join(f"{trial.scale:.3g}:{trial.difference:+.3g}" for trial in self.trials)
        chosen = "kept" if self.scale == self.before else f"-> {self.scale:.3g}"
        return (
            f"update {self.start}: {self.before:.3g} {chosen} (gain {self.gain:.3g} +- "
            f"{self.error:.2g}; {tried}), overhead so far {self.overhead:.1%}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        data = asdict(self)
        data["trials"] = [{k: _plain(v) for k, v in trial.items()} for trial in data["trials"]]
        return {key: _plain(value) for key, value in data.items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Report:
        """The report that :meth:`to_dict` saved; ValueError where it is none."""
        with reading("Report"):
            trials = tuple(_trial(trial) for trial in data["trials"])
            if not trials:
                raise ValueError("trials: none")
            start, probe = whole("start", data["start"]), whole("probe", data["probe"], low=1)
            scales = (_scale(data[name], name) for name in ("before", "scale"))
            rest = (_number(data[name], name) for name in ("gain", "error", "overhead"))
            found = cls(start, probe, trials, *scales, *rest)
        check_keys("Report", data, asdict(found))
        return found


def _trial(data: dict[str, Any]) -> Trial:
    numbers = (_number(data[name], name) for name in ("score", "difference", "error"))
    if not isinstance(data["stopped"], bool):
        raise TypeError(f"stopped={shown(data['stopped'])}: expected a bool")
    found = Trial(_scale(data["scale"]), *numbers, stopped=data["stopped"])
    check_keys("Trial", data, asdict(found))
    return found


def _scale(value: Any, name: str = "scale") -> float:
    return number(name, value, low=0, open_low=True)


def _plain(value: Any) -> Any:
    """JSON knows neither NaN (None here) nor infinity (a string)."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def _number(value: Any, name: str) -> float:
    """What :func:`_plain` made of a number."""
    if value is None:
        return math.nan
    return float(value) if value in ("inf", "-inf") else number(name, value)
