"""Cost of ``ask`` and ``tell``, beside the solve that they tune and beside NumPy alone.

Run it: ``python experiments/benchmarks/bandits.py`` (half a minute; ``--help`` for options).
Everything runs in one process, in turn; the same learners without numba run in a second one.
Goals at 20 arms: an ask and a tell below 5 us each (Tsallis-INF, ChebCB), both together never
above 1 % of a solve with 10,000 unknowns, and the same cost at the end of a run as at its start.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from ritard.tuners import bandits  # pyright: ignore[reportMissingImports]

OMEGAS = np.linspace(1, 1.95, 20).tolist()
Make = Callable[[], Any]
TUNERS: dict[str, Make] = {
    "TsallisINF": partial(bandits.TsallisINF, OMEGAS, 0),
    "TsallisINF, importance weighted": partial(
        bandits.TsallisINF, OMEGAS, 0, bandits.IMPORTANCE_WEIGHTED
    ),
    "TsallisINFCB, 5 bins": partial(bandits.TsallisINFCB, OMEGAS, 0, 0.0, 1.0),
    "ChebCB, 6 features": partial(bandits.ChebCB, OMEGAS, 0, 0.0, 1.0),
    "GPThompson, 8 features": partial(bandits.GPThompson, OMEGAS, 0, 0.0, 1.0),
    "ThompsonSampling": partial(bandits.ThompsonSampling, OMEGAS, 0),
    "UCB1": partial(bandits.UCB1, OMEGAS, 0),
    "Fixed": partial(bandits.Fixed, 1.5),
}


def rounds(tuner: Any, count: int) -> np.ndarray:
    """Microseconds of each ask and each tell, (count, 2)."""
    contexts = np.random.default_rng(0).random(count).tolist()
    clock, found = time.perf_counter, np.empty((count, 2))
    for t, context in enumerate(contexts):
        start = clock()
        choice = tuner.ask(context)
        asked = clock()
        cost = 50.0 + 100.0 * abs(choice.arm / 20 - context)
        before = clock()
        tuner.tell(choice, cost)
        found[t] = asked - start, clock() - before
    return 1e6 * found


def medians(count: int) -> dict[str, list[float]]:
    """Medians of ask and tell by tuner, then of both together in the first and the last tenth."""
    found: dict[str, list[float]] = {}
    for name, make in TUNERS.items():
        times = rounds(make(), count)[count // 10 :]
        both, tenth = times.sum(axis=1), count // 10
        ends = [np.median(both[:tenth]), np.median(both[-tenth:])]
        found[name] = [*np.median(times, axis=0).tolist(), *map(float, ends)]
    return found


def without_numba(count: int) -> dict[str, list[float]]:
    """The same in a process that cannot import numba."""
    code = "import sys; sys.modules['numba'] = None; import runpy; sys.argv = ['', '--json', '--rounds', {!r}]; runpy.run_path({!r}, run_name='__main__')"  # noqa: E501
    command = [sys.executable, "-W", "ignore", "-c", code.format(str(count), __file__)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def solve_microseconds() -> dict[str, float]:
    """A solve with 10,000 unknowns at a good omega, relative tolerance 1e-8: median of 9."""
    from ritard.solvers.linear import Stencil, solve  # pyright: ignore[reportMissingImports]

    A, b = Stencil.laplacian(100, 100), np.random.default_rng(0).standard_normal(10_000)
    found: dict[str, float] = {}
    for method, omega in (("sor", 1.94), ("ssor_cg", 1.9)):
        times: list[float] = []
        for _ in range(10):
            start = time.perf_counter()
            solve(A, b, method, omega, rtol=1e-8)
            times.append(1e6 * (time.perf_counter() - start))
        found[method] = statistics.median(times[1:])
    return found


def share(make: Make, systems: int = 40, runs: int = 9) -> float:
    """Percent of the solving time that tuning takes inside tune_sequence, 10,000 unknowns.

    The median of some runs; unlike the loops above, each ask comes after a solve that has used
    the caches for itself. The first systems of the learner are left out: they load its code.
    """
    from ritard.solvers.linear import Splitting, Stencil  # pyright: ignore[reportMissingImports]

    A, rng = Splitting.of(Stencil.laplacian(100, 100)), np.random.default_rng(0)
    stream = [(A, rng.standard_normal(10_000), context) for context in rng.random(systems).tolist()]
    tuner, shares = make(), list[float]()
    for _ in range(runs + 1):
        report = bandits.tune_sequence(stream, tuner, method="ssor_cg", rtol=1e-8)
        shares.append(100 * report.tuning_seconds / float(report.seconds.sum()))
    return statistics.median(shares[1:])


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="the medians alone, as JSON")
    options = parser.parse_args()
    compiled = medians(options.rounds)
    if options.json:
        print(json.dumps(compiled))
        return
    plain, solves = without_numba(min(options.rounds, 2000)), solve_microseconds()
    print(f"{platform.platform()}, {os.cpu_count()} cores; {options.rounds} rounds, medians")
    for method, microseconds in solves.items():
        print(f"a solve with 10,000 unknowns, {method}: {microseconds / 1e3:.2f} ms")
    print("share: asks and tells of tune_sequence over its solves by ssor_cg, n = 10,000\n")
    print(f"{'20 arms':<34}{'ask us':>8}{'tell us':>9}{'both / sor':>12}{'both / ssor_cg':>16}"
          f"{'share':>9}{'end / start':>13}{'NumPy / compiled':>18}")  # fmt: skip
    for name, (ask, tell, first, last) in compiled.items():
        parts = [f"{100 * (ask + tell) / solve:.2f} %" for solve in solves.values()]
        slower = (plain[name][0] + plain[name][1]) / (ask + tell)
        print(f"{name:<34}{ask:>8.2f}{tell:>9.2f}{parts[0]:>12}{parts[1]:>16}"
              f"{share(TUNERS[name]):>7.2f} %{last / first:>13.2f}{slower:>18.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
