"""Cost of the linear solvers, beside pyamg, SciPy and what the memory allows.

Run it: ``python experiments/benchmarks/relaxation.py`` (two minutes; ``--help`` for options; one
thread: set OMP_NUM_THREADS=1). Everything is measured in one process, in turns, as CPU time, which
a busy machine does not bend; times are medians over the rounds, and a ratio compares within a
round. Goals: a sweep with the residual's norm at least 1.6 times faster than pyamg's ``sor``
without it at 1024 x 1024; about a microsecond per iteration at n = 100; ``ssor_cg`` at least 3
times faster than SciPy's ``cg`` at 400 x 400 with a good omega.
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
import pyamg
import scipy
import scipy.sparse.linalg as sla
from pyamg.relaxation.relaxation import sor as pyamg_sor

# pyright does not see the mapping of an editable install.
from ritard.solvers.linear import (  # pyright: ignore[reportMissingImports]
    Splitting,
    Stencil,
    count_sor,
    solve,
)

Work = Callable[[], Any]
SWEEPS = 50


def seconds(work: Work, repeats: int = 1) -> float:
    """CPU time of one call."""
    start = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - start) / repeats


def measure(works: dict[str, Work], rounds: int, repeats: int = 1) -> dict[str, list[float]]:
    """Times of every work in every round, taken in turns."""
    for work in works.values():
        work()
    table = [[seconds(work, repeats) for work in works.values()] for _ in range(rounds)]
    return {name: [row[k] for row in table] for k, name in enumerate(works)}


def show(times: dict[str, list[float]], peer: str, per: dict[str, float], unit: str) -> None:
    """Print the median time per item of each, and how many times faster than the peer it is."""
    base = [t / per[peer] for t in times[peer]]
    for name, column in times.items():
        each = [t / per[name] for t in column]
        ratio = statistics.median(b / t for b, t in zip(base, each, strict=True))
        print(f"  {name:<44}{statistics.median(each):>12.4g} {unit}   {ratio:>6.2f} x")


def bandwidth(rounds: int) -> float:
    """Bytes per second of c = a + b on arrays beyond any cache, by its 24 bytes an element."""
    a, b, c = np.ones((3, 25_000_000))
    times = measure({"add": partial(np.add, a, b, out=c)}, rounds)["add"]
    return 24 * len(a) / min(times)


def sweeps(nx: int, rounds: int, speed: float) -> None:
    """A sweep of SOR; ours includes the residual's norm and its share of a whole call."""
    stencil = Stencil.laplacian(nx, nx)
    varying = Stencil((nx, nx), np.full((nx, nx), 4.0), -1.0, -1.0, -1.0, -1.0)
    A = stencil.tocsr()
    b, x = np.random.default_rng(0).normal(size=(2, nx * nx))
    works: dict[str, Work] = {
        "pyamg sor, without the norm": partial(pyamg_sor, A, x.copy(), b, 1.5)
    }
    works["scipy A @ x"] = partial(A.__matmul__, x)
    for name, system in {
        "ours, sparse": Splitting.of(A),
        "ours, stencil of arrays": varying,
        "ours, stencil of numbers": stencil,
    }.items():
        works[name] = partial(solve, system, b, omega=1.5, x0=x, rtol=0, maxiter=SWEEPS)
    per = {name: SWEEPS if name.startswith("ours") else 1.0 for name in works}
    times = measure(works, rounds, repeats=max(1, 200_000 // nx**2))
    ms = {name: [1e3 * t for t in column] for name, column in times.items()}
    print(f"a sweep on {nx} x {nx} points; at this bandwidth at least", end=" ")
    least = (12 * A.nnz + 28 * nx * nx) / speed, 24 * nx * nx / speed
    print(f"{1e3 * least[0]:.3g} ms (CSR), {1e3 * least[1]:.3g} ms (stencil of numbers)")
    show(ms, "pyamg sor, without the norm", per, "ms")


def small(rounds: int) -> None:
    """A whole solve of 100 unknowns, per iteration."""
    stencil = Stencil.laplacian(10, 10)
    A, b, x = stencil.tocsr(), np.random.default_rng(0).normal(size=100), np.zeros(100)
    works: dict[str, Work] = {"pyamg sor, one sweep a call": partial(pyamg_sor, A, x, b, 1.5)}
    per = {"pyamg sor, one sweep a call": 1.0}
    systems = {"stencil": stencil, "Splitting": Splitting.of(A), "csr_array": A}
    for name, system in systems.items():
        for method in ("sor", "ssor_cg"):
            key = f"solve({name}, {method!r}), per iteration"
            works[key] = partial(solve, system, b, method, 1.5, rtol=1e-8)
            per[key] = float(works[key]().iterations)
    times = measure(works, rounds, repeats=300)
    us = {name: [1e6 * t for t in column] for name, column in times.items()}
    count = solve(stencil, b, omega=1.5, rtol=1e-8).iterations
    print(f"10 x 10 points, tolerance 1e-8, {count} sweeps")
    show(us, "pyamg sor, one sweep a call", per, "us")


def whole(nx: int, rounds: int) -> None:
    """A step of the heat equation, k = 10, dt = 1e-3, random b, to 1e-8."""
    c = 0.5 * 10 * 1e-3 * nx**2
    stencil = Stencil((nx - 1, nx - 1), 1 + 4 * c, -c, -c, -c, -c)
    A, b = stencil.tocsr(), np.random.default_rng(0).normal(size=(nx - 1) ** 2)
    splitting = Splitting.of(A)
    works: dict[str, Work] = {"scipy cg": partial(sla.cg, A, b, rtol=1e-8)}
    for method, omega in (("cg", 1.0), ("ssor_cg", 1.0), ("ssor_cg", 1.5), ("ssor_cg", 1.9)):
        count = solve(splitting, b, method, omega, rtol=1e-8).iterations
        for name, system in (("sparse", splitting), ("stencil", stencil)):
            key = f"{method}, omega {omega}, {name}, {count} iterations"
            works[key] = partial(solve, system, b, method, omega, rtol=1e-8)
    works["ssor_cg, omega 1.9, and the conversion"] = partial(
        solve, A, b, "ssor_cg", 1.9, rtol=1e-8
    )
    times = measure(works, rounds)
    print(f"heat equation, {nx - 1} x {nx - 1} points, tolerance 1e-8")
    ms = {name: [1e3 * t for t in column] for name, column in times.items()}
    show(ms, "scipy cg", dict.fromkeys(works, 1.0), "ms")


def growth(rounds: int) -> None:
    """Nanoseconds per unknown and iteration as n grows; per sweep of a table as T grows."""
    print("ns per unknown and iteration, whole calls of 50 iterations, sparse")
    print(f"  {'points':<16}{'sor':>8}{'ssor_cg':>10}{'cg':>8}")
    for nx in (10, 32, 100, 316, 1000):
        splitting = Splitting.of(Stencil.laplacian(nx, nx).tocsr())
        b = np.random.default_rng(0).normal(size=nx * nx)
        cells: list[float] = []
        for method in ("sor", "ssor_cg", "cg"):
            work = partial(solve, splitting, b, method, 1.5, rtol=0, maxiter=SWEEPS)
            count = work().iterations
            times = measure({"": work}, rounds, repeats=max(1, 100_000 // nx**2))[""]
            cells.append(1e9 * statistics.median(times) / count / nx**2)
        print(f"  {nx} x {nx:<10}{cells[0]:>8.2f}{cells[1]:>10.2f}{cells[2]:>8.2f}")
    print("a table of counts on 10 x 10 points, 20 omegas, 1e-8: ns per unknown and sweep")
    rng = np.random.default_rng(0)
    for problems in (10, 100, 500):
        shifts, bs = -0.15 + 0.6 * rng.beta(0.5, 1.5, problems), rng.normal(size=(problems, 100))
        table = partial(count_sor, Stencil.laplacian(10, 10), shifts, np.linspace(1, 1.95, 20), bs)
        updates = 100 * table().sum()
        spent = statistics.median(measure({"": table}, rounds)[""])
        print(f"  T = {problems:<12}{1e9 * spent / updates:>8.3f}   {spent:.3g} s")


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print(f"{platform.platform()}, {os.cpu_count()} cores; Python {platform.python_version()}")
    print(f"NumPy {np.__version__}, SciPy {scipy.__version__}, pyamg {pyamg.__version__}")
    speed = bandwidth(rounds)
    print(f"bandwidth of one thread: {speed / 1e9:.1f} GB/s\n")
    print("medians of CPU time; x: times faster than the first line\n")
    for nx in (256, 1024):
        sweeps(nx, rounds, speed)
    small(rounds)
    whole(400, rounds)
    growth(rounds)


if __name__ == "__main__":
    main()
