"""Tuners on tables of costs: what is solved once serves all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Played:
    """What was chosen and what it cost, system by system, (T,) each."""

    omegas: Vector
    costs: Counts


def play(tuner: Any, contexts: Vector, omegas: Vector, table: Counts) -> Played:
    """Let a tuner choose an arm for every system in turn.

    Args:
        tuner: Asked with the context, told the count.
        contexts: Of the systems (T,).
        omegas: What each arm stands for (T, d).
        table: Iterations of each arm on each system (T, d).
    """
    arms = np.empty(len(table), np.int64)
    for t, context in enumerate(contexts.tolist()):
        choice = tuner.ask(context)
        arms[t] = choice.arm
        tuner.tell(choice, float(table[t, choice.arm]))
    rows = np.arange(len(table))
    return Played(omegas[rows, arms], table[rows, arms])
