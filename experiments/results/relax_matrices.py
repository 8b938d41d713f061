"""Omega where no formula gives it: ``python experiments/results/relax_matrices.py [ROW ...]``.

Sequences A + c diag(A) of matrices from the SuiteSparse collection, c log-uniform in [1e-4, 1], by
SSOR-CG; the nine-point Laplacian with random shifts, which is not consistently ordered, and an
upwind convection-diffusion problem with random wind by SOR; anisotropic diffusion at 30 degrees to
the grid by SSOR-CG. 1000 systems each (bcsstk16: 250), a relative tolerance of 1e-8 from zero, at
most 10,000 iterations. Tuners are played on the table of all costs, 20 seeds each. Times are those
of one processor core on 20 systems, the best of three.

Tables are kept in ``ritard-runs/relax-matrices``, and a killed run goes on; what is found goes to
``experiments/results/relax-matrices``.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ritard.experiments.records import write_json
from ritard.experiments.relax.problems import get_problem
from ritard.experiments.relax.tabulate import Solver, tabulate
from ritard.experiments.relax.tuners import Arms, make_tuner
from ritard.experiments.tables import show, table, titled
from scipy.sparse.linalg import splu

HERE = Path(__file__).resolve().parent
SEEDS, TIMED, MAXITER = 20, 20, 10_000
TUNERS = ("thompson", "tsallis", "tsallis-cb", "chebcb", "thompson-arms", "gp")
MATRICES = ("494_bus", "662_bus", "1138_bus", "gr_30_30", "nos3", "bcsstk01", "bcsstk16")
ROWS = {"nine-point": "sor", "convection": "sor", "anisotropic": "ssor_cg"} | {
    f"spd:{name}": "ssor_cg" for name in MATRICES
}
STEPS = dict.fromkeys(ROWS, 1000) | {"spd:bcsstk16": 250}


def main() -> None:
    """Run what is asked for, all by default; write and print all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--cache", type=Path, default=Path("ritard-runs/relax-matrices"))
    parser.add_argument("--out", type=Path, default=HERE / "relax-matrices")
    given = parser.parse_args()
    for folder in (given.cache, given.out):
        folder.mkdir(parents=True, exist_ok=True)
    for row in given.rows or ROWS:
        if row not in ROWS:
            parser.error(f"ROW={row!r}: expected one of {', '.join(ROWS)}")
        found = study(row, given.cache)
        write_json(given.out / f"{row.replace(':', '-')}.json", found)
    show(tables([json.loads(path.read_text()) for path in sorted(given.out.glob("*.json"))]))


def study(row: str, cache: Path) -> dict[str, Any]:
    """Everything about one sequence."""
    problem, method = get_problem(row), ROWS[row]
    family = problem.build(problem.nx, STEPS[row], 0)
    held = costs(family, Solver(method, maxiter=MAXITER), Arms().omegas, row, cache)
    found: dict[str, Any] = {"row": row, "method": method, "n": len(family[0].b)}
    found["steps"] = len(family)
    found |= {"omega_1": int(held.counts[:, 0].sum()), "best_fixed": held.best_fixed}
    found |= {"least": held.least, "capped": int((held.counts >= MAXITER).sum())}
    if problem.symmetric:
        plain = costs(family, Solver("cg", maxiter=MAXITER), [1.0], f"{row} cg", cache)
        found["cg"] = plain.least
    found["tuners"] = {name: play(name, held, family) for name in TUNERS}
    return found | {"milliseconds": times(family, method, held.best_fixed[0], problem.symmetric)}


def costs(family: Any, solver: Any, omegas: Any, name: str, cache: Path) -> Any:
    """The table of a sequence."""
    path = cache / f"{name.replace(':', '-').replace(' ', '-')}.npz"
    start, held = time.time(), None
    for held in tabulate(family, solver, omegas, path, name):
        spent = time.time() - start
        print(f"{name}: {len(held.counts)}/{len(family)} systems, {spent:.0f} s", flush=True)
    assert held is not None
    return held


def play(name: str, held: Any, family: Any) -> list[int]:
    """Totals of a tuner, one for each seed."""
    tuners = (make_tuner(name, family, Arms(), seed) for seed in range(SEEDS))
    return [int(held.play(tuner).costs.sum()) for tuner in tuners]


def times(family: Any, method: Any, omega: float, symmetric: bool) -> dict[str, float]:
    """Processor milliseconds of a solve, all preparation included."""
    relaxed, plain = Solver(method), Solver("cg")

    def by_relaxation(s: Any) -> Any:
        return relaxed(s.A, s.b, omega)

    def by_factors(s: Any) -> Any:
        return splu(s.A.tocsc()).solve(s.b)

    def by_cg(s: Any) -> Any:
        return plain(s.A, s.b)

    solves = {f"{method} at {omega:g}": by_relaxation, "sparse LU (splu)": by_factors}
    solves |= {"CG": by_cg} if symmetric else {}
    spent = dict.fromkeys(solves, 0.0)
    for system in family[:: len(family) // TIMED][:TIMED]:
        for name, solve in solves.items():
            spent[name] += min(timed(solve, system) for _ in range(3))
    return {name: 1e3 * seconds / TIMED for name, seconds in spent.items()}


def timed(solve: Any, system: Any) -> float:
    """Processor seconds of one solve."""
    start = time.thread_time()
    solve(system)
    return time.thread_time() - start


def tables(rows: list[dict[str, Any]]) -> Iterator[Any]:
    """Iterations a system, tuners relative to the best arm of each system, and times."""
    columns = ("iterations a system", "", "n", "CG", "omega=1", "best fixed", "best arm each")
    lines = list[list[str]]()
    for row in rows:
        (omega, total), T = row["best_fixed"], row["steps"]
        texts = [row["row"], row["method"], f"{row['n']}"]
        texts += [f"{row['cg'] / T:.1f}" if "cg" in row else "", f"{row['omega_1'] / T:.1f}"]
        texts += [f"{total / T:.1f} ({omega:g})", f"{row['least'] / T:.1f}"]
        texts += [f"{total / row['least']:.3f}"]
        for name in TUNERS:
            ratios = np.array(row["tuners"][name]) / row["least"]
            texts.append(f"{ratios.mean():.3f}±{ratios.std(ddof=1):.3f}")
        lines.append(texts)
    made = table((*columns, "fixed /", *TUNERS), lines)
    yield from titled(f"tuners: over the best arm each, {SEEDS} seeds", made)
    for row in rows:
        spent = ", ".join(f"{name} {ms:.2f} ms" for name, ms in row["milliseconds"].items())
        yield f"{row['row']}: {spent}"


if __name__ == "__main__":
    main()
