"""What the evaluations of samplers cost: counted at the network, timed by the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager

from ._network import Network
from .cost import Cost


class Meter:
    """The counts of one evaluator.

    Args:
        network: What is called.
        noises: How many noises an evaluation runs on.
    """

    def __init__(self, network: Network, noises: int) -> None:
        self._network, self._noises = network, noises
        self._evaluations, self._parts = 0, 0.0
        self._seconds = 0.0
        self.rejected = 0

    @property
    def cost(self) -> Cost:
        """What the evaluations have cost so far."""
        calls, forwards = self._network.snapshot()
        evaluations = self._evaluations + math.ceil(self._parts - 1e-9)
        return Cost(evaluations, calls, self._seconds, forwards, self.rejected)

    def settle(self) -> None:
        """Round parts up for good: what comes now is counted alike whatever went before."""
        self._evaluations, self._parts = self.cost.evaluations, 0.0

    @contextmanager
    def evaluation(self) -> Generator[None]:
        """Count what is inside as one."""
        self._evaluations += 1
        with self._timed():
            yield

    @contextmanager
    def parts(self, nfe: int) -> Generator[None]:
        """Count what is inside by the samples that go through the network: nfe a noise are one."""
        before = self._network.forwards
        try:
            with self._timed():
                yield
        finally:
            self._parts += (self._network.forwards - before) / (nfe * self._noises)

    @contextmanager
    def apart(self) -> Generator[list[Cost]]:
        """Count nothing of what is inside; its own cost is in the list when it has ended well."""
        before, began = self._network.snapshot(), time.perf_counter()
        found: list[Cost] = []
        try:
            yield found
        finally:
            calls, forwards = (a - b for a, b in zip(self._network.snapshot(), before, strict=True))
            self._network.calls, self._network.forwards = before
        found.append(Cost(0, calls, time.perf_counter() - began, forwards))

    @contextmanager
    def _timed(self) -> Generator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds += time.perf_counter() - began
