"""Why refining does not pay on the convex sets: ``python experiments/results/late.py [SETS...]``.

Schedules that spend more, and less, of their rate late in the run than linear decay, on the smaller
sets of ``convex.py`` from zero and by its protocol with five seeds: the final gap beside the
last-iterate bound under the recorded norms, both over those of linear decay.
``convex/late.csv`` holds them.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from ritard.experiments.compare.paired import compare_pairs
from ritard.experiments.convex import Protocol
from ritard.experiments.convex.problem import load, minimise
from ritard.experiments.convex.suite import record
from ritard.experiments.convex.tune import tune
from ritard.experiments.records import csv_text
from ritard.schedules import Linear, Polynomial, Schedule, bound, refine
from ritard.schedules._atomic import write_text

HERE = Path(__file__).resolve().parent
PROTOCOL = Protocol(seeds=5)
SMALL = (
    "glass.scale", "iris", "vehicle.scale", "vowel.scale", "wine.scale", "segment.scale",
    "satimage.scale", "dna.scale",
)  # fmt: skip
"""Sets of less than 3,000 rows."""

FIXED: dict[str, Schedule] = {
    "linear": Linear(),
    "power 0.7": Polynomial(0.7),
    "power 1.5": Polynomial(1.5),
    "warm-up 0.05": Linear().warmup(0.05),
    "warm-up 0.4": Linear().warmup(0.4),
}


def rows(name: str) -> list[dict[str, str | float]]:
    """The schedules on one set."""
    problem, T = load(name), PROTOCOL.steps
    minimum = minimise(problem)
    tuned = tune(problem, minimum, FIXED, T, PROTOCOL.compared)
    norms = record(problem, tuned["linear"].lr, PROTOCOL)
    schedules = FIXED | {"refined": refine(norms)}
    tuned |= tune(problem, minimum, {"refined": schedules["refined"]}, T, PROTOCOL.compared)
    linear, least = tuned["linear"], bound(Linear(), T, norms).value
    return [
        {
            "set": name,
            "schedule": other,
            "gap": tuned[other].gap / linear.gap,
            "bound": bound(schedule, T, norms).value / least,
            "verdict": compare_pairs(tuned[other].gaps, linear.gaps).verdict,
        }
        for other, schedule in schedules.items()
    ]


def main() -> None:
    """Run the sets, write the table, print what they say together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"by default {', '.join(SMALL)}")
    names = parser.parse_args().sets or SMALL
    torch.set_num_threads(1)
    found = [row for name in names for row in rows(name)]
    write_text(HERE / "convex/late.csv", csv_text(found))
    print(f"over linear decay, median of {len(names)} sets: gap, bound; sets better / worse")
    for schedule in (*FIXED, "refined"):
        of = [row for row in found if row["schedule"] == schedule]
        gap, least = (float(np.median([float(row[key]) for row in of])) for key in ("gap", "bound"))
        counts = [sum(row["verdict"] == verdict for row in of) for verdict in ("better", "worse")]
        print(f"{schedule:14} gap {gap:.3f}  bound {least:.3f}   {counts[0]} / {counts[1]}")


if __name__ == "__main__":
    main()
