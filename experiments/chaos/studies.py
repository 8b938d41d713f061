"""Long work of the results scripts at a small size: ``python -m ...studies NAME SIZE OUT``.

Each does what the script of RESULTS.md does between its command line and its pictures.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from ...solvers.linear.gallery import Heat
from ..automatic import cells, methods, setting, trial
from ..convex import Protocol as Suite
from ..convex import Store, run_set, write_table
from ..relax import study as synthetic
from ..relax.tabulate import Solver, tabulate
from ..search.evidence.protocol import Cell, Protocol
from ..search.evidence.study import run_study
from ..testbeds.train_unet import train
from ..testbeds.training import Settings
from . import script

SETS = ("iris", "wine.scale", "vowel.scale", "glass.scale")
METHODS = ("linear", "cosine", "schedule-free", "autolrs faithful")


def _automatic(size: int, out: Path) -> None:
    kept = cells.Cells(out, setting.Setting("small", "digits", "sgd", size, 32, 0.1, tau0=20))

    def run(cell: cells.Cell) -> trial.Trial:
        if (found := kept.get(cell)) is None:
            found = trial.run(kept.setting, methods.METHODS[cell.method], cell.lr, cell.seed)
            kept.add(cell, found)
        return found

    for name in METHODS:
        deque(cells.chosen(kept.setting, methods.METHODS[name], run), 0)


def _convex(size: int, out: Path) -> None:
    suite = Suite(steps=size, seeds=3)
    store = Store(out / "report.json", suite)
    for name in SETS:
        if name not in store:
            store.add(run_set(name, suite))
    write_table(store.results, out / "table.csv")


def _evidence(size: int, out: Path) -> None:
    noises = Protocol("mixture", (3,), seeds=2, train=16, validation=16, test=64, evaluations=size)
    searches = [
        Cell("mixture", nfe, method, seed)
        for method in ("s3", "ga", "random")
        for nfe in noises.nfes
        for seed in range(noises.seeds)
    ]
    fixed = [Cell("mixture", nfe, "fixed") for nfe in noises.nfes]
    deque(run_study({"mixture": noises}, fixed + searches, out), 0)


def _synthetic(size: int, out: Path) -> None:
    deque(synthetic.run_study(synthetic.Protocol(trials=4, steps=size), out, jobs=1), 0)


def _table(size: int, out: Path) -> None:
    omegas, family = (1.0, 1.4, 1.8), Heat(nx=25, steps=size)
    deque(tabulate(family, Solver(), omegas, out / "table.npz", "heat"), 0)


def _unet(size: int, out: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (256, 1, 8, 8), generator=generator, dtype=torch.uint8)
    small = Settings(steps=size, batch_size=8, channels=(8, 8))
    train(small, images, out / "weights.pt", out / "checkpoint.pt", every=20)


STUDIES: Mapping[str, Callable[[int, Path], None]] = {
    "automatic": _automatic,
    "convex": _convex,
    "evidence": _evidence,
    "synthetic": _synthetic,
    "table": _table,
    "unet": _unet,
}


def study(name: str, size: int, out: Path) -> None:
    """Do what of it is not done yet."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    STUDIES[name](size, out)


def main() -> None:
    """The command line."""
    script.run(study)


if __name__ == "__main__":
    main()
