"""The commands that are tried, at two lengths, and how their results are read."""

from __future__ import annotations

import csv
import hashlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..trials.storage import find_study
from .case import STOPPED, Case, Kept

FITS = ("schedule", "norms", "online", "autolrs")
"""Lightning fits, by the callback that they try: see :mod:`.fits`."""

TIMES = ("seconds", "spent", "search_seconds", "solve_seconds", "tuning_seconds")
"""Wall times, which no two runs share."""


def long_cases() -> tuple[Case, ...]:
    """Commands of half a minute."""
    return (
        _compare("--budgets", "10,50,100", "--seeds", "2"),
        _search("--nfe", "2,3", "--evaluations", "120", "--noises", "256,64,64"),
        _relax("--nx", "60", "--steps", "4000"),
        _autolrs("--steps", "6000", "--overhead", "0.3"),
        *(_fit(name, 6000) for name in FITS),
    )


def short_cases() -> tuple[Case, ...]:
    """The same in seconds."""
    return (
        _compare("--budgets", "5", "--seeds", "2"),
        _search("--nfe", "2", "--evaluations", "16", "--noises", "32,16,16", "--no-refine"),
        _relax("--nx", "30", "--steps", "700"),
        _autolrs("--steps", "400", "--overhead", "0.8"),
        *(_fit(name, 400) for name in FITS),
    )


# ---- the commands ----------------------------------------------------------------------------


def _compare(*arguments: str) -> Case:
    fixed = ("compare", "--schedules", "linear,rex", "--lr-grid", "0.1,0.3", "--out", "out")
    url = "sqlite:///{}/trials.db"
    results = {"results.csv": _rows, "table.csv": Path.read_bytes, "report.json": _plain}
    return _command(fixed + arguments, results, _trials(url, "ritard-compare"), url)


def _search(*arguments: str) -> Case:
    fixed = ("search", "--model", "mixture", "--save", "out/schedule.json", "--out", "out")
    url = "journal:{}/trials.log"
    results = {"table.csv": Path.read_bytes, "report.json": _plain}
    return _command(fixed + arguments, results, _trials(url, "ritard-search"), url)


def _relax(*arguments: str) -> Case:
    fixed = ("relax", "--problem", "heat", "--tuner", "chebcb,tsallis", "--out", "out")
    results = {"results.csv": _rows, "report.json": _plain}
    return _command(fixed + arguments, results, _systems)


def _autolrs(*arguments: str) -> Case:
    fixed = ("autolrs", "--task", "digits", "--lr", "0.002", "--out", "out")
    results = {"report.json": _plain, "schedule.json": Path.read_bytes}
    return _command((*fixed, *arguments), results, _stages)


def _fit(name: str, steps: int) -> Case:
    return Case(
        f"fit {name}",
        (name, str(steps), "out"),
        _all({"result.json": _plain}),
        ("result.json",),
        _checkpoints,
        "ritard.experiments.chaos.fits",
        # After Ctrl-C the Trainer ends the process by itself, with 1.
        stopped={**STOPPED, signal.SIGINT: (1, 128 + signal.SIGINT)},
    )


def _command(
    arguments: tuple[str, ...],
    results: dict[str, Callable[[Path], Any]],
    kept: Callable[[Path], Kept],
    storage: str = "",
) -> Case:
    return Case(arguments[0], arguments, _all(results), tuple(results), kept, storage=storage)


def _all(readers: dict[str, Callable[[Path], Any]]) -> Callable[[Path], Any]:
    return lambda out: {name: read(out / name) for name, read in readers.items()}


# ---- results -----------------------------------------------------------------------------------


def _rows(path: Path) -> list[dict[str, str]]:
    """A table without its times."""
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def _plain(path: Path) -> Any:
    return timeless(json.loads(path.read_text()))


def timeless(value: Any) -> Any:
    """A report without its times.

    Example:
        >>> timeless({"cost": [{"seconds": 2.0, "calls": 3}]})
        {'cost': [{'calls': 3}]}
    """
    if isinstance(value, dict):
        return {key: timeless(part) for key, part in value.items() if key not in TIMES}
    return [timeless(part) for part in value] if isinstance(value, list) else value


# ---- what is finished ---------------------------------------------------------------------------


def _trials(url: str, study: str) -> Callable[[Path], Kept]:
    """Completed trials of a storage, by their keys; nothing is written there."""

    def kept(out: Path) -> Kept:
        found = find_study(url.format(out), study) if out.is_dir() else None
        if found is None:
            return []
        trials = found.storage.get_all_trials(found.id)
        done = [t.user_attrs for t in trials if t.state.name == "COMPLETE"]
        return [(_common(attrs["key"]), timeless(attrs["result"])) for attrs in done]

    return kept


def _common(key: str) -> str:
    """A key without the name of the folder that some of a search's jobs belong to."""
    first, *rest = key.split("|")
    return "|".join([first, *rest[1:]]) if first == "exact" else key


def _systems(out: Path) -> Kept:
    """Systems in the checkpoints, by tuner and number."""
    import numpy as np

    kept: Kept = []
    for path in sorted(out.glob("*.checkpoint")):
        with np.load(path, allow_pickle=False) as file:
            columns = zip(file["arms"].tolist(), file["iterations"].tolist(), strict=True)
            kept += [(f"{path.stem} {i}", row) for i, row in enumerate(columns)]
    return kept


def _stages(out: Path) -> Kept:
    """Stages of an automatic rate, by the update that each began at."""
    import torch

    if (out / "report.json").exists():
        stages: list[Any] = json.loads((out / "report.json").read_text())["stages"]
    elif (out / "run.checkpoint").exists():
        saved = torch.load(out / "run.checkpoint", weights_only=True)
        stages = saved["callbacks"]["AutoLRSCallback"]["search"]["reports"]
    else:
        return []
    return [(str(stage["start"]), stage) for stage in stages]


def _checkpoints(out: Path) -> Kept:
    """Checkpoints of a fit, by their weights: a fit is as far as its last one."""
    import torch

    kept: Kept = []
    for path in sorted(out.glob("checkpoints/*.ckpt")):
        weights = torch.load(path, weights_only=True)["state_dict"]
        digest = hashlib.sha256(b"".join(w.numpy().tobytes() for w in weights.values()))
        kept.append((path.stem, digest.hexdigest()))
    return kept
