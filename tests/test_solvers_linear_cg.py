"""SSOR-CG against textbook loops and SciPy, in SciPy's own tests, and as a preconditioner."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.solvers.linear import Splitting, Stencil, solve, ssor_cg, ssor_preconditioner


def _spd(n: int, seed: int) -> np.ndarray:
    """Dense, symmetric, positive definite, of moderate condition; a diagonal of many sizes."""
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    scale = rng.uniform(0.6, 1.5, n)
    return scale[:, None] * (Q * np.geomspace(0.5, 5, n)) @ Q.T * scale


def _ssor(A: np.ndarray, omega: float) -> np.ndarray:
    """The preconditioner (D + w L) D^-1 (D + w L)^T / (w (2 - w))."""
    D, L = np.diag(np.diag(A)), np.tril(A, -1)
    half = D + omega * L
    return half @ np.linalg.inv(D) @ half.T / (omega * (2 - omega))


def _textbook(A: np.ndarray, M: np.ndarray, b: np.ndarray, x: np.ndarray, goal: float):
    """Preconditioned conjugate gradients as in every book, with r by recurrence."""
    r = b - A @ x
    z = np.linalg.solve(M, r)
    p, norms = z.copy(), [np.linalg.norm(r)]
    while norms[-1] > goal:
        w = A @ p
        rho = r @ z
        alpha = rho / (p @ w)
        x, r = x + alpha * p, r - alpha * w
        z = np.linalg.solve(M, r)
        p = z + (r @ z / rho) * p
        norms.append(np.linalg.norm(r))
    return x, np.array(norms)


@given(n=st.integers(2, 30), seed=st.integers(0, 10**6), omega=st.floats(0.4, 1.8))
@settings(max_examples=40, deadline=None)
def test_equals_the_textbooks_loop(n: int, seed: int, omega: float) -> None:
    A = _spd(n, seed)
    b, x0 = np.random.default_rng(seed).normal(size=(2, n))
    goal = 1e-4 * np.linalg.norm(b)
    for method, M in (("ssor_cg", _ssor(A, omega)), ("cg", np.eye(n))):
        x, norms = _textbook(A, M, b, x0, goal)
        ours = solve(A, b, method, omega, x0=x0, rtol=1e-4)
        assert ours.iterations == len(norms) - 1 and ours.converged
        # The n-th step ends at rounding: of 70,000 random solves two loops, whose sums round in
        # another order, differed by 2e-7 of the first norm and 1e-6 in x at the most.
        np.testing.assert_allclose(ours.residual_norms, norms, rtol=1e-5, atol=1e-6 * norms[0])
        np.testing.assert_allclose(ours.x, x, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("omega", [0.8, 1.0, 1.3, 1.6])
def test_counts_on_grids_are_exact_and_stencils_agree(omega: float) -> None:
    rng = np.random.default_rng(0)
    east, north = rng.uniform(0.2, 2, (2, 12, 15))
    west, south = np.roll(east, 1, axis=1), np.roll(north, 1, axis=0)
    stencil = Stencil((12, 15), 0.05 + east + west + north + south, -west, -east, -south, -north)
    A = stencil.tocsr()
    assert Splitting.of(stencil).is_symmetric
    b, x0 = rng.normal(size=(2, 180))
    x, norms = _textbook(A.toarray(), _ssor(A.toarray(), omega), b, x0, 1e-6 * np.linalg.norm(b))
    for system in (stencil, A, Splitting.of(A)):
        ours = solve(system, b, "ssor_cg", omega, x0=x0, rtol=1e-6)
        assert ours.iterations == len(norms) - 1
        np.testing.assert_allclose(ours.residual_norms, norms, rtol=1e-6)
        np.testing.assert_allclose(ours.x, x, rtol=1e-5, atol=1e-6)


def test_the_two_orders_of_the_symmetric_sweep_are_flips_of_each_other() -> None:
    A = _spd(20, 1)
    b = np.random.default_rng(1).normal(size=20)
    D, U = np.diag(np.diag(A)), np.triu(A, 1)
    half = D + 1.3 * U
    backward_first = half @ np.linalg.inv(D) @ half.T / (1.3 * 0.7)
    x, norms = _textbook(A, backward_first, b, np.zeros(20), 1e-6 * np.linalg.norm(b))
    flipped = solve(A[::-1, ::-1], b[::-1], "ssor_cg", 1.3, rtol=1e-6)
    assert flipped.iterations == len(norms) - 1
    np.testing.assert_allclose(flipped.x[::-1], x, rtol=1e-5, atol=1e-6)


def test_scipys_own_tests_of_cg_pass_with_ssor_cg_in_its_place() -> None:
    """They hold complex Hermitian, single precision, operator, zero and exact-start cases."""
    code = """
