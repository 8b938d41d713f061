"""Learn omega while solving a stream of systems. Run it: python bandit_omega.py."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from ritard.solvers.linear import gallery
from ritard.tuners.bandits import Fixed, GPThompson, lanczos_young, tune_sequence

n, steps = 400, 400
laplacian: Any = gallery.laplacian(20, 20).tocsr()


def systems() -> Iterator[tuple[Any, np.ndarray, float]]:
    """A, b and what is known of A: the shift c."""
    rng = np.random.default_rng(0)
    for c in 0.01 + 0.99 * rng.random(steps) ** 3:
        yield laplacian + c * sp.eye_array(n), rng.standard_normal(n), float(c)


learner = GPThompson(np.linspace(1, 1.95, 20), seed=0, low=0.0, high=1.0)
tuners: dict[str, Any] = {"fixed 1": Fixed(1.0), "fixed 1.7": Fixed(1.7), "learned": learner}
tuners["Lanczos + Young"] = lanczos_young(laplacian)  # where its theory holds, hard to beat
for name, tuner in tuners.items():
    report = tune_sequence(systems(), tuner, rtol=1e-8, maxiter=5000)
    print(f"{name:16}{report.total_iterations:7} iterations")

with tempfile.TemporaryDirectory() as folder:  # a run that can be killed and goes on
    report = tune_sequence(systems(), Fixed(1.7), rtol=1e-8, checkpoint=Path(folder) / "run.npz")
print(f"{report.converged.sum()} of {len(report)} converged")
