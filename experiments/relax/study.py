"""Many trials of the synthetic task, one file each; a killed study goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..records import read_json, write_json
from .comparators import COMPARATORS, Comparator
from .play import Played
from .synthetic import Trial, Variance

QUARTERS = 4
VARIANCES: tuple[Variance, ...] = ("low", "high")


@dataclass(frozen=True)
class Protocol:
    """What is run: trials of seeds 0, 1, ... for both variances.

    Attributes:
        trials: Trials of each variance.
        steps: Instances of a trial, T.
    """

    trials: int = 40
    steps: int = 5000

    @property
    def keys(self) -> list[tuple[Variance, int]]:
        """Variance and seed of each trial."""
        return [(variance, seed) for seed in range(self.trials) for variance in VARIANCES]


@dataclass(frozen=True)
class Score:
    """One comparator in one trial.

    Attributes:
        mean: Iterations per instance.
        quarters: The same in each quarter of the trial.
    """

    mean: float
    quarters: tuple[float, ...]

    @staticmethod
    def of(played: Played) -> Score:
        """From what was played."""
        parts = np.array_split(played.costs, QUARTERS)
        return Score(float(played.costs.mean()), tuple(float(part.mean()) for part in parts))


Scores = dict[str, Score]
"""Of the comparators in one trial, by name."""


class Held(NamedTuple):
    """What a file holds of a trial: its scores, and the processor time it took."""

    scores: Scores
    seconds: float


def run_study(
    protocol: Protocol, folder: Path, jobs: int, more: Mapping[str, Comparator] | None = None
) -> Iterator[tuple[int, int]]:
    """Run the trials that the folder lacks; yields how many are done, of how many.

    Args:
        protocol: What to run.
        folder: One JSON file a trial.
        jobs: Processes.
        more: Further comparators, importable by other processes.

    Raises:
        ValueError: a file is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys = protocol.keys
    names = [*COMPARATORS, *(more or {})]
    left = [key for key in keys if _held(folder, *key, protocol.steps, names) is None]
    yield len(keys) - len(left), len(keys)
    tasks = [(Trial(*key, protocol.steps), dict(more or {}), folder) for key in left]
    for done, _ in enumerate(_each(tasks, jobs), len(keys) - len(left) + 1):
        yield done, len(keys)


def _each(tasks: list[tuple[Any, ...]], jobs: int) -> Iterator[None]:
    """Run every task, in other processes where there are to be several."""
    if jobs == 1:
        for task in tasks:
            yield _run(*task)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_run, *task) for task in tasks]):
            yield future.result()


def read_scores(protocol: Protocol, folder: Path, variance: Variance) -> list[Scores]:
    """The scores of all trials of a variance, in the order of their seeds."""
    held = [_held(folder, variance, seed, protocol.steps, []) for seed in range(protocol.trials)]
    return [trial.scores for trial in held if trial is not None]


def read_seconds(protocol: Protocol, folder: Path) -> float:
    """Processor time of all trials together."""
    held = [_held(folder, *key, protocol.steps, []) for key in protocol.keys]
    return sum(trial.seconds for trial in held if trial is not None)


def _run(trial: Trial, more: Mapping[str, Comparator], folder: Path) -> None:
    start = time.process_time()
    scores = {
        name: asdict(Score.of(comparator(trial)))
        for name, comparator in {**COMPARATORS, **more}.items()
    }
    found = {"steps": trial.steps, "seconds": time.process_time() - start, "scores": scores}
    write_json(_path(folder, trial.variance, trial.seed), found, indent=None)


def _held(folder: Path, variance: str, seed: int, steps: int, names: list[str]) -> Held | None:
    """What a file holds of a trial, or None if it lacks something."""
    path = _path(folder, variance, seed)

    def read(data: Any) -> Held | None:
        if data["steps"] != steps or not set(names) <= set(data["scores"]):
            return None
        scores = {n: Score(s["mean"], tuple(s["quarters"])) for n, s in data["scores"].items()}
        return Held(scores, data["seconds"])

    return read_json(path, read) if path.exists() else None


def _path(folder: Path, variance: str, seed: int) -> Path:
    return folder / f"{variance}-{seed:03d}.json"
