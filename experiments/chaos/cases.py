"""The commands that are tried, at two lengths, and how their results are read."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import kept as k
from .case import STOPPED, Case, Kept

Readers = Mapping[str, Callable[[Path], Any]]
"""How each file of a result is read, by its name."""

FITS = ("schedule", "norms", "online", "autolrs")
"""Lightning fits, by the callback that they try: see :mod:`.fits`."""


def long_cases() -> tuple[Case, ...]:
    """Commands of half a minute."""
    return (
        _compare("--budgets", "10,50,100", "--seeds", "2"),
        _search("--nfe", "2,3", "--evaluations", "120", "--noises", "256,64,64"),
        _relax("--nx", "60", "--steps", "4000"),
        _autolrs("--steps", "6000", "--overhead", "0.3"),
        *(_fit(name, 6000) for name in FITS),
        *(_study(name, size) for name, size in LONG_STUDIES.items()),
    )


def short_cases() -> tuple[Case, ...]:
    """The same in seconds."""
    return (
        _compare("--budgets", "5", "--seeds", "2"),
        _search("--nfe", "2", "--evaluations", "16", "--noises", "32,16,16", "--no-refine"),
        _relax("--nx", "30", "--steps", "700"),
        _autolrs("--steps", "400", "--overhead", "0.8"),
        *(_fit(name, 400) for name in FITS),
        *(_study(name, size) for name, size in SHORT_STUDIES.items()),
    )


# ---- the commands ----------------------------------------------------------------------------


def _compare(*arguments: str) -> Case:
    fixed = ("compare", "--schedules", "linear,rex", "--lr-grid", "0.1,0.3", "--out", "out")
    url = "sqlite:///{}/trials.db"
    results = {"results.csv": k.rows, "table.csv": Path.read_bytes, "report.json": k.plain}
    return _command(fixed + arguments, results, k.trials(url, "ritard-compare"), url)


def _search(*arguments: str) -> Case:
    fixed = ("search", "--model", "mixture", "--save", "out/schedule.json", "--out", "out")
    url = "journal:{}/trials.log"
    results = {
        "table.csv": Path.read_bytes,
        "report.json": k.plain,
    }
    return _command(fixed + arguments, results, k.trials(url, "ritard-search"), url)


def _relax(*arguments: str) -> Case:
    fixed = ("relax", "--problem", "heat", "--tuner", "chebcb,tsallis", "--out", "out")
    results = {"results.csv": k.rows, "report.json": k.plain}
    return _command(fixed + arguments, results, k.systems)


def _autolrs(*arguments: str) -> Case:
    fixed = ("autolrs", "--task", "digits", "--lr", "0.002", "--out", "out")
    results = {"report.json": k.plain, "schedule.json": Path.read_bytes}
    return _command((*fixed, *arguments), results, k.stages)


def _command(
    arguments: tuple[str, ...], results: Readers, kept: Callable[[Path], Kept], storage: str = ""
) -> Case:
    return Case(arguments[0], arguments, _all(results), tuple(results), kept, storage=storage)


# ---- what is called from Python ----------------------------------------------------------------


def _fit(name: str, steps: int) -> Case:
    # When it is interrupted the Trainer ends the process by itself, with 1.
    stopped = {n: codes if n == signal.SIGKILL else (1, *codes) for n, codes in STOPPED.items()}
    case = _script("fit", name, steps, {"result.json": k.plain}, k.checkpoints)
    return replace(case, stopped=stopped, outlives=name == "norms")


STUDIES: Mapping[str, tuple[Readers, Callable[[Path], Kept]]] = {
    "automatic": ({".": k.files}, k.files),
    "convex": ({"report.json": k.plain, "table.csv": Path.read_bytes}, k.sets),
    "evidence": ({".": k.files}, k.files),
    "synthetic": ({".": k.files}, k.files),
    "table": ({"table.npz": k.arrays}, k.tabled),
    "unet": ({"weights.pt": k.weights}, k.losses),
}
"""Long work of the results scripts, which goes on too: see :mod:`.studies`."""

LONG_STUDIES = {
    "automatic": 400, "convex": 400, "evidence": 100, "synthetic": 400, "table": 4000, "unet": 2000,
}  # fmt: skip
SHORT_STUDIES = {
    "automatic": 100, "convex": 50, "evidence": 12, "synthetic": 10, "table": 1000, "unet": 100,
}  # fmt: skip


def _study(name: str, size: int) -> Case:
    # A search tells that it was interrupted, not by which signal.
    either = 128 + signal.SIGINT, 128 + signal.SIGTERM
    stopped = {**STOPPED, signal.SIGTERM: either} if name == "evidence" else STOPPED
    return replace(_script("study", name, size, *STUDIES[name]), stopped=stopped)


def _script(
    kind: str, name: str, size: int, results: Readers, kept: Callable[[Path], Kept]
) -> Case:
    return Case(
        f"{kind} {name}",
        (name, str(size), "out"),
        _all(results),
        tuple(results),
        kept,
        {"fit": "ritard.experiments.chaos.fits", "study": "ritard.experiments.chaos.studies"}[kind],
    )


def _all(readers: Readers) -> Callable[[Path], Any]:
    return lambda out: {name: read(out / name) for name, read in readers.items()}
