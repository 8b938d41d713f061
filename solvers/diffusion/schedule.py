"""The solver schedule: times and one step's decisions per interval, frozen and saved as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from ...schedules._checks import one_of, shown
from . import _json
from ._brief import brief
from .noise import Node, NoiseSchedule, as_noise, checked_times
from .step import SolverStep
from .table import FIRSTS, First

MIN_GAP = 1e-6
"""Least distance of two knots in lambda: closer ones make difference quotients of rounding."""


@dataclass(frozen=True)
class SolverSchedule:
    """A sampler for a given number of steps: when, and how.

    Args:
        noise: The noise schedule that the times belong to.
        times: N + 1 times, falling, the first where sampling starts. The last may be the noise
            schedule's ``clean`` end; that step can only be of order 1 in the data.
        steps: N steps.
        first: Where the output at the start comes from: see :class:`CoefficientTable`.
        record: Where it comes from (objective, seeds, evaluations...), as JSON values; it takes
            no part in comparisons.

    Raises:
        TypeError: no noise schedule, times that are no numbers, steps that are none, or a record
            that is no dict.
        ValueError: an impossible decision, naming the step, the value and the reason.

    Example:
        >>> from ritard.solvers.diffusion import EDM, SolverSchedule, SolverStep
        >>> steps = (SolverStep(), SolverStep(order=2, scaling="bh2"))
        >>> schedule = SolverSchedule(EDM(), (80.0, 2.5, 0.0), steps)
        Traceback (most recent call last):
        ...
        ValueError: step 2: order=2, prediction='data': a step to clean data has order 1 in data
    """

    noise: NoiseSchedule
    times: tuple[float, ...]
    steps: tuple[SolverStep, ...]
    first: First = "network"
    record: dict[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check what the steps need of each other."""
        object.__setattr__(self, "times", checked_times(self.noise, self.times))
        object.__setattr__(self, "steps", tuple(self.steps))
        check(self)

    def __repr__(self) -> str:
        """Whole for up to 15 steps."""
        return brief(self)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The places of the times."""
        return tuple(self.noise.node(t) for t in self.times)

    @property
    def nfe(self) -> int:
        """Number of network evaluations of a run."""
        return nfe_of(self.steps, self.first)

    # ---- other schedules from this one ---------------------------------------------------

    def on(self, noise: NoiseSchedule) -> SolverSchedule:
        """The same decisions at the same lambdas under another noise schedule.

        The samples, divided by alpha, are the same. ValueError where a lambda is out of range.
        """
        as_noise(noise)
        times = [noise.clean if math.isinf(n.lam) else noise.time_at(n.lam) for n in self.nodes]
        if math.isinf(self.nodes[0].lam):
            raise ValueError(
                f"times[0]={self.times[0]:g}: lambda is infinite; it has no other time"
            )
        return replace(self, noise=noise, times=tuple(float(t) for t in times))

    def tail(self, begin: int) -> SolverSchedule:
        """The schedule without its first steps, orders capped by the history that is left."""
        if not 0 <= begin < len(self.steps):
            raise ValueError(f"begin={begin}: expected 0 to {len(self.steps) - 1}")
        steps = tuple(
            replace(step, start=min(step.start, i))
            for i, step in enumerate(self._at_most(lambda i: i - begin)[begin:], 1)
        )
        return replace(self, times=self.times[begin:], steps=steps) if begin else self

    def lower_final(self) -> SolverSchedule:
        """Orders falling to 1 at the end: step i of N has at most order N - i + 1.

        Known as ``lower_order_final``; it steadies runs of few steps. A step that is lowered
        becomes the schedule's own of that order, where its warm-up has one.
        """
        return replace(self, steps=self._at_most(lambda i: len(self.steps) - i + 1))

    def _at_most(self, order: Callable[[int], int]) -> tuple[SolverStep, ...]:
        """The steps, number i = 1..N with at most that order (and at least 1)."""
        own = {(s.prediction, s.order): s for s in reversed(self.steps)}
        return tuple(_cut(step, max(order(i), 1), own) for i, step in enumerate(self.steps, 1))

    # ---- JSON ----------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; decisions that are the usual ones are left out."""
        return _json.headed(
            "schedule",
            noise=self.noise.to_dict(),
            times=list(self.times),
            steps=[step.unusual for step in self.steps],
            first=self.first,
            record=self.record,
        )

    @staticmethod
    def from_dict(data: Any) -> SolverSchedule:
        """From :meth:`to_dict`; ValueError names what is wrong with it."""
        data = _json.body("schedule", data)
        with _json.reading("solver schedule"):
            steps = tuple(SolverStep(**step) for step in data["steps"])
            noise, times = NoiseSchedule.from_dict(data["noise"]), tuple(data["times"])
            return SolverSchedule(noise, times, steps, data["first"], data.get("record", {}))

    def save(self, path: str | Path) -> None:
        """Write it as a JSON file, whole or not at all."""
        _json.save(path, self.to_dict())

    @staticmethod
    def load(path: str | Path) -> SolverSchedule:
        """Read what :meth:`save` wrote; ValueError where it is not one."""
        return _json.load_as(path, SolverSchedule.from_dict)


