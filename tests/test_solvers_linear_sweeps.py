"""SOR and SSOR against pyamg, dense formulas and Young's theory; what a Solution promises."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from pyamg.relaxation.relaxation import sor as pyamg_sor
from ritard.solvers.linear import (
    Adaptive,
    Splitting,
    Stencil,
    convergence_rate,
    optimal_omega,
    solve,
    sor,
    ssor,
)
from ritard.solvers.linear.kernels import control
from ritard.solvers.linear.solve import Limits

SWEEPS = ("forward", "backward", "symmetric")


def _random(n: int, seed: int, symmetric: bool = True) -> sp.csr_array:
    """A sparse matrix with a dominant diagonal, all kinds of rows: empty, near, far."""
    rng = np.random.default_rng(seed)
    half = sp.random_array((n, n), density=min(1.0, 3 / n), rng=rng, data_sampler=rng.normal)
    matrix = half + half.T if symmetric else half
    sizes = abs(matrix).sum(axis=1)
    return sp.csr_array(matrix + sp.diags_array(sizes + rng.uniform(0.5, 2, n)))


def _stencil(lines: int, points: int, seed: int) -> Stencil:
    """Coefficients that differ from point to point and side to side."""
    sides = np.random.default_rng(seed).uniform(-1, 0.5, (4, lines, points))
    return Stencil((lines, points), 4.5 + np.abs(sides).sum(axis=0), *sides)


CASES = {
    "grid": Stencil.laplacian(7, 9).tocsr(),
    "random": _random(80, 0),
    "unsymmetric": _random(60, 1, symmetric=False),
    "tridiagonal": Stencil.laplacian(1, 40).tocsr(),
    "diagonal": sp.csr_array(sp.diags_array(np.arange(1.0, 12))),
    "dense": sp.csr_array(_random(30, 2).toarray() + 0.01),
    "one": sp.csr_array(np.array([[2.0]])),
}


def _dense_sweep(A: np.ndarray, b: np.ndarray, x: np.ndarray, omega: float, sweep: str):
    """The iterate x + W^-1 (b - A x), W the diagonal over omega and one triangle."""
    D = np.diag(np.diag(A))
    for triangle in {"forward": "L", "backward": "U", "symmetric": "LU"}[sweep]:
        W = D / omega + (np.tril(A, -1) if triangle == "L" else np.triu(A, 1))
        x = x + np.linalg.solve(W, b - A @ x)
    return x


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("name", CASES)
def test_sweeps_equal_pyamgs_and_dense_formulas(name: str, sweep: str) -> None:
    A = CASES[name]
    rng = np.random.default_rng(3)
    b, x0 = rng.normal(size=(2, A.shape[0]))
    for omega, sweeps in ((0.6, 3), (1.0, 1), (1.7, 4)):
        ours = solve(A, b, omega=omega, x0=x0, rtol=0, maxiter=sweeps, sweep=sweep)
        theirs = x0.copy()
        dense = x0
        for _ in range(sweeps):
            # pyamg 5.4.1 forgets omega in its own symmetric sweep.
            for way in ("forward", "backward") if sweep == "symmetric" else (sweep,):
                pyamg_sor(A, theirs, b, omega, sweep=way)
            dense = _dense_sweep(A.toarray(), b, dense, omega, sweep)
        assert ours.iterations == sweeps and len(ours.residual_norms) == sweeps + 1
        np.testing.assert_allclose(ours.x, theirs, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(ours.x, dense, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("grid", [(5, 8), (1, 9), (9, 1), (1, 1)])
@pytest.mark.parametrize("constant", [True, False])
def test_a_stencil_is_its_matrix(grid: tuple[int, int], sweep: str, constant: bool) -> None:
    stencil = Stencil(grid, 4.2, -1.0, -0.9, -1.1, -0.8) if constant else _stencil(*grid, seed=4)
    matrix, b = stencil.tocsr(), np.random.default_rng(5).normal(size=grid[0] * grid[1])
    assert np.allclose(Splitting.of(stencil) @ b, matrix @ b, rtol=1e-13)
    for omega in (0.8, 1.3):
        ours, theirs = (solve(A, b, omega=omega, sweep=sweep) for A in (stencil, matrix))
        assert ours.iterations == theirs.iterations and ours.converged
        np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(ours.residual_norms, theirs.residual_norms, rtol=1e-9)


def test_a_stencils_matrix_is_what_its_docstring_says() -> None:
    lines, points = 3, 4
    stencil = _stencil(lines, points, seed=6)
    A = stencil.tocsr().toarray()
    for j, i in itertools.product(range(lines), range(points)):
        row = np.zeros((lines, points))
        row[j, i] = stencil.center[j, i]
        for name, (v, h) in {
            "west": (0, -1),
            "east": (0, 1),
            "south": (-1, 0),
            "north": (1, 0),
        }.items():
            if 0 <= j + v < lines and 0 <= i + h < points:
                row[j + v, i + h] = getattr(stencil, name)[j, i]
        np.testing.assert_array_equal(A[j * points + i], row.ravel())


@pytest.mark.parametrize("method", ["sor", "ssor", "ssor_cg", "cg"])
def test_norms_and_counts_are_those_of_a_loop_that_checks_after_each(method: str) -> None:
    """The count is the first k that passes; x, iterations and the last norm belong together."""
    A = CASES["grid"]
    b, x0 = np.random.default_rng(7).normal(size=(2, A.shape[0]))
    for relative_to, scale in (("b", np.linalg.norm(b)), ("r0", np.linalg.norm(b - A @ x0))):
        got = solve(A, b, method, 1.3, x0=x0, rtol=1e-6, relative_to=relative_to)
        iterates = [
            solve(A, b, method, 1.3, x0=x0, rtol=0, maxiter=k).x for k in range(got.iterations + 1)
        ]
        norms = [np.linalg.norm(b - A @ x) for x in iterates]
        np.testing.assert_allclose(got.residual_norms, norms, rtol=1e-8, atol=1e-13)
        assert got.iterations == next(k for k, r in enumerate(norms) if r <= 1e-6 * scale)
        np.testing.assert_array_equal(got.x, iterates[-1])
        assert got.converged and got.info == 0 and got.reason.startswith("converged")


def test_a_start_that_passes_comes_back_untouched() -> None:
    A = CASES["random"]
    x = np.random.default_rng(8).normal(size=A.shape[0])
    for method in ("sor", "ssor", "ssor_cg", "cg"):
        solution = solve(A, A @ x, method, x0=x)
        assert solution.iterations == 0 and len(solution.residual_norms) == 1
        np.testing.assert_array_equal(solution.x, x)
    rest = solve(A, A @ x, x0=x, relative_to="r0", maxiter=3)
    assert rest.iterations > 0  # relative to itself the first residual does not pass


def test_maxiter_ends_a_solve_and_zero_tolerances_run_exactly_so_many() -> None:
    A, b = CASES["grid"], np.ones(63)
    for method in ("sor", "ssor", "ssor_cg", "cg"):
        short = solve(A, b, method, maxiter=2)
        assert (short.iterations, short.converged, short.info) == (2, False, 2)
        assert "maxiter=2" in short.reason and len(short.residual_norms) == 3
        none = solve(A, b, method, maxiter=0)
        assert none.iterations == 0 and none.residual_norms[0] == pytest.approx(np.sqrt(63))
        with pytest.raises(ValueError, match="give maxiter"):
            solve(A, b, method, rtol=0)
        least = 10_000 if method in ("sor", "ssor") else 0
        for order in (7, 2000):
            limits = Limits.read(1e-5, 0.0, None, "b", method, order)
            assert limits.maxiter == max(10 * order, least)
    exact = solve(A, np.zeros(63), x0=np.ones(63), rtol=0, maxiter=5)
    assert exact.iterations == 5 and 0 < exact.residual_norms[-1] < exact.residual_norms[0]
    assert solve(A, np.ones(63), omega=1.4, rtol=0, maxiter=500).iterations == 500  # to 0 and on
    zero = solve(A, np.zeros(63), x0=np.ones(63))
    assert not zero.x.any() and zero.converged and zero.iterations == 0


@given(
    n=st.integers(2, 40),
    seed=st.integers(0, 10**6),
    omega=st.floats(0.3, 1.9),
    sweep=st.sampled_from(SWEEPS),
)
@settings(max_examples=60, deadline=None)
def test_converges_for_every_omega_on_spd_matrices(
    n: int, seed: int, omega: float, sweep: str
) -> None:
    """Ostrowski and Reich: SOR converges for omega in (0, 2) if and only if A is SPD."""
    A = _random(n, seed)
    b = np.random.default_rng(seed).normal(size=n)
    solution = solve(A, b, omega=omega, rtol=1e-9, sweep=sweep, maxiter=100_000)
    assert solution.converged
    assert np.linalg.norm(A @ solution.x - b) <= 1.001e-9 * np.linalg.norm(b)


def test_diverges_beyond_what_is_positive_definite() -> None:
    A = np.array([[1.0, 2.0], [2.0, 1.0]])
    solution = solve(A, np.ones(2), omega=1.5)
    assert solution.info == -1 and not solution.converged and "diverged" in solution.reason
    assert solution.iterations == len(solution.residual_norms) - 1
    assert not np.isfinite(solution.residual_norms[-1])
    assert np.isfinite(solution.residual_norms[:-1]).all()


@pytest.mark.parametrize(("shift", "beta"), [(-0.15, 0.9969), (0.0, 0.9595), (0.45, 0.8625)])
def test_the_asymptotic_rate_is_youngs(shift: float, beta: float) -> None:
    A = Stencil.laplacian(10, 10, shift)
    exact = 4 * np.cos(np.pi / 11) / (4 + shift)
    assert exact == pytest.approx(beta, abs=5e-5)
    for omega in (0.8, 1.0, 1.2):
        rate = (omega * exact + np.sqrt((omega * exact) ** 2 - 4 * (omega - 1))) ** 2 / 4
        norms = solve(A, np.ones(100), omega=omega, rtol=0, maxiter=40).residual_norms
        assert norms[40] / norms[39] == pytest.approx(rate, rel=5e-3)


def test_several_right_hand_sides() -> None:
    A = CASES["grid"]
    B, X0 = np.random.default_rng(9).normal(size=(2, 63, 3))
    B[:, 1] = A @ X0[:, 1]
    for method in ("sor", "ssor", "ssor_cg", "cg"):
        block = solve(A, B, method, 1.4, x0=X0)
        alone = [solve(A, B[:, k], method, 1.4, x0=X0[:, k]) for k in range(3)]
        assert block.x.shape == (63, 3) and block.residual_norms.shape == (block.iterations + 1, 3)
        assert block.iterations == max(each.iterations for each in alone)
        for k, each in enumerate(alone):
            np.testing.assert_array_equal(block.x[:, k], each.x)
            norms = block.residual_norms[:, k]
            np.testing.assert_array_equal(norms[: each.iterations + 1], each.residual_norms)
            assert (norms[each.iterations :] == each.residual_norms[-1]).all()
    failing = solve(A, B, "sor", x0=X0, maxiter=3)
    assert not failing.converged and failing.info == 3
    assert solve(A, np.zeros((63, 0))).x.shape == (63, 0)


def test_the_form_of_scipy() -> None:
    A, b = CASES["grid"], np.ones(63)
    for function, sweep in ((sor, "forward"), (ssor, "symmetric")):
        x, info = function(A, b, omega=1.4)
        np.testing.assert_array_equal(x, solve(A, b, omega=1.4, sweep=sweep).x)
        assert info == 0 and function(A, b, maxiter=4)[1] == 4
        seen: list[np.ndarray] = []
        y, info = function(
            A, b, np.ones(63), omega=1.4, callback=lambda x, seen=seen: seen.append(x.copy())
        )
        plain = solve(A, b, omega=1.4, x0=np.ones(63), sweep=sweep)
        assert len(seen) == plain.iterations and info == 0
        np.testing.assert_allclose(y, plain.x, rtol=1e-12)
        np.testing.assert_array_equal(seen[-1], y)


def test_adaptive_omega_finds_youngs() -> None:
    stencil, b = Stencil.laplacian(10, 10), np.random.default_rng(10).normal(size=100)
    counts = {
        omega: solve(stencil, b, omega=omega, rtol=1e-8).iterations
        for omega in (1.0, Adaptive(), 1.5604)
    }
    found = solve(stencil, b, omega=Adaptive(), rtol=1e-8)
    assert found.omega == pytest.approx(1.5604, abs=0.06)
    assert counts[1.5604] < counts[Adaptive()] < 0.5 * counts[1.0]
    called = solve(stencil, b, omega=Adaptive(), rtol=1e-8, callback=lambda x: None)
    assert called.iterations == found.iterations and called.omega == pytest.approx(found.omega)
    back = solve(stencil, b[::-1], omega=Adaptive(), rtol=1e-8, sweep="backward")
    assert back.iterations == found.iterations  # the same problem, read from the other end


@pytest.mark.parametrize("omega", [1.0, 1.2])
def test_a_steady_rate_gives_adaptive_omega_youngs_best(omega: float) -> None:
    """Steps that shrink by the spectral radius at omega reveal the Jacobi radius exactly."""
    beta = 0.9
    rate, state = convergence_rate(omega, beta), np.zeros(8)
    state[[control.OMEGA, control.WAIT, control.EXPONENT, control.SETTLED]] = omega, 5, 0.75, 0.1
    for k in range(5):
        assert state[control.OMEGA] == omega
        control.adapt(state, rate**k)
    assert state[control.OMEGA] == pytest.approx(optimal_omega(beta), rel=1e-12)


@pytest.mark.parametrize(
    ("rate", "previous", "since", "rises"),
    [  # omega = 1.5, F = 0.75: R must exceed 0.5946, and have moved by at most 0.1 (1 - R)
        (0.597, 0.597, 5, True),
        (0.592, 0.592, 5, False),
        (0.8, 0.7801, 5, True),
        (0.8, 0.7799, 5, False),
        (0.8, 0.8199, 5, True),
        (0.8, 0.8201, 5, False),
        (0.8, 0.8, 4, False),
        (1.0, 1.0, 5, False),
    ],
)
def test_adaptive_omega_rises_when_its_three_conditions_hold(rate, previous, since, rises) -> None:
    state = np.zeros(8)
    state[[control.OMEGA, control.WAIT, control.EXPONENT, control.SETTLED]] = 1.5, 5, 0.75, 0.1
    state[[control.CHANGE, control.RATE, control.SINCE]] = 2.0, previous, since - 1
    control.adapt(state, 2.0 * rate)
    mu = (rate + 0.5) / (1.5 * np.sqrt(rate))
    assert state[control.OMEGA] == (pytest.approx(optimal_omega(mu)) if rises else 1.5)
    assert state[control.SINCE] == (0 if rises else since)


def test_interrupts_are_heard_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long solves return to Python now and then; the counts do not depend on it."""
    from ritard.solvers.linear import _compiled

    A, b = CASES["grid"], np.ones(63)
    for method, omega in (
        ("sor", 1.2),
        ("sor", Adaptive()),
        ("ssor", 1.2),
        ("ssor_cg", 1.2),
        ("cg", 1),
    ):
        whole = solve(A, b, method, omega, rtol=1e-9, relative_to="r0")
        with monkeypatch.context() as patch:
            patch.setattr(_compiled, "PATIENCE", 63 * 3)
            pieces = solve(A, b, method, omega, rtol=1e-9, relative_to="r0")
        assert pieces.iterations == whole.iterations > 6
        np.testing.assert_array_equal(pieces.x, whole.x)
        np.testing.assert_array_equal(pieces.residual_norms, whole.residual_norms)


def test_what_exists_in_compiled_code_alone_says_so_in_python() -> None:
    from ritard.solvers.linear.kernels.intrinsics import get
    from ritard.solvers.linear.kernels.primitives import span

    for name, call in (("get", lambda: get(np.zeros(3), 0)), ("span", lambda: span(None))):
        with pytest.raises(TypeError, match=f"{name}: called from Python"):
            call()
