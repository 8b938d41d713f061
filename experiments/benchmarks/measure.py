"""How every benchmark measures and what it reports.

Ours and its peer run in turns in one process, after a warm-up, and a ratio compares two times of
the same turn: a busy moment of the machine strikes both. Times are of the CPU, which a busy machine
bends little; where a GPU works, of the clock. A figure is the median over the turns,
with the quartiles. A ratio is ours over the peer's: below 1 ours is faster, smaller or better.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Work = Callable[[], Any]
Clock = Callable[[], float]
Numbers = Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """A median between its quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Numbers) -> Spread:
        """Of repeated measurements."""
        return cls(*np.quantile(values, (0.25, 0.5, 0.75)).tolist())


@dataclass(frozen=True)
class Row:
    """What was measured beside what.

    Attributes:
        what: The subject; a goal belongs to it.
        case: Its size, setting or variant.
        peer: Beside what.
        unit: Of ours and theirs.
        ours: What ours took.
        theirs: What the peer took.
        ratio: Ours over theirs.
    """

    what: str
    case: str
    peer: str
    unit: str
    ours: Spread
    theirs: Spread
    ratio: Spread

    @classmethod
    def of(
        cls, names: tuple[str, str, str], unit: str, ours: Numbers, theirs: Numbers, scale: float
    ) -> Row:
        """From paired measurements.

        Args:
            names: What, case and peer.
            unit: In which the row shows them.
            ours: Ours, a value a turn.
            theirs: The peer's, of the same turns.
            scale: Units in one of what the measurements are given in.
        """
        a, b = np.asarray(ours, float), np.asarray(theirs, float)
        return cls(*names, unit, Spread.of(scale * a), Spread.of(scale * b), Spread.of(a / b))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Row:
        """The row that ``to_dict`` wrote."""
        spreads = [Spread(**data[key]) for key in ("ours", "theirs", "ratio")]
        return cls(data["what"], data["case"], data["peer"], data["unit"], *spreads)


def interleaved(
    works: Mapping[str, Work],
    repeats: int,
    calls: int = 1,
    warm: int = 1,
    clock: Clock = time.process_time,
) -> dict[str, npt.NDArray[np.float64]]:
    """Seconds of one call of each work in each of ``repeats`` turns, shape (repeats,) each.

    Args:
        works: What to time, by name.
        repeats: Turns that count.
        calls: Calls of each work in a turn.
        warm: Turns before, which do not count.
        clock: What tells the time.
    """

    def seconds(work: Work) -> float:
        start = clock()
        for _ in range(calls):
            work()
        return (clock() - start) / calls

    turns = [[seconds(work) for work in works.values()] for _ in range(warm + repeats)]
    return dict(zip(works, np.array(turns[warm:]).T, strict=True))


def ratio(
    names: tuple[str, str, str],
    unit: str,
    ours: Work,
    peer: Work,
    repeats: int,
    calls: int = 1,
    warm: int = 1,
    clock: Clock = time.process_time,
) -> Row:
    """One call of ours over one of the peer's, in turns.

    Args:
        names: What, case and peer.
        unit: "s", "ms", "us" or "ns".
        ours: What is measured.
        peer: Beside what.
        repeats: Turns that count; the others as for :func:`interleaved`.
        calls: See there.
        warm: See there.
        clock: See there.
    """
    found = interleaved({"ours": ours, "peer": peer}, repeats, calls, warm, clock)
    return Row.of(names, unit, found["ours"], found["peer"], UNITS[unit])


def clock_of(device: str) -> Clock:
    """Time of the CPU, or of the clock where a GPU works."""
    return time.process_time if device == "cpu" else time.perf_counter


UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""Units in a second."""
