"""The heat equation under tuners of omega: ``python experiments/results/relax_heat.py [NX ...]``.

SSOR-CG on the problem of Learning to Relax (arXiv:2310.02246, section G.2): 5000 time steps, a
relative tolerance of 1e-8, each solve starting from the last solution. nx = 25, 50 and 100 are
solved in full unless ``--every`` says otherwise; of larger ones every tenth (200) or 50th (400)
step of the first period, the costs held in between and repeated. Tuners are played on the table of
all costs, 20 seeds each. Times are those of one processor core on 50 of the steps, the best of
three. ``--variable`` takes the equation whose coefficient varies in space; ``--no-times`` leaves
the times out.

Tables are kept in ``ritard-runs/relax-heat``, and a killed run goes on; what is found goes to
``experiments/results/relax-heat``.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ritard.experiments.figures import picture
from ritard.experiments.records import write_json
from ritard.experiments.relax.heat import LOG_CONTEXT, plain_total, play_all, totals
from ritard.experiments.relax.peers import time_peers
from ritard.experiments.relax.sample import sample_costs
from ritard.experiments.relax.tabulate import Solver, tabulate
from ritard.experiments.relax.tuners import Arms
from ritard.experiments.tables import show, table
from ritard.solvers.linear.gallery import Heat, VariableHeat
from ritard.tuners.bandits import plot_solved

HERE = Path(__file__).resolve().parent
STEPS, PERIOD, SEEDS, TIMED = 5000, 1000, 20, 50
EVERY = {200: 10, 400: 50}
FINE = np.linspace(1, 1.95, 39).tolist()
"""Omegas of the tables below nx = 100, the arms among them; above, the arms alone."""
PLAIN = {
    "CG": ("cg", 1.0, False),
    "omega=1": ("ssor_cg", 1.0, False),
    "omega=1.5": ("ssor_cg", 1.5, False),
}
FLIPPED = {
    "omega=1, backward first": ("ssor_cg", 1.0, True),
    "omega=1.5, backward first": ("ssor_cg", 1.5, True),
}
REFERENCE = {"CG": 85422, "omega=1, backward first": 32800, "omega=1.5, backward first": 32296}
"""Totals of the paper's authors' program at nx = 25."""


def main() -> None:
    """Run what is asked for, nx = 25 by default; write and print what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nx", nargs="*", type=int, default=[25])
    parser.add_argument("--variable", action="store_true")
    parser.add_argument("--every", type=int, default=0, help="solve one step of so many")
    parser.add_argument("--no-times", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path("ritard-runs/relax-heat"))
    parser.add_argument("--out", type=Path, default=HERE / "relax-heat")
    given = parser.parse_args()
    if not 0 <= given.every <= PERIOD:
        parser.error(f"--every={given.every}: expected 1 to {PERIOD}, the steps of a period")
    for folder in (given.cache, given.out):
        folder.mkdir(parents=True, exist_ok=True)
    for nx in given.nx:
        kind = VariableHeat if given.variable else Heat
        name = f"{'variable' if given.variable else 'heat'}-{nx}"
        found = study(kind(nx, STEPS), name, given)
        write_json(given.out / f"{name}.json", found)
        show(tables(found))


