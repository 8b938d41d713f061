"""What a comparison found: means over seeds, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..compare.paired import Paired, compare_pairs
from .cells import Chosen

READ_AT = (2, 5, 8)
"""Tenths of the run whose metric the tables show."""

REFERENCE = "linear"
RIVAL, OURS = "autolrs faithful", "autolrs"


@dataclass(frozen=True)
class Row:
    """One method; lower is better, inf where a run of it diverged.

    Attributes:
        label: The method's name, with what it began from where that was not the default.
        chosen: Its runs.
        final: Test metric at the end, of each seed.
        best: Lowest metric of the part read on the way, of each seed.
        curve: Metric at the ten points, (seeds, 10); NaN where a run had diverged.
        reference: Against tuned linear decay; None for itself.
        rival: Of the improved mode, against faithful AutoLRS.
    """

    label: str
    chosen: Chosen
    final: tuple[float, ...]
    best: tuple[float, ...]
    curve: np.ndarray
    reference: Paired | None = None
    rival: Paired | None = None


def rows(found: Sequence[Chosen]) -> list[Row]:
    """A row a method, compared over the seeds that both have."""
    alone = {label(chosen): chosen for chosen in found}
    finals = {name: _finals(chosen) for name, chosen in alone.items()}
    return [_row(name, chosen, finals) for name, chosen in alone.items()]


def label(chosen: Chosen) -> str:
    """The method's name, and its start where that is not the default rate.

    Example:
        >>> label(Chosen("autolrs", 0.1, 0.01, ()))
        'autolrs from x0.1'
    """
    usual = math.isnan(chosen.start) or chosen.start == 1.0
    return chosen.method if usual else f"{chosen.method} from x{chosen.start:g}"


def mean_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error; the error is NaN for one value, both where one is not finite.

    Example:
        >>> mean_error([1.0, 3.0])
        (2.0, 1.0)
    """
    if not all(math.isfinite(value) for value in values):
        return math.inf, math.nan
    n = len(values)
    error = float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return float(np.mean(values)), error


def _row(name: str, chosen: Chosen, finals: Mapping[str, tuple[float, ...]]) -> Row:
    full = [t.curve + (math.nan,) * (10 - len(t.curve)) for t in chosen.trials]
    curve = np.array(full, dtype=float)
    lost = [math.isinf(final) for final in finals[name]]
    best = (math.inf if bad else float(np.nanmin(c)) for bad, c in zip(lost, curve, strict=True))
    rival = _paired(name, RIVAL, finals) if chosen.method == OURS else None
    return Row(
        name, chosen, finals[name], tuple(best), curve,
        _paired(name, REFERENCE, finals), rival,
    )  # fmt: skip


def _finals(chosen: Chosen) -> tuple[float, ...]:
    return tuple(math.inf if trial.test is None else trial.test for trial in chosen.trials)


def _paired(name: str, other: str, finals: Mapping[str, tuple[float, ...]]) -> Paired | None:
    if name == other or other not in finals:
        return None
    n = min(len(finals[name]), len(finals[other]))
    return compare_pairs(finals[name][:n], finals[other][:n])
