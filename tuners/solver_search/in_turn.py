"""Several refinements, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...solvers.diffusion.saved import Sampler
from .evaluator import Evaluator
from .refiner import Allowance, NewBest, Refiner

LEAST = 4
"""A refinement with fewer evaluations than this is left out."""


@dataclass(frozen=True)
class InTurn:
    """Each starts from what the one before it found.

    They share the evaluations evenly; what one leaves, the next ones have.

    Args:
        refiners: In their order, at least one.

    Raises:
        ValueError: there is none.
    """

    refiners: Sequence[Refiner]

    def __post_init__(self) -> None:
        """Check that there is something to do."""
        if not self.refiners:
            raise ValueError(f"refiners={self.refiners!r}: expected at least one")

    def __call__(
        self,
        sampler: Sampler,
        train: Evaluator,
        validation: Evaluator,
        evaluations: int,
        callback: NewBest | None = None,
    ) -> Sampler:
        """Refine; see :class:`~.refiner.Refiner`."""
        allowance = Allowance(evaluations, train, validation)
        for turn, refiner in enumerate(self.refiners):
            share = allowance.left // (len(self.refiners) - turn)
            if share >= LEAST:
                sampler = refiner(sampler, train, validation, share, callback)
        return sampler
