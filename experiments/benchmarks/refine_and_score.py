"""Cost of ``refine()`` and ``bound()`` on a run of a million updates, beside plain NumPy and SciPy.

Run it: ``python experiments/benchmarks/refine_and_score.py`` (half a minute; ``--help`` for
options). The peers are the least that each can cost: refining its filter,
scoring its two cumulative sums.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial

import numpy as np
import report
from measure import Row, Work, ratio
from ritard.schedules import REX, GradNorms, Linear, bound, refine
from scipy.ndimage import median_filter


def noisy_norms(n: int) -> np.ndarray:
    """Norms that fall early in the run, with the noise of small batches."""
    x = np.arange(n) / n
    noise = np.exp(0.5 * np.random.default_rng(0).normal(size=n))
    return noise * (1 + 5 * np.exp(-20 * x))


def filter_alone(norms: np.ndarray) -> np.ndarray:
    """The least that refining can cost."""
    return median_filter(norms, size=len(norms) // 10 + 1, mode="mirror")


def reverse_sums(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least that scoring can cost."""
    return np.cumsum(rates[::-1])[::-1], np.cumsum((rates**2)[::-1])[::-1]


def measure(given: argparse.Namespace) -> Iterator[Row]:
    """Two rows of each."""
    n: int = given.steps
    noisy = noisy_norms(n)
    works: dict[tuple[str, str], Work] = {
        ("refine", "noisy norms"): partial(refine, GradNorms.of(noisy)),
        ("refine", "constant norms"): partial(refine, GradNorms.of(np.ones(n))),
        ("bound", "Linear()"): partial(bound, Linear(), n),
        ("bound", "REX().warmup(0.05), noisy norms"): partial(bound, REX().warmup(0.05), n, noisy),
    }
    peers: dict[str, tuple[str, Work]] = {
        "refine": ("SciPy's median filter alone", partial(filter_alone, noisy)),
        "bound": ("two cumulative sums", partial(reverse_sums, Linear().values(n))),
    }
    for (what, case), work in works.items():
        name, peer = peers[what]
        names = (what, case, name)
        yield ratio(names, "ms", work, peer, given.repeats)


if __name__ == "__main__":
    parser = report.options(__doc__, repeats=11)
    parser.add_argument("--steps", type=int, default=1_000_000)
    report.main(measure, parser)
