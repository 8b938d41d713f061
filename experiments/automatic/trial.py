"""One run: a method on a setting from a rate and a seed, measured on the way and at the end."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch

from ...tuners.autolrs import AllDiverged
from .method import Method, Progress
from .problem import Problem
from .setting import Setting

POINTS = 10


@dataclass(frozen=True)
class Trial:
    """What a run gave; lower metrics are better, None stands for one that diverged.

    Attributes:
        val: Validation metric at the end.
        test: Test metric at the end.
        curve: Test metric at 1/10, ..., 10/10 of the updates, on the part read on the way; during
            a search it is that of the state the search began from.
        steps: Updates of the optimizer, searches included.
        seconds: Wall-clock time without the measuring.
        notes: What the method says.
    """

    val: float | None
    test: float | None
    curve: tuple[float, ...]
    steps: int
    seconds: float
    notes: dict[str, Any] = field(default_factory=dict[str, Any])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Trial:
        """The trial that :meth:`to_dict` saved."""
        return replace(Trial(**data), curve=tuple(data["curve"]))


def run(setting: Setting, method: Method, lr: float, seed: int) -> Trial:
    """Train from the seed alone, and measure."""
    problem = Problem(setting, seed)
    notes: dict[str, Any] = {}
    curve, steps = list[float](), 0
    began, measuring = time.perf_counter(), 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of searches at an edge: notes tell them
        for steps in _while_finite(method.train(problem, lr, notes), notes):
            if steps >= _next_point(curve, setting):
                paused = time.perf_counter()
                metric = problem.metric("read")
                while len(curve) < POINTS and steps >= _next_point(curve, setting):
                    curve.append(metric)
                measuring += time.perf_counter() - paused
    seconds = round(time.perf_counter() - began - measuring, 3)
    val = test = math.nan
    if "diverged" not in notes:
        val, test = problem.metric("val"), problem.metric("test")
        curve += [problem.metric("read")] * (POINTS - len(curve))
    return Trial(_finite(val), _finite(test), tuple(curve), steps, seconds, notes)


def _next_point(curve: list[float], setting: Setting) -> float:
    """Updates at the next reading; infinite after the last."""
    return math.inf if len(curve) == POINTS else (len(curve) + 1) * setting.steps / POINTS


def _while_finite(progress: Iterator[Progress], notes: dict[str, Any]) -> Iterator[int]:
    """Updates so far, until the end or the first loss that is not finite, which is noted."""
    try:
        for steps, loss in progress:
            yield steps
            if not torch.isfinite(loss):
                notes["diverged"] = steps
                return
    except AllDiverged as error:
        notes["diverged"] = str(error)


def _finite(metric: float) -> float | None:
    return metric if math.isfinite(metric) else None
