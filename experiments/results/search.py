"""Search of solver schedules against what there is: ``python experiments/results/search.py BED``.

BED is digits, mixture, fashion-pca or unet. Each method finds a sampler for each number of network
evaluations (NFE) on training noises, chooses among its best on validation noises, and is judged
once on test noises; every seed has training noises of its own. The methods have the same number of
true evaluations, and beside that all know the scores of the fixed solvers.

Written down before the runs, from pairs of fixed solvers on the validation noises: with 2048 test
noises the 95 % interval of a ratio of two geometric mean errors reaches 3 % up and down at NFE 3,
5 % at NFE 5 and 6 % at NFE 10 on digits, 4 % on the mixture; with 1024, 1.4 times, with 128, four
times as much. So a factor of two is far outside of it, and differences of a few % between methods
are not shown. Searches differ by more than that: three whose log errors have a standard deviation s
show differences above 2.5 s (Student's t), so the range of the seeds is printed beside each ratio.

Cells (a method at an NFE with a seed) are kept in ``ritard-runs/search-BED``, and a killed run
goes on; what is found goes to ``experiments/results/search-BED``. ``--report`` writes it from the
cells that are there, ``--picture`` draws all testbeds that have any.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from ritard.experiments.search.evidence.figures import save_ratios
from ritard.experiments.search.evidence.judged import floor_of
from ritard.experiments.search.evidence.methods import LABELS
from ritard.experiments.search.evidence.protocol import Cell, Protocol
from ritard.experiments.search.evidence.report import (
    markdown,
    markdown_distances,
    markdown_payback,
    markdown_ratios,
    write_report,
)
from ritard.experiments.search.evidence.study import read_outcomes, run_study, whole_ground
from ritard.experiments.search.evidence.summary import FIXED, payback, summarise
from ritard.schedules._atomic import write_text

HERE = Path(__file__).resolve().parent
SIX = (3, 4, 5, 6, 8, 10)
PROTOCOLS = {
    "digits": Protocol("digits", SIX, beyond=(12, 15, 20, 30)),
    "mixture": Protocol("mixture", SIX, beyond=(12, 15, 20, 30)),
    "fashion-pca": Protocol("fashion-pca", (4, 6, 10), train=128, validation=256, test=1024),
    "unet": Protocol("unet", (5, 10), train=64, validation=64, test=128, evaluations=150),
}
FIRST = "s3"
"""What a search does by default: run first, at all NFEs."""
OTHERS = ("refined", "s3-alone", "s3-blind", "ga", "random", "ld3", "s4s")
RIVALS = {
    "digits": dict.fromkeys(OTHERS, SIX),
    "mixture": dict.fromkeys(OTHERS, SIX),
    "fashion-pca": dict.fromkeys(OTHERS, (4, 6, 10)),
    "unet": dict.fromkeys(OTHERS, (5, 10)),
}
"""Refinement alone, search alone, and other methods, with their NFEs."""


def main() -> None:
    """Run what is missing; write and print all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bed", choices=PROTOCOLS, metavar="BED", help=f"of {', '.join(PROTOCOLS)}")
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--cache", type=Path, default=Path("ritard-runs"))
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    protocol = PROTOCOLS[given.bed]
    folder, start = given.cache / f"search-{given.bed}", time.perf_counter()
    if not given.report:
        for done, total, news in run_study({given.bed: protocol}, cells(protocol), folder):
            print(f"{done}/{total} {news}, {time.perf_counter() - start:.0f} s", flush=True)
    report(protocol, folder, given.out / f"search-{given.bed}")
    found = {bed: rows(bed, given.cache) for bed in PROTOCOLS}
    save_ratios({k: v for k, v in found.items() if v}, LABELS, given.out / "search.png")


def cells(protocol: Any) -> list[Any]:
    """All cells in the order in which they are run."""
    bed, nfes, seeds = protocol.testbed, protocol.nfes, range(protocol.seeds)
    fixed = [Cell(bed, nfe, FIXED) for nfe in (*nfes, *protocol.beyond)]
    fixed += [Cell(bed, nfe, "fixed-rmse") for nfe in nfes]
    searches = [Cell(bed, nfe, FIRST, seed) for seed in seeds for nfe in nfes]
    for method, some in RIVALS[bed].items():
        searches += [Cell(bed, nfe, method, seed) for seed in seeds for nfe in some]
    return fixed + searches + [Cell(bed, nfe, "gits", seed) for seed in seeds for nfe in nfes]


def rows(bed: str, cache: Path) -> list[Any]:
    """The rows of what is there, at the NFEs of the searches."""
    protocol = PROTOCOLS[bed]
    outcomes = read_outcomes(protocol, cells(protocol), cache / f"search-{bed}")
    return [row for row in summarise(outcomes) if row.nfe in protocol.nfes]


def report(protocol: Any, folder: Path, out: Path) -> None:
    """The tables of one testbed."""
    ground = whole_ground(protocol, folder)
    outcomes = read_outcomes(protocol, cells(protocol), folder)
    every = summarise(outcomes)
    fixed = {row.nfe: row.errors.geometric for row in every if row.method == FIXED}
    found = [row for row in every if row.nfe in protocol.nfes]
    # The solutions of one seed's training noises and of the validation noises are part of a search.
    solved = protocol.train + protocol.validation
    references = ground.forwards / len(ground.eps) * solved
    paid = [
        (row, payback(row, fixed, row.forwards + references))
        for row in found
        if row.method == FIRST
    ]
    floor = floor_of(ground)
    extra = {"reference seconds": ground.seconds, "reference forwards": ground.forwards}
    write_report(protocol, found, floor, outcomes, extra | {"fixed": fixed}, out)
    text = "\n".join(
        [
            "".join(markdown_ratios(found, LABELS)),
            "".join(markdown(found, LABELS)),
            "".join(markdown_distances(found, floor, LABELS)),
            markdown_payback(paid, LABELS),
        ]
    )
    write_text(out / "tables.md", text)
    print(text)


if __name__ == "__main__":
    main()
