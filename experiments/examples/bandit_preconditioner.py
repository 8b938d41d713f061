"""Which preconditioner for SciPy's cg? Run it: python bandit_preconditioner.py."""

import time
from typing import Any

import numpy as np
import scipy.sparse as sp
from ritard.solvers.linear import gallery, ssor_preconditioner
from ritard.tuners.bandits import TsallisINF
from scipy.sparse.linalg import LinearOperator, cg, spilu


def preconditioner(name: str, A: Any) -> Any:
    """What cg takes as M."""
    if name == "none":
        return None
    if name == "Jacobi":
        return sp.diags_array(1 / A.diagonal())
    if name == "SSOR":
        return ssor_preconditioner(A, 1.7)
    return LinearOperator(A.shape, spilu(A.tocsc(), drop_tol=1e-4).solve)


names, n, rng = ("none", "Jacobi", "SSOR", "incomplete LU"), 1600, np.random.default_rng(0)
laplacian: Any = gallery.laplacian(40, 40).tocsr()
cg(laplacian, np.ones(n), M=preconditioner("SSOR", laplacian))  # compiled before the clock starts
tuner, chosen = TsallisINF(names, seed=0), dict.fromkeys(names, 0)
for _ in range(300):
    A = laplacian + sp.diags_array(10 ** rng.uniform(-3, 0, n))  # another matrix each time
    choice = tuner.ask()
    start = time.perf_counter()
    x, info = cg(A, rng.standard_normal(n), rtol=1e-8, M=preconditioner(choice.value, A))
    tuner.tell(choice, time.perf_counter() - start if info == 0 else float("inf"))
    chosen[choice.value] += 1
print("chosen:", ", ".join(f"{name} {count}" for name, count in chosen.items()))
print("chances now:", np.round(tuner.probabilities(), 2).tolist())
