"""Automatic learning rates at equal updates: ``python experiments/results/automatic.py SETTING``.

Every method has the same number of updates of the optimizer, its search included, the same
network, batches, batch size and weight decay. Metrics are of the test part, which no method reads,
at the end and at ten points on the way.

- linear, cosine and wsd (linear cooldown over the last fifth) are tuned: rates in multiples of 3,
  on seed 0, by the validation metric to three digits, widened until the best lies inside.
- schedule-free, prodigy, mechanic and greedy run as their packages and authors recommend.
- autolrs faithful, autolrs and the range test are Ritard's. The interval of both searches is the
  task's default rate times 1/16 to 16; autolrs is run from a tenth and ten times that rate too.

Written down before any run of AutoLRS, from the spread of seeds in other rows (RESULTS.md: linear
decay, the nearest budget), three paired seeds can show about 3.5 standard deviations of a seed:
0.005 nats on logreg, 0.8 points on mlp, 0.09 nats on shakespeare, 1.2 points on fashion; cifar10
had no pilot, and 2,000 test images alone give 4 points.

With ``--fresh`` linear decay, the range test and both searches are run on three seeds more, which
no choice was made on (the rate of linear decay stays the tuned one); a second table is of all six.
With ``--scores`` it compares what a probe may be scored by, on the same setting.

Finished runs are kept in ``ritard-runs/autolrs-SETTING``, and a killed comparison goes on; what is
found goes to ``experiments/results/autolrs-SETTING``.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from ritard.experiments.automatic import tables
from ritard.experiments.automatic.ablation import SNAPSHOTS, pair, rank
from ritard.experiments.automatic.cells import FRESH, SEEDS, Cells, chosen, finished
from ritard.experiments.automatic.figures import save_comparison
from ritard.experiments.automatic.methods import METHODS
from ritard.experiments.automatic.setting import SETTINGS
from ritard.experiments.automatic.summary import rows
from ritard.experiments.automatic.trial import run
from ritard.experiments.tasks import get_task

HERE = Path(__file__).resolve().parent
PROBES = (20, 100)
CONFIRMED = ("linear", "range test", "autolrs faithful", "autolrs")
"""Methods that are run on fresh seeds too."""
console = Console(width=200, soft_wrap=True)


def main() -> None:
    """Run what is missing; write, draw and print all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("setting", choices=SETTINGS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="some of them")
    parser.add_argument("--default", action="store_true", help="from the default rate alone")
    parser.add_argument("--fresh", action="store_true", help="on other seeds")
    parser.add_argument("--scores", action="store_true", help="compare scores of probes instead")
    parser.add_argument("--cache", type=Path, default=Path("ritard-runs"))
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    given = parser.parse_args()
    torch.set_num_threads(1)
    setting = SETTINGS[given.setting]
    folder = given.out / f"autolrs-{setting.name}"
    folder.mkdir(parents=True, exist_ok=True)
    cells = Cells(given.cache / f"autolrs-{setting.name}", setting)
    if given.scores:
        compare_scores(setting, folder / "scores.json")
        return
    seeds = FRESH if given.fresh else SEEDS
    usual = CONFIRMED if given.fresh else METHODS
    for name in given.methods or usual:
        method = METHODS[name]
        if given.default or given.fresh:
            method = replace(method, starts=method.starts[:1])
        for _ in chosen(setting, method, partial(do, cells), seeds):
            pass
    report(cells, seeds, folder / "fresh" if given.fresh else folder)


def do(cells: Any, cell: Any) -> Any:
    """A run, unless it is finished already."""
    found = cells.get(cell)
    if found is None:
        found = run(cells.setting, METHODS[cell.method], cell.lr, cell.seed)
        cells.add(cell, found)
        console.print(f"{cell.name}: test {found.test}, {found.seconds} s", highlight=False)
    return found


def report(cells: Any, seeds: Any, folder: Path) -> None:
    """Write, draw and print what is finished."""
    folder.mkdir(parents=True, exist_ok=True)
    found = rows(finished(cells, list(METHODS.values()), seeds))
    tables.write_comparison(cells.setting, found, folder)
    metric = get_task(cells.setting.task).metric
    save_comparison(cells.setting, metric, found, folder / "curves.png")
    lines = [*tables.comparison(found), "", *tables.searches(found)]
    if seeds == FRESH:
        confirmed = [METHODS[name] for name in CONFIRMED]
        lines += ["", *tables.comparison(rows(finished(cells, confirmed, SEEDS + FRESH)))]
    for line in lines:
        console.print(line, highlight=False, markup=False)


def compare_scores(setting: Any, path: Path) -> None:
    """The ablation of the score, one ranking after another; and what replayed batches are worth."""
    rankings, pairings = tables.read_ablation(setting, path)
    lr = get_task(setting.task).base_lrs[setting.optimizer]
    known = {(ranking.seed, ranking.start) for ranking in rankings}
    for probe in PROBES[len(pairings) :]:
        pairings.append(pair(setting, lr, probe))
        tables.write_ablation(setting, rankings, pairings, path)
    for seed in SEEDS:
        for part in SNAPSHOTS:
            if (seed, round(part * setting.steps)) not in known:
                rankings.append(rank(setting, lr, seed, part))
                tables.write_ablation(setting, rankings, pairings, path)
    for line in (*tables.ablation(rankings), "", *tables.pairings(pairings)):
        console.print(line, highlight=False, markup=False)


if __name__ == "__main__":
    main()