def study(family: Any, name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Everything about one grid."""
    every = given.every or EVERY.get(family.nx, 1)
    fine = costs(family, every, given.cache / f"{name}.npz", name)
    arms = fine.only(Arms().omegas)
    found: dict[str, Any] = {"name": name, "n": (family.nx - 1) ** 2, "steps": STEPS}
    found |= {"every": every, "fixed": {}}
    if every == 1:
        runs = PLAIN if given.variable else PLAIN | FLIPPED
        path = given.cache / f"{name}-totals.json"
        found["fixed"] = {label: plain_total(family, *run, path) for label, run in runs.items()}
    found["best_fixed"], found["best_fixed_fine"] = arms.best_fixed, fine.best_fixed
    found["least"], found["least_fine"] = arms.least, fine.least
    played = play_all(arms, family, SEEDS)
    found["tuners"] = [asdict(entry) for entry in totals(played)]
    first = {label: runs[0] for label, runs in played.items()}
    draw(name, arms, first, given.out)
    if not given.no_times:
        best = np.array(Arms().omegas)[arms.counts.argmin(1)]
        chosen = {"omega=1": np.ones(STEPS), "best fixed": np.full(STEPS, arms.best_fixed[0])}
        chosen |= {label: first[label].omegas for label in ("chebcb", "gp", LOG_CONTEXT)}
        chosen["best of the arms each step"] = best
        places = list(range(STEPS // TIMED // 2, STEPS, STEPS // TIMED))
        found["seconds"] = [asdict(t) for t in time_peers(family, places, chosen, 1e-8)]
    return found


def costs(family: Any, every: int, path: Path, name: str) -> Any:
    """The table of all steps, kept in a file, or of some steps of a period, held in between."""
    start, held = time.perf_counter(), None
    omegas = FINE if family.nx < 100 else Arms().omegas
    if every > 1:
        return sample_costs(family, Solver(), omegas, every, PERIOD)
    for held in tabulate(family, Solver(), omegas, path, name):
        spent = time.perf_counter() - start
        print(f"{name}: {len(held.counts)}/{len(family)} systems, {spent:.0f} s", flush=True)
    assert held is not None
    return held


def draw(name: str, arms: Any, first: Any, out: Path) -> None:
    """Omegas of one seed over a period, and steps solved against iterations."""
    with picture(out / f"{name}.png", (14, 5), columns=2) as (left, right):
        t = np.arange(STEPS) / PERIOD
        least = np.array(Arms().omegas)[arms.counts.argmin(1)]
        left.plot(t, least, color="black", linewidth=1, label="best of the arms")
        for label, colour in (("chebcb", "#D55E00"), ("gp", "#009E73")):
            left.plot(t, first[label].omegas, ".", markersize=2, color=colour, label=label)
        left.set(xlabel="t", ylabel="omega", xlim=(0, STEPS / PERIOD), ylim=(0.97, 2.13))
        left.legend(frameon=False, markerscale=5, loc="upper center", ncols=3, title=name)
        lines = {f"omega={w:g}": arms.only([w]).counts[:, 0] for w in (1.0, 1.5)}
        lines["best fixed"] = arms.only([arms.best_fixed[0]]).counts[:, 0]
        lines |= {label: first[label].costs for label in ("tsallis", "chebcb", "gp")}
        plot_solved(lines | {"best of the arms": arms.counts.min(1)}, right)
        right.legend(frameon=False, loc="lower right", fontsize=10)


def tables(found: dict[str, Any]) -> Iterator[Any]:
    """The table of a grid, and that of times."""
    least, fixed = found["least"], found["best_fixed"][1]
    sampled = "" if found["every"] == 1 else f", every {found['every']}th step of a period"
    columns = (f"{found['name']}, n={found['n']}{sampled}", "iterations", "SD")
    columns += ("/ best arm a step", "/ best fixed", "reference")
    rows = [(label, total, None) for label, total in found["fixed"].items()]
    rows += [(f"best fixed ({found['best_fixed'][0]:g})", fixed, None)]
    rows += [("best arm each step", least, None)]
    if found["least_fine"] < least:
        rows += [("best of 39 omegas each step", found["least_fine"], None)]
    rows += [(entry["name"], entry["mean"], entry["spread"]) for entry in found["tuners"]]
    lines = list[tuple[str, ...]]()
    for label, total, spread in rows:
        known = REFERENCE.get(label, "") if found["name"] == "heat-25" else ""
        texts = (f"{total:.0f}", "" if spread is None else f"{spread:.0f}")
        ratios = f"{total / least:.3f}", f"{total / fixed:.3f}"
        lines.append((label, *texts, *ratios, f"{known}"))
    yield table(columns, lines)
    if "seconds" in found:
        slowest = sorted(found["seconds"], key=lambda entry: entry["seconds"])
        times = ((entry["name"], f"{entry['seconds']:.1f}") for entry in slowest)
        yield table(("processor seconds of all steps", ""), times)


if __name__ == "__main__":
    main()
