"""Cost of ``refine()`` and ``bound()`` on a run of a million updates, beside plain NumPy and SciPy.

Run it: ``python experiments/benchmarks/refine_and_score.py`` (half a minute; ``--help`` for
options). All candidates run in one process in turn, and a ratio compares them within a round.
Goals: refine() below 0.3 s, bound() below 0.05 s. CPU time is what a busy machine does not bend.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy

# pyright does not see the mapping of an editable install.
from ritard.schedules import (  # pyright: ignore[reportMissingImports]
    REX,
    GradNorms,
    Linear,
    bound,
    refine,
)
from scipy.ndimage import median_filter

Work = Callable[[], Any]


def noisy_norms(n: int) -> np.ndarray:
    """Norms that fall early in the run, with the noise of small batches."""
    x = np.arange(n) / n
    noise = np.exp(0.5 * np.random.default_rng(0).normal(size=n))
    return noise * (1 + 5 * np.exp(-20 * x))


def filter_alone(norms: np.ndarray) -> np.ndarray:
    """The least that refining can cost: its filter."""
    return median_filter(norms, size=len(norms) // 10 + 1, mode="mirror")


def reverse_sums(rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least that scoring can cost: its two reverse cumulative sums."""
    return np.cumsum(rates[::-1])[::-1], np.cumsum((rates**2)[::-1])[::-1]


def families(n: int) -> dict[str, dict[str, Work]]:
    """The first of each family is ours, the last its peer."""
    noisy, even = noisy_norms(n), np.ones(n)
    log, flat = GradNorms.of(noisy), GradNorms.of(even)
    rates = Linear().values(n)
    return {
        "refining": {
            "refine(noisy norms)": partial(refine, log),
            "refine(constant norms)": partial(refine, flat),
            "scipy's median filter alone": partial(filter_alone, noisy),
        },
        "scoring": {
            "bound(Linear())": partial(bound, Linear(), n),
            "bound(REX().warmup(0.05), noisy norms)": partial(bound, REX().warmup(0.05), n, noisy),
            "two cumulative sums alone": partial(reverse_sums, rates),
        },
    }


def cost(work: Work) -> tuple[float, float]:
    """Milliseconds of CPU and of the clock."""
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return 1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - clock)


def quartiles(values: list[float]) -> str:
    """The median and, in brackets, the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def report(family: dict[str, Work], rounds: int) -> None:
    """Measure a family and print its rows."""
    for work in family.values():
        work()
    table = [[cost(work) for work in family.values()] for _ in range(rounds)]
    for i, name in enumerate(family):
        cpu = quartiles([row[i][0] for row in table])
        clock = quartiles([row[i][1] for row in table])
        ratio = quartiles([row[i][0] / row[-1][0] for row in table])
        print(f"{name:<40}{cpu:>22}{clock:>22}{ratio:>22}")
    print()


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores")
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}; "
        f"{options.steps} steps"
    )
    print("milliseconds: median [quartiles]; ratio of CPU times: each / the last, likewise\n")
    print(f"{'':<40}{'ms of CPU':>22}{'ms of the clock':>22}{'ratio':>22}")
    for family in families(options.steps).values():
        report(family, options.rounds)


if __name__ == "__main__":
    main()
