"""What weights alone could mend of a sampler: ``python experiments/results/search_span.py``.

A sampler's result is a combination of its first state and of the outputs of the network that it
asked for, with weights that all samples share. From the same outputs, the best weights of each test
sample of its own give the bound printed here: where it is close to the error, no weights at these
times do better, and where it is far below, weights that knew the sample would.

Reads the samplers that ``search.py`` found, from ``ritard-runs``; made anew in a minute.
"""

import argparse
from pathlib import Path

import torch
from ritard.experiments.records import write_json
from ritard.experiments.search.evidence.errors import Errors
from ritard.experiments.search.evidence.span import span_distances
from ritard.experiments.search.evidence.study import read_outcomes, whole_ground
from ritard.experiments.search.evidence.summary import FIXED
from search import FIRST, HERE, PROTOCOLS, cells

# The mixture lives in so few coordinates that 10 outputs span them all.
NFES = {"digits": (5, 10), "fashion-pca": (6, 10), "unet": (5, 10)}


def main() -> None:
    """A row for each sampler, printed and written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("ritard-runs"))
    parser.add_argument("--out", type=Path, default=HERE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for bed in NFES for row in rows_of(bed, given.cache / f"search-{bed}")]
    print("| testbed | NFE | sampler | seed | error | best own weights | ratio |")
    print("|---|---|---|---|---|---|---|")
    for bed, nfe, method, seed, error, bound in rows:
        ratio = f"{bound / error:.2f}"
        print(f"| {bed} | {nfe} | {method} | {seed} | {error:.3g} | {bound:.3g} | {ratio} |")
    write_json(given.out / "search-span.json", rows)


def rows_of(bed: str, folder: Path) -> list[tuple[str, int, str, int, float, float]]:
    """Testbed, NFE, method, seed, error, and that of the best weights of each sample."""
    protocol = PROTOCOLS[bed]
    ground = whole_ground(protocol, folder)
    found = list[tuple[str, int, str, int, float, float]]()
    for outcome in read_outcomes(protocol, cells(protocol), folder):
        cell, error = outcome.cell, outcome.errors.geometric
        if cell.nfe in NFES[bed] and cell.method in (FIXED, FIRST):
            each = span_distances(ground.test(), outcome.found.sampler)
            bound = Errors.of(each, ground.bed.scale).geometric
            found.append((bed, cell.nfe, cell.method, cell.seed, error, bound))
    return found


if __name__ == "__main__":
    main()
