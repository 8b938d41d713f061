"""A sequence under way: its records, its tuner, its checkpoint."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schedules._checks import finite_or_not
from ...solvers.linear import Solution
from ._checkpoint import Checkpoint
from .choice import Choice
from .policies import PolicyClass
from .report import COLUMNS, SequenceReport


class Progress:
    """What has been solved, and where it is saved.

    Args:
        tuner: Asked and told.
        settings: What a checkpoint must agree with, as plain values.
        path: The checkpoint's file, or None.
        every: Seconds between two checkpoints.

    Attributes:
        whole: False within an ask or a tell, of which a file would hold half.
        x: Solution of the last system, if usable.
    """

    def __init__(
        self, tuner: Any, settings: dict[str, Any], path: str | Path | None, every: float
    ) -> None:
        self._tuner, self._path, self._every = tuner, path, every
        self._meta: dict[str, Any] = json.loads(json.dumps(settings))
        self._columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        self._tuning, self._saved = 0.0, time.monotonic()
        self._pending: Choice | None = None
        self._asked: float | None = None  # with this context; not every tuner's choice holds it
        self.x: NDArray[Any] | None = None
        self.whole = True
        if path is not None and Path(path).exists():
            self._resume(Checkpoint.load(path, self._meta))
        else:
            self.save()  # what cannot be written is refused before there is something to lose

    def __len__(self) -> int:
        """Systems solved."""
        return len(self._columns["arms"])

    def _resume(self, found: Checkpoint) -> None:
        self._tuner.load_state_dict(found.tuner)
        self.x, self._tuning = found.x, found.report.tuning_seconds
        self._columns = {name: a.tolist() for name, a in found.report.columns().items()}
        if found.pending is not None:
            held, arm, probability, context, baselines, self._asked = found.pending
            if held or hasattr(self._tuner, "arms"):
                value = held[0] if held else self._value(arm, context)
                self._pending = Choice(value, arm, probability, context, tuple(baselines))

    def _value(self, arm: int, context: float | None) -> Any:
        """What the tuner's ask gave for an arm whose value a file cannot hold."""
        value = self._tuner.arms[arm]
        return value(context) if isinstance(self._tuner, PolicyClass) else value

    def ask(self, context: float | None) -> Choice:
        """The tuner's choice; after an interrupted solve the one that was made for it.

        A system that comes back with another context is another system, and asked for anew.
        """
        if self._pending is not None and self._asked == context:
            return self._pending
        start, self.whole = time.perf_counter(), False
        choice: Choice = self._tuner.ask(context)
        self._tuning += time.perf_counter() - start
        self._pending, self._asked, self.whole = choice, context, True
        return choice

    def tell(self, choice: Choice, solution: Solution, cost: float, seconds: float, x: Any) -> None:
        """Tell the tuner, record the solve, and keep the x to go on from."""
        start, self.whole = time.perf_counter(), False
        self._tuner.tell(choice, cost)
        self._tuning += time.perf_counter() - start
        self._pending, self.x = None, x
        row = {
            "arms": choice.arm,
            "omegas": solution.omega,
            "contexts": math.nan if self._asked is None else self._asked,
            "iterations": solution.iterations,
            "costs": finite_or_not(cost),
            "seconds": seconds,
            "converged": solution.converged,
        }
        for name, value in row.items():
            self._columns[name].append(value)
        self.whole = True

    def report(self) -> SequenceReport:
        """What has been solved so far."""
        arrays = {name: np.array(self._columns[name], dtype) for name, dtype in COLUMNS.items()}
        return SequenceReport(**arrays, tuning_seconds=self._tuning, meta=self._meta)

    def save_when_due(self) -> None:
        """Write the checkpoint if the last one is old enough."""
        if self._path is not None and time.monotonic() - self._saved >= self._every:
            self.save()

    def save(self) -> None:
        """Write the checkpoint, if there is to be one."""
        if self._path is not None:
            state = self._tuner.state_dict()
            Checkpoint(self.report(), self.x, state, self._plain_pending()).save(self._path)
            self._saved = time.monotonic()

    def _plain_pending(self) -> list[Any] | None:
        if self._pending is None:
            return None
        value, *rest = self._pending
        try:
            plain = json.loads(json.dumps(value)) == value
        except (TypeError, ValueError):
            plain = False
        return [[value] if plain else [], *rest, self._asked]
