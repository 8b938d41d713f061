"""One matrix, many right-hand sides: prepare once, solve with an omega from theory.

Run it: ``python ssor_cg_solver.py`` (numba is optional: ``pip install "ritard[solvers]"``).
"""

import numpy as np
from ritard.solvers.linear import (
    Splitting,
    Stencil,
    jacobi_radius,
    optimal_omega,
    optimal_omega_cg,
    solve,
    ssor_cg,
)

matrix = Stencil.laplacian(60, 60).tocsr()  # any sparse or dense symmetric matrix
A = Splitting.of(matrix)  # converted once, for every omega and every b
beta = jacobi_radius(A, steps=40)
b = np.random.default_rng(0).normal(size=3600)

print(f"Jacobi radius at least {beta:.5f}")
for method, omega in (
    ("sor", 1.0),
    ("sor", optimal_omega(beta)),
    ("cg", 1.0),
    ("ssor_cg", 1.0),
    ("ssor_cg", optimal_omega_cg(1 / (1 - beta))),
):
    solution = solve(A, b, method, omega, rtol=1e-8)
    print(f"{method:<8} omega {omega:.3f}: {solution.iterations:5d} iterations; {solution.reason}")

x, info = ssor_cg(A, b, omega=1.8, rtol=1e-8)  # the calling convention of scipy's cg
print("info", info, "true residual", np.linalg.norm(b - matrix @ x) / np.linalg.norm(b))
