"""The runs of a comparison: which there are, and one file for each that is finished."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...schedules._atomic import write_text
from ..compare.rates import AutoRates, Rate
from ..records import json_text, read_json
from ..tasks import get_task
from .method import Method
from .setting import Setting
from .trial import Trial

SEEDS = (0, 1, 2)
FRESH = (3, 4, 5)
"""Seeds that no choice was made on."""
TUNING_SEED = 0
"""The one on which a schedule's rate is chosen, by its validation metric."""


@dataclass(frozen=True)
class Cell:
    """One run of a setting.

    Attributes:
        method: The method's name.
        lr: Rate that it begins from.
        seed: Of weights and batches.
    """

    method: str
    lr: float
    seed: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.method.replace(' ', '-')}-{self.lr:.6g}-{self.seed}"


class Cells:
    """Finished runs of a setting in a folder; those of another size are left out.

    Args:
        folder: One JSON file for each run.
        setting: What they are runs of.
    """

    def __init__(self, folder: Path, setting: Setting) -> None:
        self._folder, self.setting = folder, setting

    def get(self, cell: Cell) -> Trial | None:
        """The result of a run, if it is finished; ValueError where its file is damaged."""
        path = self._folder / f"{cell.name}.json"
        return read_json(path, self._read) if path.exists() else None

    def add(self, cell: Cell, trial: Trial) -> None:
        """Keep a result; its file is there whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        data = {"setting": asdict(self.setting), "cell": asdict(cell), "trial": trial.to_dict()}
        write_text(self._folder / f"{cell.name}.json", json_text(data))

    def _read(self, data: dict[str, Any]) -> Trial | None:
        return Trial.from_dict(data["trial"]) if data["setting"] == asdict(self.setting) else None


@dataclass(frozen=True)
class Chosen:
    """The runs of a method that are compared: one a seed, from one rate.

    Attributes:
        method: Its name.
        start: Multiple of the task's default rate that it began from; nan where it was tuned.
        lr: The rate.
        trials: One a seed; fewer while the comparison is under way.
        tried: Rates that were tried for it, with their validation metrics (inf: diverged).
    """

    method: str
    start: float
    lr: float
    trials: tuple[Trial, ...]
    tried: tuple[tuple[float, float], ...] = ()


Run = Callable[[Cell], Trial | None]
"""Gives the result of a run: does it, or looks it up (None where there is none)."""


def chosen(
    setting: Setting, method: Method, run: Run, seeds: Sequence[int] = SEEDS
) -> Iterator[Chosen]:
    """All runs of a method, in order, and which of them are compared.

    A tuned schedule is run at rates in multiples of 3, on one seed, until the best lies inside,
    and then on all ``seeds`` at that rate. One that diverges at every rate gives nothing.
    """
    default = get_task(setting.task).base_lrs[setting.optimizer]
    if not method.tuned:
        for start in method.starts:
            lr = start * default
            yield Chosen(method.name, start, lr, _trials(method, lr, run, seeds))
        return
    tuned = _tuned(AutoRates(setting.around), method, run)
    if tuned is not None:
        best, tried = tuned
        yield Chosen(method.name, math.nan, best, _trials(method, best, run, seeds), tried)


def _tuned(
    grid: AutoRates, method: Method, run: Run
) -> tuple[float, tuple[tuple[float, float], ...]] | None:
    """The best rate, and all with their validation metrics; None where one is missing.

    Metrics are compared to three digits: finer differences are noise of the one seed, and the
    grid would widen after them.
    """
    vals: dict[float, float] = {}

    def score(rate: Rate) -> float | None:
        val = vals.get(rate.value)
        return None if val is None else float(f"{val:.3g}")

    while not (search := grid.search(score)).complete:
        for rate in search.rates:
            if rate.value not in vals:
                trial = run(Cell(method.name, rate.value, TUNING_SEED))
                if trial is None:
                    return None
                vals[rate.value] = math.inf if trial.val is None else trial.val
    best = None if search.best is None else search.best.value
    return None if best is None else (best, tuple(sorted(vals.items())))


def _trials(method: Method, lr: float, run: Run, seeds: Sequence[int]) -> tuple[Trial, ...]:
    found = (run(Cell(method.name, lr, seed)) for seed in seeds)
    return tuple(trial for trial in found if trial is not None)


def finished(cells: Cells, methods: Sequence[Method], seeds: Sequence[int] = SEEDS) -> list[Chosen]:
    """What is compared, of the runs that are finished."""
    found = [c for method in methods for c in chosen(cells.setting, method, cells.get, seeds)]
    return [c for c in found if c.trials]
