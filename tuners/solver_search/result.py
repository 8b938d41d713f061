"""What a search found, what it is worth, and what it has cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ...schedules._checks import shown, whole
from ...solvers.diffusion import _json
from ...solvers.diffusion.saved import Sampler, load_sampler
from .cost import Cost

T = TypeVar("T")

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
        """Score on test, relative to the best fixed sampler's; below 1 is better.

        Where that one's is 0: 1 for another 0, infinite otherwise.
        """
        own, fixed = self.scores.test, self.fixed_scores.test
        return own / fixed if fixed else 1.0 if own == 0 else math.copysign(math.inf, own)

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
            scores=scores_out(self.scores),
            fixed_scores=scores_out(self.fixed_scores),
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
                nfe=whole("nfe", data["nfe"], low=1),
                sampler=load_sampler(data["sampler"]),
                origin=_as(str, "origin", data["origin"]),
                scores=_scores_in(data["scores"]),
                searched=_json.number_in(data["searched"]),
                fixed_name=_as(str, "fixed_name", data["fixed_name"]),
                fixed_sampler=load_sampler(data["fixed_sampler"]),
                fixed_scores=_scores_in(data["fixed_scores"]),
                costs={phase: Cost.from_dict(cost) for phase, cost in data["costs"].items()},
                history=tuple(
                    (whole("history", n), _json.number_in(score)) for n, score in data["history"]
                ),
                settings=_as(dict, "settings", data["settings"]),
                interrupted=_as(bool, "interrupted", data["interrupted"]),
            )

    def save(self, path: str | Path) -> None:
        """Write it as a JSON file, whole or not at all."""
        _json.save(path, self.to_dict())

    @staticmethod
    def load(path: str | Path) -> SearchResult:
        """Read what :meth:`save` wrote; ValueError where it is not one."""
        return _json.load_as(path, SearchResult.from_dict)


def scores_out(scores: Scores) -> list[Any]:
    """As JSON values: train, validation, test."""
    return [_json.number_out(s) for s in (scores.train, scores.validation, scores.test)]


def _scores_in(data: list[Any]) -> Scores:
    return Scores(*(_json.number_in(s) for s in data))


def _as(kind: type[T], name: str, value: Any) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{name}={shown(value)}: expected a {kind.__name__}")
    return value