import sys
import pytest
import scipy.sparse.linalg._isolve as isolve
from ritard.solvers.linear import ssor_cg
isolve.cg = ssor_cg
import scipy.sparse.linalg._isolve.tests.test_iterative as theirs
options = ["--noconftest", "-c", "/dev/null", "-p", "no:cacheprovider", "-q", "-W", "ignore"]
sys.exit(pytest.main([theirs.__file__, *options, "-k", "ssor_cg or test_precond_inverse"]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:]
    summary = run.stdout.strip().splitlines()[-1]
    assert int(summary.split(" passed")[0].split()[-1]) >= 30, summary


def test_a_given_preconditioner_or_an_operator_makes_it_scipys_cg() -> None:
    A, b = _spd(25, 2), np.random.default_rng(2).normal(size=25)
    diagonal = np.diag(1 / np.diag(A))
    for system, M in ((A, diagonal), (sla.aslinearoperator(A), None), (Splitting.of(A), diagonal)):
        counts: dict[str, int] = {"ours": 0, "theirs": 0}

        def count(x: np.ndarray, who: str, counts: dict[str, int] = counts) -> None:
            counts[who] += 1

        x, info = ssor_cg(system, b, M=M, rtol=1e-6, callback=lambda x: count(x, "ours"))
        y, _ = sla.cg(A, b, M=M, rtol=1e-6, callback=lambda x: count(x, "theirs"))
        assert info == 0 and counts["ours"] == counts["theirs"] > 3
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-8)
    x, info = ssor_cg(A, b, M=diagonal, maxiter=2)
    assert info == 2
    x, info = ssor_cg(A, b[:, None], M=diagonal)
    assert x.shape == (25, 1) and info == 0


def test_the_callback_sees_the_iterates_of_the_compiled_loop() -> None:
    A, b = _spd(25, 3), np.random.default_rng(3).normal(size=25)
    seen: list[np.ndarray] = []
    x, info = ssor_cg(A, b, omega=1.2, rtol=1e-6, callback=lambda x: seen.append(x.copy()))
    assert info == 0
    for k, iterate in enumerate(seen, start=1):
        compiled = solve(A, b, "ssor_cg", 1.2, rtol=0, maxiter=k).x
        np.testing.assert_allclose(iterate, compiled, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(seen[-1], x)


@pytest.mark.parametrize("omega", [0.7, 1.0, 1.6])
def test_the_preconditioner_is_ssors_and_serves_scipy(omega: float) -> None:
    A = _spd(25, 4)
    b = np.random.default_rng(4).normal(size=25)
    M = ssor_preconditioner(sp.csr_array(A), omega)
    np.testing.assert_allclose(M @ b, np.linalg.solve(_ssor(A, omega), b), rtol=1e-10)
    np.testing.assert_allclose(M.rmatvec(b), M @ b, rtol=1e-14)
    steps: list[float] = []
    x, info = sla.cg(A, b, M=M, rtol=1e-6, callback=lambda x: steps.append(0.0))
    ours = solve(A, b, "ssor_cg", omega, rtol=1e-6)
    assert info == 0 and len(steps) == ours.iterations
    np.testing.assert_allclose(x, ours.x, rtol=1e-6, atol=1e-8)
    x, info = ssor_cg(A, b, "Mb", omega=omega, rtol=1e-6)
    y = solve(A, b, "ssor_cg", omega, x0=M @ b, rtol=1e-6).x
    np.testing.assert_array_equal(x, y)


def test_breakdown_is_told() -> None:
    A = np.diag([3.0, 1.0, 1.0]) + 2 * (np.ones((3, 3)) - np.eye(3))  # indefinite
    for method in ("ssor_cg", "cg"):
        solution = solve(A, np.array([0.0, 1.0, -1.0]), method, 1.2)
        assert solution.info == -2 and "breakdown" in solution.reason
        assert len(solution.residual_norms) == solution.iterations + 1
    x, info = ssor_cg(A, np.array([0.0, 1.0, -1.0]), M=np.eye(3))
    assert info == -2 and np.isfinite(x).all()
    exact = solve(np.diag([2.0, 3.0]), np.ones(2), "ssor_cg", rtol=0, maxiter=50)
    assert np.linalg.norm(exact.x - [1 / 2, 1 / 3]) < 1e-15  # a zero residual is no breakdown


def test_complex_and_single_precision() -> None:
    rng = np.random.default_rng(5)
    C = rng.normal(size=(12, 12)) + 1j * rng.normal(size=(12, 12))
    H, b = C @ C.conj().T + 12 * np.eye(12), rng.normal(size=12) + 1j * rng.normal(size=12)
    for method in ("sor", "ssor", "ssor_cg", "cg"):
        solution = solve(H, b, method, 1.1, rtol=1e-9)
        assert solution.converged and solution.x.dtype == np.complex128
        np.testing.assert_allclose(H @ solution.x, b, rtol=1e-7)
    A = _spd(20, 6).astype(np.float32)
    for kind, goal in ((np.float32, 1e-5), (np.float64, 1e-9)):
        rhs = np.ones(20, kind)
        for method in ("sor", "ssor_cg", "cg"):
            solution = solve(A, rhs, method, 1.2, rtol=goal, maxiter=5000)
            assert solution.converged and solution.x.dtype == kind
            rest = rhs - A.astype(np.float64) @ solution.x
            slack = 1 + (0 if kind is np.float64 else 3)  # x itself is rounded to float32
            assert np.linalg.norm(rest) <= slack * 1.01 * goal * np.linalg.norm(rhs)
    assert solve(A, rhs.astype(complex), rtol=1e-6).x.dtype == np.complex128
