"""Young's theory, the estimate it needs, and tables of counts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.solvers.linear import (
    Stencil,
    convergence_rate,
    count_sor,
    jacobi_radius,
    optimal_omega,
    optimal_omega_cg,
    solve,
)
from scipy.optimize import minimize_scalar

BETA = {c: 4 * math.cos(math.pi / 11) / (4 + c) for c in (-0.15, 0.0, 0.45)}


@pytest.mark.parametrize(("shift", "omega"), [(-0.15, 1.8536), (0.0, 1.5604), (0.45, 1.3279)])
def test_youngs_omega_of_the_papers_grid(shift: float, omega: float) -> None:
    assert optimal_omega(BETA[shift]) == pytest.approx(omega, abs=6e-5)


@pytest.mark.parametrize("omega", [0.5, 1.0, 1.3, 1.55, 1.565, 1.6, 1.9])
@pytest.mark.parametrize("shift", BETA)
def test_the_rate_is_the_spectral_radius_of_the_iteration(shift: float, omega: float) -> None:
    A = Stencil.laplacian(10, 10, shift).tocsr().toarray()
    W = np.diag(np.diag(A)) / omega + np.tril(A, -1)
    radius = np.abs(np.linalg.eigvals(np.eye(100) - np.linalg.solve(W, A))).max()
    assert convergence_rate(omega, BETA[shift]) == pytest.approx(radius, rel=1e-4)


@given(beta=st.floats(0, 0.999))
def test_youngs_omega_is_the_best(beta: float) -> None:
    best = optimal_omega(beta)
    rates = [convergence_rate(w, beta) for w in np.linspace(0.01, 1.999, 200)]
    assert convergence_rate(best, beta) <= min(rates) + 1e-12
    assert convergence_rate(best, beta) == pytest.approx(best - 1, abs=1e-12)


def test_the_radius_is_approached_from_below() -> None:
    rng = np.random.default_rng(0)
    sides = rng.uniform(0.2, 2, (2, 9, 9))
    east, north = sides
    west, south = np.roll(east, 1, axis=1), np.roll(north, 1, axis=0)
    varying = Stencil((9, 9), east + west + north + south + 0.1, -west, -east, -south, -north)
    for system in (varying, varying.tocsr(), Stencil.laplacian(9, 9)):
        dense = system.toarray() if not isinstance(system, Stencil) else system.tocsr().toarray()
        root = np.sqrt(np.diag(dense))
        exact = np.abs(np.linalg.eigvalsh(np.eye(81) - dense / root / root[:, None])).max()
        found = [jacobi_radius(system, steps, seed=1) for steps in (1, 5, 10, 20, 81, 500)]
        assert found == sorted(found) and max(found) <= exact + 1e-12
        assert found[3] == pytest.approx(exact, rel=5e-3)
        assert found[-1] == pytest.approx(exact, rel=1e-12)
        assert jacobi_radius(system, 5, seed=1) == found[1] != jacobi_radius(system, 5, seed=2)
    assert jacobi_radius(np.diag([2.0, 3.0])) == pytest.approx(0, abs=1e-12)


def test_omega_of_ssor_cg_minimises_the_bound() -> None:
    mu, nu = 40.0, -0.1

    def growth(w: float) -> float:
        return 4 / (2 - w) + mu * (2 - w) / w + 4 * nu * w / (2 - w)

    best = minimize_scalar(growth, bounds=(1, 1.99), method="bounded", options={"xatol": 1e-9})
    assert optimal_omega_cg(mu, nu) == pytest.approx(best.x, rel=1e-6)
    grid = Stencil.laplacian(40, 40)
    omega = optimal_omega_cg(1 / (1 - math.cos(math.pi / 41)))
    assert 1.7 < omega < 1.9
    b = np.ones(1600)
    counts = {w: solve(grid, b, "ssor_cg", w, rtol=1e-8).iterations for w in (1.0, omega)}
    assert counts[omega] < 0.7 * counts[1.0]


def test_bad_theory() -> None:
    for call, message in (
        (lambda: optimal_omega(1.0), "beta=1.0"),
        (lambda: optimal_omega(-0.1), "beta=-0.1"),
        (lambda: convergence_rate(2.0, 0.5), "omega=2.0"),
        (lambda: optimal_omega_cg(0.4), "mu=0.4"),
        (lambda: optimal_omega_cg(4.0, 0.1), "nu=0.1"),
        (lambda: optimal_omega_cg(4.0, -0.2501), "nu=-0.2501"),
        (lambda: jacobi_radius(np.eye(2), steps=0), "steps=0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@given(seed=st.integers(0, 10**6), lines=st.integers(1, 6), points=st.integers(1, 6))
@settings(max_examples=15, deadline=None)
def test_tables_hold_exactly_the_counts_of_single_solves(
    seed: int, lines: int, points: int
) -> None:
    rng = np.random.default_rng(seed)
    grid = Stencil((lines, points), 4.0, *rng.uniform(-1, 0, 4))
    problems, arms = rng.integers(1, 7), rng.integers(1, 5)
    shifts, bs = rng.uniform(-0.1, 1, problems), rng.normal(size=(problems, lines * points))
    bs[0] *= rng.integers(0, 2)  # sometimes a zero right-hand side
    omegas = rng.uniform(0.3, 1.9, (problems, arms))
    table = count_sor(grid, shifts, omegas, bs, rtol=1e-7, maxiter=60)
    for t, j in np.ndindex(table.shape):
        single = solve(
            grid.shifted(shifts[t]), bs[t], omega=omegas[t, j], rtol=1e-7, maxiter=60,
            relative_to="r0",
        )  # fmt: skip
        assert table[t, j] == single.iterations


def test_tables_of_the_papers_family() -> None:
    rng = np.random.default_rng(1)
    shifts, bs = -0.15 + 0.6 * rng.beta(2, 6, 400), rng.normal(size=(400, 100))
    arms = np.r_[np.linspace(1, 1.95, 20), 0.0]
    omegas = np.tile(arms, (400, 1))
    omegas[:, 20] = [optimal_omega(4 * math.cos(math.pi / 11) / (4 + c)) for c in shifts]
    means = count_sor(Stencil.laplacian(10, 10), shifts, omegas, bs).mean(axis=0)
    # Means over 40 x 1000 instances of the same family: 271.7, 59.28, 41.80.
    assert means[0] == pytest.approx(271.7, rel=0.08)
    assert means[:20].argmin() in (12, 13, 14)
    assert means[20] == pytest.approx(41.8, rel=0.05)
    diverging = count_sor(
        Stencil((3, 3), 1.0, 3, 3, 3, 3), [0.0], [1.5], np.ones((1, 9)), maxiter=900
    )
    assert diverging[0, 0] == 900


def test_tables_stop_at_the_tolerance_they_name() -> None:
    """A hundredth more of it is a sweep less, where one sweep gains little."""
    grid, bs = Stencil.laplacian(10, 10), np.random.default_rng(0).normal(size=(8, 100))
    table = count_sor(grid, np.zeros(8), [0.3], bs)
    np.testing.assert_array_equal(table, count_sor(grid, np.zeros(8), [0.3], bs, rtol=1e-8))
    assert (table > count_sor(grid, np.zeros(8), [0.3], bs, rtol=1.01e-8)).any()
