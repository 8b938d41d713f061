"""The jobs of a search, and what they give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ...solvers.diffusion import _json
from ...solvers.diffusion.saved import Sampler
from ...tuners.solver_search import Cost, SearchResult, key

Phase = Literal["fixed", "search"]


@dataclass(frozen=True)
class Solving:
    """Exact solutions from some of the noises, kept in a folder.

    Attributes:
        folder: The folder's identity: what another has in it is of no use here.
        set: "train", "validation" or "test".
        start: The first noise.
        name: Of the file.
    """

    folder: str
    set: str
    start: int
    name: str

    @property
    def key(self) -> str:
        """What all workers call it."""
        return f"exact|{self.folder}|{self.name}"

    @property
    def details(self) -> dict[str, Any]:
        """For those who look at the study with Optuna's own tools."""
        return {"phase": "exact", "set": self.set, "start": self.start}


@dataclass(frozen=True)
class Solved:
    """That exact solutions are there, and what they took."""

    cost: Cost

    @property
    def value(self) -> float:
        """Seconds."""
        return self.cost.seconds

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self.cost)


@dataclass(frozen=True)
class Evaluation:
    """The true evaluation of one sampler on the train noises.

    Attributes:
        search: The search's identity.
        phase: Whether it is one of the fixed samplers, or proposed by the search.
        sampler: What is evaluated.
        bound: The best cost known; an evaluation far above it ends early.
    """

    search: str
    phase: Phase
    sampler: Sampler = field(repr=False)
    bound: float = math.inf

    @property
    def key(self) -> str:
        """What all workers call it."""
        return evaluation_key(self.search, self.phase, self.sampler)

    @property
    def details(self) -> dict[str, Any]:
        """For those who look at the study with Optuna's own tools."""
        return {"search": self.search, "phase": self.phase, "nfe": self.sampler.nfe}


@dataclass(frozen=True)
class Score:
    """What an evaluation gave.

    Attributes:
        value: The objective on the train noises, inf where the run diverged.
        cost: What it took.
    """

    value: float
    cost: Cost

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"value": _json.number_out(self.value), "cost": asdict(self.cost)}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Score:
        """The score that :meth:`to_dict` saved."""
        return Score(_json.number_in(data["value"]), Cost.from_dict(data["cost"]))


@dataclass(frozen=True)
class Finish:
    """Choice, refinement and report at one NFE, after its search."""

    search: str
    nfe: int

    @property
    def key(self) -> str:
        """What all workers call it."""
        return f"{self.search}|finish|{self.nfe}"

    @property
    def details(self) -> dict[str, Any]:
        """For those who look at the study with Optuna's own tools."""
        return {"search": self.search, "phase": "finish", "nfe": self.nfe}


@dataclass(frozen=True)
class Rival:
    """A fixed solver on its best grid, as the train noises tell it (the best, as validation does).

    Attributes:
        name: Of the sampler, as "unipc_2 @ rho7".
        train: Its score there.
        test: Its score on the test noises.
    """

    name: str
    train: float
    test: float

    @property
    def solver(self) -> str:
        """The solver, without its grid."""
        return solver_of(self.name)


@dataclass(frozen=True)
class Found:
    """What a search found at one NFE, beside every fixed solver."""

    result: SearchResult
    rivals: tuple[Rival, ...]

    @property
    def value(self) -> float:
        """Its score on the test noises."""
        return self.result.scores.test

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        rivals = [
            [r.name, _json.number_out(r.train), _json.number_out(r.test)] for r in self.rivals
        ]
        return {"result": self.result.to_dict(), "rivals": rivals}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Found:
        """The findings that :meth:`to_dict` saved."""
        rivals = tuple(
            Rival(name, *(_json.number_in(score) for score in scores))
            for name, *scores in data["rivals"]
        )
        return Found(SearchResult.from_dict(data["result"]), rivals)


def evaluation_key(search: str, phase: Phase, sampler: Sampler) -> str:
    """What all workers call the evaluation of a sampler."""
    return f"{search}|{phase}|{sampler.nfe}|{key(sampler)}"


def solver_of(name: str) -> str:
    """The solver of a fixed sampler, without its grid and variant.

    Example:
        >>> solver_of("unipc_3 lower_final @ log")
        'unipc_3'
    """
    return name.split(" ", 1)[0]
