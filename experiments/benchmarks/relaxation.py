"""Cost of the linear solvers, beside pyamg, SciPy and what the memory allows.

Run it: ``python experiments/benchmarks/relaxation.py`` (two minutes; ``--help`` for options). A
sweep of ours measures the residual's norm too and bears its share of a whole call; pyamg's does
not. The last rows tell how costs grow with the unknowns n and with the systems T of a table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import report
import scipy.sparse.linalg as sla
from measure import Numbers, Row, Work, interleaved
from pyamg.relaxation.relaxation import sor as pyamg_sor
from ritard.solvers.linear import Splitting, Stencil, count_sor, solve

SWEEPS = 50


def rows(
    what: Mapping[str, str], times: Mapping[str, Numbers], peer: str, unit: str, scale: float
) -> Iterator[Row]:
    """A row for each case beside one peer; ``what`` names the subject of each case."""
    for case, subject in what.items():
        yield Row.of((subject, case, peer), unit, times[case], times[peer], scale)


def bandwidth(repeats: int) -> float:
    """Bytes per second of c = a + b on arrays beyond any cache, by its 24 bytes an element."""
    a, b, c = np.ones((3, 25_000_000))
    times = interleaved({"add": partial(np.add, a, b, out=c)}, repeats)["add"]
    return 24 * len(a) / float(times.min())


def sweeps(nx: int, repeats: int, speed: float) -> Iterator[Row]:
    """A sweep of SOR on nx x nx points, beside pyamg's, SciPy's product and the memory's bound."""
    stencil, shape = Stencil.laplacian(nx, nx), f"{nx} x {nx}"
    varying = Stencil((nx, nx), np.full((nx, nx), 4.0), -1.0, -1.0, -1.0, -1.0)
    A = stencil.tocsr()
    b, x = np.random.default_rng(0).normal(size=(2, nx * nx))
    systems: dict[str, Any] = {
        f"{shape}, sparse": Splitting.of(A),
        f"{shape}, stencil of arrays": varying,
        f"{shape}, stencil of numbers": stencil,
    }
    run = {"omega": 1.5, "x0": x, "rtol": 0, "maxiter": SWEEPS}
    works: dict[str, Work] = {name: partial(solve, s, b, **run) for name, s in systems.items()}
    peers: dict[str, Work] = {
        "pyamg's sor, without the norm": partial(pyamg_sor, A, x.copy(), b, 1.5),
        "SciPy's A @ x": partial(A.__matmul__, x),
    }
    times = interleaved({**works, **peers}, repeats, calls=max(1, 200_000 // nx**2))
    times |= {name: times[name] / SWEEPS for name in works}
    yield from rows(dict.fromkeys(works, "SOR sweep"), times, next(iter(peers)), "ms", 1e3)
    sparse, _, numbers = works
    yield from rows({sparse: "SOR sweep and product"}, times, "SciPy's A @ x", "ms", 1e3)
    least = {sparse: 12 * A.nnz + 28 * nx * nx, numbers: 24 * nx * nx}
    for name, moved in least.items():
        names = ("SOR sweep and memory", name, f"{speed / 1e9:.0f} GB/s, measured")
        yield Row.of(names, "ms", times[name], np.full(repeats, moved / speed), 1e3)


def small(repeats: int) -> Iterator[Row]:
    """A whole solve of 100 unknowns, per iteration."""
    stencil, peer = Stencil.laplacian(10, 10), "pyamg's sor, a sweep a call"
    A, b, x = stencil.tocsr(), np.random.default_rng(0).normal(size=100), np.zeros(100)
    systems = {"stencil": stencil, "Splitting": Splitting.of(A), "csr_array": A}
    works: dict[str, Work] = {
        f"{method}, {name}": partial(solve, system, b, method, 1.5, rtol=1e-8)
        for method in ("sor", "ssor_cg")
        for name, system in systems.items()
    }
    counts = {name: work().iterations for name, work in works.items()}
    peers: dict[str, Work] = {peer: partial(pyamg_sor, A, x, b, 1.5)}
    times = interleaved({**works, **peers}, repeats, calls=300)
    times |= {name: times[name] / counts[name] for name in works}
    yield from rows(dict.fromkeys(works, "solve, an iteration"), times, peer, "us", 1e6)


def heat(nx: int, repeats: int) -> Iterator[Row]:
    """A step of the heat equation, k = 10, dt = 1e-3, random b, to 1e-8."""
    c = 0.5 * 10 * 1e-3 * nx**2
    stencil = Stencil((nx - 1, nx - 1), 1 + 4 * c, -c, -c, -c, -c)
    A, b = stencil.tocsr(), np.random.default_rng(0).normal(size=(nx - 1) ** 2)
    systems: dict[str, Any] = {"sparse": Splitting.of(A), "stencil": stencil}
    works: dict[str, Work] = {
        f"{method}, omega {omega}, {name}": partial(solve, system, b, method, omega, rtol=1e-8)
        for method, omega in (("cg", 1.0), ("ssor_cg", 1.0), ("ssor_cg", 1.5), ("ssor_cg", 1.9))
        for name, system in systems.items()
    }
    works["ssor_cg, omega 1.9, and the conversion"] = partial(
        solve, A, b, "ssor_cg", 1.9, rtol=1e-8
    )
    peers: dict[str, Work] = {"SciPy's cg": partial(sla.cg, A, b, rtol=1e-8)}
    times = interleaved({**works, **peers}, repeats)
    named = {name: f"{name}, {nx - 1} x {nx - 1}" for name in works}
    times = {named.get(name, name): found for name, found in times.items()}
    good = {case: "ssor_cg" for name, case in named.items() if "1.9" in name}
    other = {case: "ssor_cg and cg" for case in named.values() if case not in good}
    yield from rows(good | other, times, "SciPy's cg", "ms", 1e3)


def growth(repeats: int) -> Iterator[Row]:
    """Costs per unknown and iteration as n grows; per unknown and sweep of a table as T grows."""
    middle = 100
    for method in ("sor", "ssor_cg", "cg"):
        times: dict[int, Numbers] = {}
        for nx in (middle, 10, 32, 316, 1000):
            splitting = Splitting.of(Stencil.laplacian(nx, nx).tocsr())
            b = np.random.default_rng(0).normal(size=nx * nx)
            work = partial(solve, splitting, b, method, 1.5, rtol=0, maxiter=SWEEPS)
            per = work().iterations * nx**2
            calls = max(1, 100_000 // nx**2)
            times[nx] = interleaved({"": work}, repeats, calls=calls)[""] / per
            if nx != middle:
                names = ("an unknown, an iteration", f"{method}, n = {nx}²", f"n = {middle}²")
                yield Row.of(names, "ns", times[nx], times[middle], 1e9)
    rng, tables = np.random.default_rng(0), dict[int, Numbers]()
    for T in (10, 100, 500):
        shifts, bs = -0.15 + 0.6 * rng.beta(0.5, 1.5, T), rng.normal(size=(T, 100))
        table = partial(count_sor, Stencil.laplacian(10, 10), shifts, np.linspace(1, 1.95, 20), bs)
        tables[T] = interleaved({"": table}, repeats)[""] / (100 * table().sum())
        if T > 10:
            names = ("an unknown, a sweep of a table", f"T = {T}", "T = 10")
            yield Row.of(names, "ns", tables[T], tables[10], 1e9)


def measure(given: argparse.Namespace) -> Iterator[Row]:
    """Sweeps, small solves, whole solves, growth."""
    repeats: int = given.repeats
    speed = bandwidth(repeats)
    for nx in (256, 1024):
        yield from sweeps(nx, repeats, speed)
    yield from small(repeats)
    yield from heat(400, repeats)
    yield from growth(repeats)


if __name__ == "__main__":
    report.main(measure, report.options(__doc__, repeats=9))
