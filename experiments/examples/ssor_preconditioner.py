"""SSOR as a preconditioner for SciPy's own conjugate gradients.

Run it: ``python ssor_preconditioner.py`` (numba is optional: ``pip install "ritard[solvers]"``).
"""

import numpy as np
from ritard.solvers.linear import Stencil, ssor_preconditioner
from scipy.sparse.linalg import cg

A = Stencil.laplacian(60, 60).tocsr()
b = np.ones(3600)


def iterations(M: object) -> int:
    """How often SciPy's cg calls back."""
    steps: list[object] = []
    _, info = cg(A, b, rtol=1e-8, M=M, callback=steps.append)
    assert info == 0
    return len(steps)


print("no preconditioner:", iterations(None), "iterations")
for omega in (1.0, 1.5, 1.8):
    print(f"SSOR, omega {omega}:", iterations(ssor_preconditioner(A, omega)), "iterations")
