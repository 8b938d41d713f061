"""Evolution: children of the best schedules, by mutation, crossover and differences."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ...schedules._checks import number, whole
from ...solvers.diffusion.schedule import SolverSchedule
from .canonical import key
from .mating import crossover, difference
from .moves import mutate
from .space import Space

Score = Callable[[Sequence[SolverSchedule]], np.ndarray]
"""Predicted costs of schedules: lower is better."""


@dataclass(frozen=True)
class Evolution:
    """How children are bred and, where costs are predicted, which are worth a true evaluation.

    Args:
        population: Schedules that may be parents: the best known.
        focus: Parents are drawn with probability e^(-focus rank / population): 0 draws them alike.
        crossover: Share of children with two parents.
        difference: Share of children moved by the difference of two others.
        pool: Predicted children in each generation, per child that is wanted.
        generations: Generations of predicted evolution between true evaluations.
        unguided: Share of a guided batch that is bred without regard to the prediction.

    Raises:
        TypeError, ValueError: settings out of range.
    """

    population: int = 20
    focus: float = 4.0
    crossover: float = 0.2
    difference: float = 0.3
    pool: int = 4
    generations: int = 2
    unguided: float = 0.25

    def __post_init__(self) -> None:
        """Check the settings."""
        whole("population", self.population, low=3)
        whole("pool", self.pool, low=1)
        whole("generations", self.generations, low=1)
        number("focus", self.focus, low=0)
        number("unguided", self.unguided, low=0, high=1)
        for name in ("crossover", "difference"):
            number(name, getattr(self, name), low=0, high=1)
        if self.crossover + self.difference > 1:
            raise ValueError(
                f"crossover={self.crossover}, difference={self.difference}: more than 1 in sum"
            )

    def breed(
        self,
        ranked: Sequence[SolverSchedule],
        count: int,
        space: Space,
        rng: np.random.Generator,
        taken: Collection[str],
    ) -> dict[str, SolverSchedule]:
        """Up to ``count`` new schedules by key, from parents given best first.

        Fewer only where the space has hardly any more. None is in ``taken``.
        """
        parents = list(ranked[: self.population])
        weights = np.exp(-self.focus * np.arange(len(parents)) / self.population)
        weights /= weights.sum()
        found: dict[str, SolverSchedule] = {}
        for _ in range(50 * count):
            if len(found) == count:
                break
            child = self._child(parents, weights, space, rng)
            name = key(child)
            if name not in taken:
                found.setdefault(name, child)
        return found

    def guided(
        self,
        ranked: Sequence[SolverSchedule],
        count: int,
        space: Space,
        rng: np.random.Generator,
        taken: Collection[str],
        score: Score,
    ) -> dict[str, SolverSchedule]:
        """Children that a predictor prefers, after evolution on its predictions alone."""
        free = round(self.unguided * count)
        pool: dict[str, SolverSchedule] = {}
        parents = list(ranked[: self.population])
        for _ in range(self.generations):
            pool |= self.breed(parents, self.pool * count, space, rng, {*taken, *pool})
            names = list(pool)
            order = np.argsort(score([pool[name] for name in names]), kind="stable")
            pool = {names[i]: pool[names[i]] for i in order}
            parents = [*ranked[: self.population // 2], *pool.values()]
        best = dict(list(pool.items())[: count - free])
        return best | self.breed(ranked, count - len(best), space, rng, {*taken, *best})

    def _child(
        self,
        parents: Sequence[SolverSchedule],
        weights: np.ndarray,
        space: Space,
        rng: np.random.Generator,
    ) -> SolverSchedule:
        drawn = rng.choice(len(parents), 3, p=weights)
        one, two, three = (parents[i] for i in drawn)
        way = rng.random()
        if way < self.difference:
            a, b = (parents[i] for i in rng.integers(len(parents), size=2))
            child = difference(one, a, b, space, rng)
            return mutate(child, space, rng) if rng.random() < 0.3 else child
        if way < self.difference + self.crossover:
            child = crossover(one, two if two is not one else three, rng, space.gap)
            return mutate(child, space, rng) if rng.random() < 0.5 else child
        return mutate(one, space, rng)
