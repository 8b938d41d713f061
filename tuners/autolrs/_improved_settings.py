"""The options of the improved mode, with their defaults, checked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from ...schedules import Schedule
from ...schedules._checks import number, whole
from ..tuner import Tuner
from .climb import Climb
from .plan import LEAST_PROBE, Plan, ProbeShape
from .report import Report

Search = Callable[[float, float], Tuner[Any]]
"""Makes a tuner that proposes scales in an interval."""


class Options(TypedDict, total=False):
    """How :class:`AutoLRS` and :class:`AutoLRSCallback` search; all are optional.

    Attributes:
        overhead: What the search may cost, as a part of ``total_steps``, scoring included: a
            cap that is never passed. 0.1.
        stages: Into how many parts the run is cut, each of which may begin with a search. By
            default 8, or as many as leave probes of 20 updates.
        candidates: Scales for which a stage has room, the present one among them, >= 2. Probes
            that are left early make room for more. 5.
        first_octaves: How far the first stage is to look up and down, in factors of 2. The default
            search begins with steps of half as much, and goes on beyond while it gains. 4.
        octaves: Likewise for the stages after it. 2.
        scored: Batches on which a scale is scored, >= 2. 8.
        hold: Part of a probe at its scale; over the rest the rate falls to zero. 0.6.
        tail: Part of the run at its end that is not searched. 0.2.
        switching_cost: What a change must gain per octave, as a part of the present score, if that
            is more than two standard errors of its gain: a probe is short, and what it sees of a
            rate that is right or nearly so is as often wrong. 0.01, from runs on Fashion-MNIST and
            logistic regression, where smaller gains led away from good rates.
        search: Makes a tuner that proposes scales between two given ones, numbers or with their
            ``value``, and is told how much worse they score than the present one (where that
            diverged: than the best so far). By default :class:`Climb`; :class:`RateSearch` is
            another choice, and so is any Optuna sampler, by
            ``ritard.tuners.bandits.OptunaTuner``.
        on_stage: Called with the :class:`Report` of each stage.
    """

    overhead: float
    stages: int | None
    candidates: int
    first_octaves: float
    octaves: float
    scored: int
    hold: float
    tail: float
    switching_cost: float
    search: Search
    on_stage: Callable[[Report], Any] | None


@dataclass(frozen=True)
class Settings:
    """The options, with their defaults, checked."""

    overhead: float = 0.1
    stages: int | None = None
    candidates: int = 5
    first_octaves: float = 4.0
    octaves: float = 2.0
    scored: int = 8
    hold: float = 0.6
    tail: float = 0.2
    switching_cost: float = 0.01
    search: Search = Climb
    on_stage: Callable[[Report], Any] | None = None

    def __post_init__(self) -> None:
        """Keep Python's own numbers; refuse what cannot be (TypeError, ValueError)."""
        found = {
            "overhead": number("overhead", self.overhead, low=0),
            "stages": None if self.stages is None else whole("stages", self.stages, low=1),
            "candidates": whole("candidates", self.candidates, low=2),
            "first_octaves": number("first_octaves", self.first_octaves, low=0, open_low=True),
            "octaves": number("octaves", self.octaves, low=0, open_low=True),
            "scored": whole("scored", self.scored, low=2),
            "hold": number("hold", self.hold, low=0, high=1, open_low=True, open_high=True),
            "tail": number("tail", self.tail, low=0, high=1, open_high=True),
            "switching_cost": number("switching_cost", self.switching_cost, low=0),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)
        if not callable(self.search):
            raise TypeError(f"search={self.search!r}: expected a function (low, high) -> tuner")

    def plan(self, base: Schedule, total_steps: int) -> Plan:
        """The stages of a run: they begin where the base schedule first reaches half its peak.

        It warns where there is room for none.
        """
        values = base.values(total_steps)
        first = int(np.argmax(values >= 0.5 * values.max()))
        shape = ProbeShape(self.candidates, self.scored, self.hold)
        plan = Plan.of(total_steps, first, self.overhead, self.tail, self.stages, shape)
        if not plan.starts:
            warnings.warn(
                f"AutoLRS: {self.overhead:.3g} of {total_steps} updates does not pay for "
                f"{self.stages or 'one'} stage(s) of {self.candidates} probes of {LEAST_PROBE} "
                "updates: nothing is searched and the rate stays (fewer stages, candidates or "
                "scored batches, or a larger overhead, make room)",
                UserWarning,
                stacklevel=4,
            )
        return plan