def nfe_of(steps: Sequence[SolverStep], first: First) -> int:
    """Network evaluations of a run: one a step, but for an analytic first and implicit ones."""
    implicit = sum(step.corrector == "implicit" for step in steps)
    return len(steps) - (first != "network") + implicit


def as_solver_schedule(schedule: Any) -> SolverSchedule:
    """A solver schedule as it is; TypeError for anything else."""
    if not isinstance(schedule, SolverSchedule):
        raise TypeError(f"schedule={type(schedule).__name__}: expected a SolverSchedule")
    return schedule


def check(schedule: SolverSchedule) -> None:
    """Refuse impossible decisions: see :class:`SolverSchedule`."""
    steps = schedule.steps
    for i, step in enumerate(steps):
        if not isinstance(step, SolverStep):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"steps[{i}]={step!r}: expected a SolverStep")
    if not steps or len(schedule.times) != len(steps) + 1:
        raise ValueError(
            f"times: expected {len(steps) + 1} for {len(steps)} steps (at least one), "
            f"got {len(schedule.times)}"
        )
    one_of("first", schedule.first, FIRSTS)
    if not isinstance(schedule.record, dict):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"record={shown(schedule.record)}: expected a dict of JSON values")
    _check_times(schedule)
    for i, step in enumerate(steps, 1):
        _check_history(i, step, schedule.nodes)
    if steps[-1].corrector != "none":
        raise ValueError(
            f"step {len(steps)}: corrector={steps[-1].corrector!r}: the last step has none; "
            "it would cost a network evaluation"
        )


def _check_times(schedule: SolverSchedule) -> None:
    for i, (before, after) in enumerate(pairwise(schedule.nodes), 1):
        if not after.lam - before.lam >= MIN_GAP:
            raise ValueError(
                f"step {i}: times[{i}]={after.t:g} after {before.t:g}: expected times that fall, "
                f"by at least {MIN_GAP:g} in lambda"
            )


def _check_history(i: int, step: SolverStep, nodes: Sequence[Node]) -> None:
    where = f"step {i}"
    if step.start > i:
        raise ValueError(f"{where}: start={step.start}: only {i} states are known there")
    if math.isinf(nodes[i].lam) and (step.order, step.prediction) != (1, "data"):
        raise ValueError(
            f"{where}: order={step.order}, prediction={step.prediction!r}: "
            "a step to clean data has order 1 in data"
        )
    pure = math.isinf(nodes[0].lam)  # a start of pure noise: no derivative reaches back to it
    if pure and step.start == i and (step.order, step.prediction) != (1, "data"):
        raise ValueError(
            f"{where}: order={step.order}, prediction={step.prediction!r}: "
            "a step from pure noise (alpha = 0) has order 1 in data"
        )
    known = i - (pure and step.start != i)
    if step.order > known:
        raise ValueError(
            f"{where}: order={step.order}: expected at most {known}, the number of outputs "
            "known there at a finite lambda"
        )
    if step.corrector != "none" and pure and step.start == i:
        raise ValueError(f"{where}: corrector={step.corrector!r}: none after pure noise")


def _cut(step: SolverStep, order: int, own: dict[tuple[str, int], SolverStep]) -> SolverStep:
    """A step of that order at most: the schedule's own, or this one with fewer terms."""
    if step.order <= order:
        return step
    if (found := own.get((step.prediction, order))) and (found.start == step.start or order == 1):
        none = step.corrector == "none"
        scaling = "none" if none else found.corrector_scaling
        return replace(found, start=step.start, corrector=step.corrector, corrector_scaling=scaling)
    return step.at_most(order)
