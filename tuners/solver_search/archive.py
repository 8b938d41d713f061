"""What a search knows at one cost: schedules and what they were told to cost, in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from ...solvers.diffusion import _json
from ...solvers.diffusion.noise import NoiseSchedule
from ...solvers.diffusion.schedule import SolverSchedule
from ...solvers.diffusion.step import SolverStep
from .canonical import key


class Archive:
    """Schedules by key with their costs, first told first; costs that are not finite are inf."""

    def __init__(self) -> None:
        self.schedules: dict[str, SolverSchedule] = {}
        self.costs: dict[str, float] = {}

    def copy(self) -> Archive:
        """Another that knows the same."""
        other = Archive()
        other.schedules, other.costs = dict(self.schedules), dict(self.costs)
        return other

    def __len__(self) -> int:
        """How many schedules are known."""
        return len(self.costs)

    def add(self, schedule: SolverSchedule, cost: float) -> None:
        """Take a cost; of two for one schedule the first stays."""
        name = key(schedule)
        if name not in self.costs:
            self.schedules[name] = schedule
            self.costs[name] = cost if math.isfinite(cost) else math.inf

    def ranked(self) -> list[SolverSchedule]:
        """Schedules of finite cost, the lowest first, those told earlier first among equals."""
        finite = [name for name, cost in self.costs.items() if cost < math.inf]
        return [self.schedules[name] for name in sorted(finite, key=self.costs.__getitem__)]

    def to_list(self) -> list[Any]:
        """As JSON values."""
        return [
            [pack(self.schedules[name]), _json.number_out(cost)]
            for name, cost in self.costs.items()
        ]

    @staticmethod
    def of(rows: list[Any], unpack: Callable[[Any], SolverSchedule]) -> Archive:
        """From :meth:`to_list`."""
        archive = Archive()
        for packed, cost in rows:
            archive.add(unpack(packed), _json.number_in(cost))
        return archive


def pack(schedule: SolverSchedule) -> dict[str, Any]:
    """A schedule as JSON values without its noise schedule, which a search has once."""
    steps = [asdict(step) for step in schedule.steps]
    return {"times": list(schedule.times), "steps": steps, "first": schedule.first}


def unpack(noise: NoiseSchedule, packed: Any) -> SolverSchedule:
    """From :func:`pack`."""
    steps = tuple(SolverStep(**step) for step in packed["steps"])
    return SolverSchedule(noise, tuple(packed["times"]), steps, packed["first"])


def by_key(schedules: Sequence[SolverSchedule]) -> dict[str, SolverSchedule]:
    """Schedules by their keys."""
    return {key(schedule): schedule for schedule in schedules}
