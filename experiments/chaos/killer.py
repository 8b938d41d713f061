"""Killing and stopping a command at random moments until it is complete."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .case import Case
from .checks import Calm, Verdict
from .launch import Launch, Life, Place, Start

PATIENCE = 300.0
"""Seconds in which a command must end after a signal; far more than any needs."""

MOST_ROUNDS = 100
"""A command that is complete so often before the signals are used up is too short for them."""


@dataclass(frozen=True)
class Killer:
    """Ends lives of one case.

    Attributes:
        case: What is killed.
        calm: What an undisturbed run gave.
        folder: Where it runs.
        starts: How a life that ends by a signal is started, by the signal.
        rng: Draws the moments.
    """

    case: Case
    calm: Calm
    folder: Path
    starts: Mapping[int, Start]
    rng: random.Random

    def spree(self, signals: Iterable[int], verdict: Verdict) -> int:
        """End one life by each signal; a run that is complete before is judged, and begun anew.

        Returns:
            How often the command was complete.
        """
        order = list(signals)
        # A run that is complete too soon is faster than the undisturbed one: lives become shorter.
        longest, pace = 2 * (self.calm.seconds - self.calm.again) / len(order), 1.0
        rounds, place = 1, self._place(1)
        while order and rounds <= MOST_ROUNDS:
            if self._life(place, order[-1], longest, pace, verdict) == 0:
                pace *= 0.8
                verdict.complete(self.case, place, self.calm)
                shutil.rmtree(place.folder)
                rounds, place = rounds + 1, self._place(rounds + 1)
            else:
                order.pop()
        if order:
            verdict.faults.append(f"complete too soon for {len(order)} of the signals")
        finish(self.case, place, self.calm, self.starts[signal.SIGKILL].launch, verdict)
        return rounds

    def _place(self, number: int) -> Place:
        return Place(self.folder / f"round-{number}").make()

    def _life(
        self, place: Place, number: int, longest: float, pace: float, verdict: Verdict
    ) -> int | None:
        """A life and its end; what it has finished must be there afterwards."""
        before = dict(verdict.kept(self.case, place))
        start = self.starts[number]
        life = start.launch(self.case, place)
        if number != signal.SIGKILL:
            life.settle()
        code = life.wait(self.rng.uniform(0.0, pace * (start.idle + longest)))
        if code is None:
            code = end(life, number)
            verdict.ended(code, (0, *self.case.stopped[number]), place)
        else:
            verdict.ended(code, (0,), place)
        verdict.grown(before, verdict.kept(self.case, place))
        return code


def end(life: Life, number: int) -> int | None:
    """Send a signal and wait; who does not heed it is killed after all, and None given back."""
    os.kill(life.pid, number)
    code = life.wait(PATIENCE)
    if code is None:
        os.kill(life.pid, signal.SIGKILL)
        life.wait(PATIENCE)
    return code


def finish(case: Case, place: Place, calm: Calm, launch: Launch, verdict: Verdict) -> None:
    """Let a command become complete, and judge it."""
    life = launch(case, place)
    code = life.wait(PATIENCE + 10 * calm.seconds)
    if code is None:
        end(life, signal.SIGKILL)
    verdict.ended(code, (0,), place)
    if code == 0:
        verdict.complete(case, place, calm)
    else:
        verdict.equal = False
