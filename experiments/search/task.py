"""What one search is: its settings, checked when it is made, and the name workers know it by."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...schedules._checks import one_of, whole
from ...tuners.solver_search.search_on import refining_of
from .feeds import METHODS

PROTOCOL = "v1"
"""Part of every key: raise it when the meaning of a result changes, and no old one is reused."""

NOISES = ("train", "validation", "test")


@dataclass(frozen=True)
class Task:
    """A search of solver schedules for one model.

    Args:
        model: A testbed's name, or the folder of a diffusers checkpoint.
        nfe: Numbers of network evaluations per sample; one search serves all. They are put in
            order: what is found does not depend on how they were typed.
        evaluations: True evaluations of search and refinement together, for each ``nfe``.
        seed: Of the noises and the search.
        method: A name of :data:`~.feeds.METHODS`.
        noises: How many to search on, to choose on, to report on.
        refine: Whether the winner is refined by gradients.

    Raises:
        TypeError, ValueError: a setting out of range, or an ``nfe`` given twice.
    """

    model: str
    nfe: tuple[int, ...]
    evaluations: int = 400
    seed: int = 0
    method: str = "s3"
    noises: tuple[int, ...] = (256, 512, 2048)
    refine: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.nfe:
            raise ValueError("nfe: expected at least one number of network evaluations")
        for i, nfe in enumerate(self.nfe):
            whole("nfe", nfe, low=1)
            if nfe in self.nfe[:i]:
                raise ValueError(f"nfe={nfe}: given twice")
        object.__setattr__(self, "nfe", tuple(sorted(self.nfe)))
        whole("evaluations", self.evaluations, low=4)
        whole("seed", self.seed)
        one_of("method", self.method, METHODS)
        if len(self.noises) != len(NOISES):
            raise ValueError(
                f"noises={','.join(map(str, self.noises))!r}: expected three numbers: to search "
                "on, to choose on, to report on"
            )
        for count in self.noises:
            whole("noises", count, low=1)

    @property
    def refining(self) -> int:
        """Evaluations of the refinement, for each ``nfe``."""
        return refining_of(self.evaluations) if self.refine else 0

    @property
    def searching(self) -> int:
        """Evaluations of the search, for each ``nfe``."""
        return self.evaluations - self.refining

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
