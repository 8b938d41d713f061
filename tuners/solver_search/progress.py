"""Where a search stands, for whoever watches it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Given to the callback of a search after every evaluation.

    Args:
        phase: "fixed" (the fixed samplers on the usual grids), "search", "choice" (the best again,
            on validation), or "refinement" (at each new best).
        nfe: Network evaluations per sample of what was evaluated.
        done: Evaluations done in this phase.
        total: How many it may come to.
        best: Best score at this ``nfe`` so far: on train while searching, on validation after.
        fixed: The best fixed sampler's, on the same noises.
    """

    phase: str
    nfe: int
    done: int
    total: int
    best: float = math.inf
    fixed: float = math.inf


Watch = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """The callback of those who give none."""
