"""Cost of ``ask`` and ``tell``, beside NumPy alone and beside the solves that they tune.

Run it: ``python experiments/benchmarks/bandits.py`` (a minute; ``--help`` for options). Learners
choose among 20 arms. The same learners without numba run in a second process. In tune_sequence each
ask comes after a solve that has used the caches for itself, so that it costs more than in a loop.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import report
from measure import Row
from ritard.solvers.linear import Splitting, Stencil, solve
from ritard.tuners import bandits

HERE = Path(__file__).resolve().parent
OMEGAS = np.linspace(1, 1.95, 20).tolist()
COMPILED: dict[str, Callable[[], Any]] = {
    "TsallisINF": partial(bandits.TsallisINF, OMEGAS, 0),
    "TsallisINFCB, 5 bins": partial(bandits.TsallisINFCB, OMEGAS, 0, 0.0, 1.0),
    "ChebCB, 6 features": partial(bandits.ChebCB, OMEGAS, 0, 0.0, 1.0),
    "GPThompson, 8 features": partial(bandits.GPThompson, OMEGAS, 0, 0.0, 1.0),
}
PLAIN: dict[str, Callable[[], Any]] = {
    "ThompsonSampling": partial(bandits.ThompsonSampling, OMEGAS, 0),
    "UCB1": partial(bandits.UCB1, OMEGAS, 0),
}
"""Baselines, which are NumPy in any case."""
TUNERS = COMPILED | PLAIN
SOLVES = {"sor": 1.94, "ssor_cg": 1.9}
BLOCKS = 20


def rounds(tuner: Any, count: int) -> list[list[float]]:
    """Seconds of an ask and of a tell, medians of BLOCKS stretches of a run, (2, BLOCKS)."""
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
    kept = found[count // 10 :]  # the first rounds load the code
    return [np.median(part, axis=0).tolist() for part in np.array_split(kept, BLOCKS)]


def costs(count: int) -> dict[str, list[list[float]]]:
    """``rounds`` of every learner."""
    return {name: rounds(make(), count) for name, make in TUNERS.items()}


def without_numba(count: int) -> dict[str, list[list[float]]]:
    """The same in a process that cannot import numba."""
    code = (
        f"import sys, json; sys.modules['numba'] = None; sys.path.insert(0, {str(HERE)!r}); "
        f"import bandits; print(json.dumps(bandits.costs({count})))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def loop_rows(count: int) -> Iterator[Row]:
    """Asks and tells beside those of NumPy, and the end of a run beside its start."""
    compiled, plain = costs(count), without_numba(max(BLOCKS, count // 10))
    for k, what in enumerate(("bandit.ask", "bandit.tell")):
        for name, found in compiled.items():
            ours, theirs = np.array(found)[:, k], np.array(plain[name])[:, k]
            peer = "without numba" if name in COMPILED else "itself, again"
            yield Row.of((what, name, peer), "us", ours, theirs, 1e6)
    for name, found in compiled.items():
        both = np.array(found).sum(axis=1)
        names = ("bandit, late rounds", name, "early rounds")
        yield Row.of(names, "us", both[-BLOCKS // 4 :], both[: BLOCKS // 4], 1e6)


class Timed:
    """A learner, and the seconds of its asks and tells together, system by system."""

    def __init__(self, tuner: Any) -> None:
        self.tuner, self.spent = tuner, list[float]()

    def ask(self, context: Any = None) -> Any:
        """Ask the learner."""
        start = time.perf_counter()
        choice = self.tuner.ask(context)
        self.spent.append(time.perf_counter() - start)
        return choice

    def tell(self, choice: Any, cost: float) -> None:
        """Tell it."""
        start = time.perf_counter()
        self.tuner.tell(choice, cost)
        self.spent[-1] += time.perf_counter() - start

    def state_dict(self) -> Any:
        """Of the learner."""
        return self.tuner.state_dict()

    def load_state_dict(self, state: Any) -> None:
        """Into the learner."""
        self.tuner.load_state_dict(state)


def sequence_row(name: str, method: Any, repeats: int, systems: int = 40) -> Row:
    """A median tuning beside a median solve, 10,000 unknowns; a turn is a sequence.

    All solves are at a good omega, whatever was chosen: what a choice costs does not depend on it,
    and no other solves are as short.
    """
    A, rng = Splitting.of(Stencil.laplacian(100, 100)), np.random.default_rng(0)
    stream = [(A, rng.standard_normal(10_000), context) for context in rng.random(systems).tolist()]

    def solver(A: Any, b: Any, value: Any, x0: Any) -> Any:
        return solve(A, b, method, SOLVES[method], x0=x0, rtol=1e-8)

    tuner, found = Timed(TUNERS[name]()), list[tuple[float, float]]()
    for _ in range(1 + repeats):
        tuner.spent.clear()
        seconds = bandits.tune_sequence(stream, tuner, method=solver).seconds
        found.append((float(np.median(tuner.spent)), float(np.median(seconds))))
    tuning, solving = np.array(found[1:]).T
    names = ("tune_sequence", f"{name}, {method}", "a solve, n = 10,000")
    return Row.of(names, "us", tuning, solving, 1e6)


def measure(given: argparse.Namespace) -> Iterator[Row]:
    """Loops, then sequences of solves."""
    yield from loop_rows(given.rounds)
    for method in SOLVES:
        for name in TUNERS:
            yield sequence_row(name, method, given.repeats)


if __name__ == "__main__":
    parser = report.options(__doc__, repeats=9)
    parser.add_argument("--rounds", type=int, default=20_000, help="(%(default)s)")
    report.main(measure, parser)
