"""What a search found, what it is worth, and what it has cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...schedules._atomic import write_text
from ...solvers.diffusion import _json
from ...solvers.diffusion.saved import Sampler, load_sampler
from .cost import Cost

PHASES = ("reference", "fixed", "search", "choice", "refinement", "test")
"""What costs are kept apart by."""


@dataclass(frozen=True)
class Scores:
    """A sampler's scores: what it was searched by, chosen by, and is reported by."""

    train: float
    validation: float
    test: float


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The sampler found for one number of network evaluations.

    Args:
        nfe: Network evaluations per sample.
        sampler: What was found; a schedule's ``record`` tells this result in short.
        origin: Where it comes from: "search", "refinement", or the name of a fixed sampler that
            nothing found was better than on validation.
        scores: Its scores.
        searched: Score on validation of the best the search found, before refinement.
        fixed_name: The best fixed sampler, as validation sees it...
        fixed_sampler: ...itself...
        fixed_scores: ...and its scores.
        costs: By phase: "reference" (exact solutions), "fixed" (the fixed samplers on train),
            "search" (on train), "choice" (on validation), "refinement" (on both), "test".
        history: (evaluations told, best score on train so far), whenever the best changed.
        settings: What the search was asked.
        interrupted: Whether it was stopped before its evaluations were spent.
    """

    nfe: int
    sampler: Sampler
    origin: str
    scores: Scores
    searched: float
    fixed_name: str
    fixed_sampler: Sampler
    fixed_scores: Scores
    costs: Mapping[str, Cost]
    history: tuple[tuple[int, float], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    interrupted: bool = False

    @property
    def ratio(self) -> float:
        """Score on test, relative to the best fixed sampler's; below 1 is better."""
        return self.scores.test / self.fixed_scores.test

    @property
    def cost(self) -> Cost:
        """All of it together, the reference and the comparison with fixed samplers too."""
        return sum(self.costs.values(), Cost())

    def __str__(self) -> str:
        """Three lines: what it is worth, what was there before, what it cost."""
        cost, fixed = self.cost, self.fixed_scores.test
        return (
            f"{self.nfe} network evaluations: {self.scores.test:.4g} on test noises ({self.origin})"
            f"\nbest fixed sampler, {self.fixed_name}: {fixed:.4g}; ratio {self.ratio:.2f}"
            f"\ncost: {cost.evaluations} evaluations, {cost.calls} network calls, "
            f"{cost.seconds:.1f} s"
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        own = {name: getattr(self, name) for name in ("nfe", "origin", "fixed_name", "interrupted")}
        return _json.headed(
            "search-result",
            **own,
            sampler=self.sampler.to_dict(),
            fixed_sampler=self.fixed_sampler.to_dict(),
            searched=_json.number_out(self.searched),
            scores=_scores_out(self.scores),
            fixed_scores=_scores_out(self.fixed_scores),
            costs={phase: asdict(cost) for phase, cost in self.costs.items()},
            history=[[count, _json.number_out(score)] for count, score in self.history],
            settings=dict(self.settings),
        )

    @staticmethod
    def from_dict(data: Any) -> SearchResult:
        """From :meth:`to_dict`; ValueError names what is wrong with it."""
        data = _json.body("search-result", data)
        with _json.reading("search result"):
            return SearchResult(
                nfe=data["nfe"],
                sampler=load_sampler(data["sampler"]),
                origin=data["origin"],
                scores=_scores_in(data["scores"]),
                searched=_json.number_in(data["searched"]),
                fixed_name=data["fixed_name"],
                fixed_sampler=load_sampler(data["fixed_sampler"]),
                fixed_scores=_scores_in(data["fixed_scores"]),
                costs={phase: Cost(**cost) for phase, cost in data["costs"].items()},
                history=tuple((n, _json.number_in(score)) for n, score in data["history"]),
                settings=data["settings"],
                interrupted=data["interrupted"],
            )

    def save(self, path: str | Path) -> None:
        """Write it as a JSON file, whole or not at all."""
        write_text(path, json.dumps(self.to_dict(), indent=1))

    @staticmethod
    def load(path: str | Path) -> SearchResult:
        """Read what :meth:`save` wrote; ValueError where it is not one."""
        return _json.load_as(path, SearchResult.from_dict)


def _scores_out(scores: Scores) -> list[Any]:
    return [_json.number_out(s) for s in (scores.train, scores.validation, scores.test)]


def _scores_in(data: list[Any]) -> Scores:
    return Scores(*(_json.number_in(s) for s in data))
