"""The synthetic task of Learning to Relax: ``python experiments/results/relax_synthetic.py``.

SOR on shifted Laplacians of 100 unknowns (arXiv:2310.02246, section 2 and G.1): T = 5000
instances a trial, 40 trials, both variances; a relative residual of 1e-8 from zero. All comparators
of a trial meet the same instances. Trials are kept in ``ritard-runs/relax-synthetic``, and a killed
study goes on; the summary goes to ``experiments/results/relax-synthetic``.

Beside ours stands Tsallis-INF as the paper's authors' program has it: Newton's method for the
normaliser starts anywhere and stops after 20 steps, the draw normalises, the estimate does not.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from ritard.experiments.figures import picture
from ritard.experiments.relax.comparators import COMPARATORS
from ritard.experiments.relax.figures import draw_bars
from ritard.experiments.relax.report import render_synthetic, write_synthetic
from ritard.experiments.relax.study import (
    VARIANCES,
    Protocol,
    read_scores,
    read_seconds,
    run_study,
)
from ritard.experiments.relax.summary import summarise
from ritard.experiments.relax.synthetic import ARMS, Trial
from ritard.experiments.tables import show
from ritard.tuners.bandits import Choice, plot_solved

HERE = Path(__file__).resolve().parent
REFERENCE = "Tsallis-INF as in the reference"
DRAWN = (
    "omega=1.6", "omega=1.8", "Tsallis-INF RV", "Tsallis-INF-CB RV", "ChebCB",
    "GP-Thompson on policies", "Young (instance optimum)",
)  # fmt: skip
SLOW = ("omega=1.0", "omega=1.2", "omega=1.4")
QUOTED = {
    "low": {"omega=1.2": 181, "omega=1.4": 112, "omega=1.6": 64.0, "omega=1.8": 86.0}
    | {"omega=1.0": 274, REFERENCE: 66.1, "ChebCB": 46.4, "Young (instance optimum)": 41.95}
    | {"Tsallis-INF-CB IW": 61.9},
    "high": {"omega=1.2": 406, "omega=1.4": 257, "omega=1.6": 151, "omega=1.8": 103.6}
    | {"omega=1.0": 612, REFERENCE: 116.1, "ChebCB": 65.9, "Young (instance optimum)": 56.3}
    | {"Tsallis-INF-CB IW": 96.8},
}
"""Iterations per instance when the authors' own program was run (3 to 12 trials)."""


class ReferenceTsallis:
    """Tsallis-INF with the reference's unguarded normaliser and running mean."""

    def __init__(self, arms: int, seed: Any) -> None:
        self._rng, self._k = np.random.default_rng(seed), np.zeros(arms)
        self._t, self._sum = 0, 0.0

    def ask(self, context: float) -> Any:
        """Draw an arm; the probability that is kept may be far from normalised."""
        self._t += 1
        scale = self._sum / (self._t - 1) if self._t > 1 else 1.0
        p = unguarded(self._k / scale if scale else self._k * np.nan, 2 / np.sqrt(self._t))
        total = p.sum()
        drawable = np.isfinite(total) and total > 0
        arm = self._rng.choice(len(p), p=p / total if drawable else None)
        return Choice(ARMS[arm], int(arm), float(p[arm]), context)

    def tell(self, choice: Any, cost: float) -> None:
        """Importance weighting by the kept probability."""
        self._k[choice.arm] += (cost - 1) / choice.probability
        self._sum += cost - 1


@njit
def unguarded(k: Any, eta: float) -> Any:
    """4 / (eta (k - x))^2 after 20 Newton steps from x = -1 for a sum of one."""
    x, p = -1.0, np.zeros_like(k)
    for _ in range(20):
        p = 4 / (eta * (k - x)) ** 2
        x -= (p.sum() - 1) / (eta * (p**1.5).sum())
    return 4 / (eta * (k - x)) ** 2


def reference(trial: Any) -> Any:
    """The reference's Tsallis-INF on a trial."""
    return trial.play(ReferenceTsallis(len(ARMS), [trial.seed, 2]))


def main() -> None:
    """Run what is missing; write and print all that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path("ritard-runs/relax-synthetic"))
    parser.add_argument("--out", type=Path, default=HERE / "relax-synthetic")
    given = parser.parse_args()
    protocol, start = Protocol(given.trials, given.steps), time.perf_counter()
    for done, total in run_study(protocol, given.cache, given.jobs, {REFERENCE: reference}):
        print(f"{done}/{total} trials, {time.perf_counter() - start:.0f} s", flush=True)
    trials = {variance: read_scores(protocol, given.cache, variance) for variance in VARIANCES}
    rows = {variance: summarise(found) for variance, found in trials.items()}
    seconds = read_seconds(protocol, given.cache)
    write_synthetic(protocol, trials, rows, QUOTED, seconds, given.out)
    with picture(given.out / "means.png", (14, 8), columns=2) as axes:
        draw_rows(rows, axes)
    with picture(given.out / "solved.png", (14, 5.5), columns=2) as axes:
        draw_trials(given.steps, axes)
    show(render_synthetic(protocol, rows, QUOTED, seconds))


def draw_rows(rows: Any, axes: Any) -> None:
    """Bars for both variances, without the small omegas, beside which the rest would shrink."""
    for ax, (variance, every) in zip(axes, rows.items(), strict=True):
        found = [row for row in every if row.name not in SLOW]
        names = [row.name for row in found]
        means, errors = [row.mean for row in found], [row.stderr for row in found]
        draw_bars(names, means, errors, QUOTED[variance], ax)
        ax.set(title=f"{variance} variance", xlabel="iterations per instance")


def draw_trials(steps: int, axes: Any) -> None:
    """The trial of seed 0, as the paper draws it."""
    for ax, variance in zip(axes, VARIANCES, strict=True):
        trial = Trial(variance, 0, steps)
        plot_solved({name: COMPARATORS[name](trial).costs for name in DRAWN}, ax)
        ax.legend(frameon=False, loc="lower right", fontsize=10)
        ax.set(title=f"{variance} variance, one trial")


if __name__ == "__main__":
    main()
