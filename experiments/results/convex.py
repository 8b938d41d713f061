"""Runs the convex suite: ``python experiments/results/convex.py [SETS...] [--pilot]``.

Multinomial logistic regression on LIBSVM sets, f = mean cross-entropy + 1e-4/2 ||W||^2 (the
intercepts are free); features standardised by the training part; splits and batch sizes of the
tasks ``logreg:SET``. Plain SGD without momentum, 2,000 updates, batches of 16 to 64 rows drawn
with replacement, the last iterate. Base rates in multiples of 3, widened at edges, then of 3^(1/4)
around the best of these, by the mean final training objective over the seeds. The refined schedule
comes from the l2 norms of one run of linear decay at its best rate, of a seed that is not compared.
SET@far starts at weights of standard deviation 3 instead of zero.

Files go to ``experiments/results/convex``; a set that has finished is kept, and a killed suite
goes on. ``--pilot`` runs five other seeds and prints what the suite's seeds can be expected to
show.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import torch
from ritard.experiments.convex import (
    SETS,
    Protocol,
    Store,
    draw_gaps,
    render,
    run_set,
    write_table,
)
from ritard.experiments.convex.summary import smallest_difference
from ritard.experiments.figures import save
from ritard.experiments.names import known
from ritard.experiments.tables import show

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the sets that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sets", nargs="*", type=known("SET", SETS), metavar="SET", help=f"of {', '.join(SETS)}"
    )
    parser.add_argument("--pilot", action="store_true", help="five other seeds; writes nothing")
    parser.add_argument("--out", type=Path, default=HERE / "convex", help="folder of the files")
    given = parser.parse_args()
    names = tuple(given.sets) or SETS
    torch.set_num_threads(1)
    if given.pilot:
        pilot(names)
    else:
        run(names, given.out)


def pilot(names: tuple[str, ...]) -> None:
    """Print the smallest difference from linear decay that the suite's seeds can show."""
    seeds = Protocol().seeds
    print(f"smallest difference from linear that {seeds} seeds can show, in % of linear's gap")
    for name in names:
        result = run_set(name, Protocol(seeds=5, first_seed=100))
        found = (smallest_difference(result, other, seeds) for other in ("cosine", "refined"))
        print("{:18} cosine {:6.1f}   refined {:6.1f}".format(name, *found), flush=True)


def run(names: tuple[str, ...], folder: Path) -> None:
    """Run what is missing; write and print all that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder / "report.json", Protocol())
    for name in names:
        if name not in store:
            start = time.perf_counter()
            store.add(run_set(name, Protocol()))
            print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)
    results = store.results
    write_table(results, folder / "table.csv")
    save([partial(draw_gaps, results)], (10, 2 + 0.36 * len(results)), folder / "gaps.png")
    show(render(results))


if __name__ == "__main__":
    main()
