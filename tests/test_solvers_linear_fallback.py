"""Without numba the same results come from SuperLU's triangles, with one warning."""

import json
import subprocess
import sys

import numpy as np
import pytest
from ritard.solvers.linear import Adaptive, Stencil, count_sor, solve, ssor_preconditioner

SETTINGS = [
    ("sor", 1.3, "forward"),
    ("sor", 1.3, "backward"),
    ("ssor", 1.2, "forward"),
    ("ssor_cg", 1.2, "forward"),
    ("cg", 1.0, "forward"),
]
CODE = f"""
import json, sys, warnings
sys.modules["numba"] = None
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import numpy as np
    from ritard.solvers.linear import *
    stencil = Stencil((5, 6), 4.3, -1.0, -1.0, -0.9, -0.9)
    b = np.arange(30.0)
    out = {{}}
    for system in (stencil, stencil.tocsr(), Splitting.of(stencil).shifted(0.0)):
        for method, omega, sweep in {SETTINGS}:
            s = solve(system, b, method, omega, sweep=sweep, rtol=1e-8)
            out[f"{{method}} {{sweep}}"] = [s.iterations, s.x.tolist(), s.residual_norms.tolist()]
    s = solve(stencil, b, omega=Adaptive(), rtol=1e-8)
    out["adaptive"] = [s.iterations, s.omega]
    out["preconditioned"] = (ssor_preconditioner(stencil, 1.4) @ b).tolist()
    grid = Stencil.laplacian(3, 4)
    out["counts"] = count_sor(grid, [0.1, 0.2], [1.0, 1.4], np.ones((2, 12))).tolist()
out["warnings"] = [str(w.message) for w in caught if "numba" in str(w.message)]
out["diverged"] = solve(np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones(2), omega=1.5).info
out["numba"] = sys.modules["numba"] is None
print(json.dumps(out))
"""


def test_without_numba_the_results_are_the_same() -> None:
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    without = json.loads(run.stdout)
    assert without["numba"] and without["diverged"] == -1
    assert (
        len(without["warnings"]) == 1 and 'pip install "ritard[solvers]"' in without["warnings"][0]
    )
    stencil, b = Stencil((5, 6), 4.3, -1.0, -1.0, -0.9, -0.9), np.arange(30.0)
    for method, omega, sweep in SETTINGS:
        ours = solve(stencil, b, method, omega, sweep=sweep, rtol=1e-8)
        iterations, x, norms = without[f"{method} {sweep}"]
        assert iterations == ours.iterations
        np.testing.assert_allclose(x, ours.x, rtol=1e-10)
        np.testing.assert_allclose(norms, ours.residual_norms, rtol=1e-6)
    adaptive = solve(stencil, b, omega=Adaptive(), rtol=1e-8)
    assert without["adaptive"] == [adaptive.iterations, pytest.approx(adaptive.omega)]
    np.testing.assert_allclose(without["preconditioned"], ssor_preconditioner(stencil, 1.4) @ b)
    counts = count_sor(Stencil.laplacian(3, 4), [0.1, 0.2], [1.0, 1.4], np.ones((2, 12)))
    assert without["counts"] == counts.tolist()


def test_importing_is_light() -> None:
    code = "import sys, ritard.solvers.linear; print('numba' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
