"""What holds for every system: norms, the energy's fall, symmetries, stencils as matrices."""

import numpy as np
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from ritard.solvers.linear import Adaptive, Splitting, Stencil, solve
from tables import checked

SEEDS = st.integers(0, 10**6)
OMEGAS = st.floats(0.02, 1.98)
SWEEPS = st.sampled_from(["forward", "backward"])
METHODS = st.sampled_from(["sor", "ssor", "ssor_cg", "cg"])


def spd(n: int, rng: np.random.Generator) -> np.ndarray:
    """Symmetric positive definite, far from diagonally dominant, with zeros here and there."""
    half = rng.normal(size=(n, n)) * (rng.random((n, n)) < rng.uniform(0.2, 1))
    return half @ half.T + 0.1 * np.eye(n)


def dominant_stencil(lines: int, points: int, rng: np.random.Generator) -> Stencil:
    """Symmetric, five numbers or five arrays of them."""
    if rng.random() < 0.5:
        x, y = rng.uniform(-1, 1, 2)
        return Stencil((lines, points), 2 * abs(x) + 2 * abs(y) + 0.2, x, x, y, y)
    east, north = rng.uniform(-1, 1, (2, lines, points))
    west, south = np.roll(east, 1, axis=1), np.roll(north, 1, axis=0)
    center = 0.2 + sum(np.abs(side) for side in (east, west, north, south))
    return Stencil((lines, points), center, west, east, south, north)


@checked
@given(st.integers(1, 25), SEEDS, OMEGAS, METHODS, st.sampled_from(["b", "r0"]), st.integers(0, 30))
def test_the_norms_are_those_of_the_residuals(n, seed, omega, method, relative_to, maxiter):
    rng = np.random.default_rng(seed)
    A, b, x0 = sp.csr_array(spd(n, rng)), rng.normal(size=n), rng.normal(size=n)
    limits = {"rtol": 1e-6, "relative_to": relative_to, "maxiter": maxiter}
    found = solve(A, b, method, omega, x0=x0, **limits)
    noise = 1e-12 * (1 + abs(A).sum(axis=1).max() * (np.abs(x0).max() + np.abs(found.x).max())) * n
    norms = [np.linalg.norm(b - A @ x) for x in (x0, found.x)]
    np.testing.assert_allclose(
        found.residual_norms[[0, -1]], norms, rtol=1e-6, atol=noise * (1 + norms[0])
    )
    assert len(found.residual_norms) == found.iterations + 1 <= maxiter + 1
    goal = 1e-6 * (np.linalg.norm(b) if relative_to == "b" else found.residual_norms[0])
    assert found.converged == (found.residual_norms[-1] <= goal)
    assert (found.residual_norms[:-1] > goal).all()


@checked
@given(st.integers(1, 20), SEEDS, OMEGAS, SWEEPS)
def test_a_sweep_takes_from_the_energy_what_it_must(n, seed, omega, sweep):
    """The step d of a sweep lowers ||e||_A^2 by just (2/omega - 1) d.Dd: Ostrowski's identity."""
    rng = np.random.default_rng(seed)
    A, exact, x = spd(n, rng), rng.normal(size=n), rng.normal(size=n)
    b = A @ exact
    for _ in range(3):
        after = solve(A, b, omega=omega, sweep=sweep, x0=x, rtol=0, maxiter=1).x
        energies = [(y - exact) @ A @ (y - exact) for y in (x, after)]
        taken = (2 / omega - 1) * (after - x) @ (np.diag(A) * (after - x))
        np.testing.assert_allclose(energies[0] - energies[1], taken, rtol=1e-6, atol=1e-9)
        assert 0 < taken
        x = after


@checked
@given(st.integers(1, 20), SEEDS, OMEGAS, st.sampled_from(["ssor", "ssor_cg", "cg"]))
def test_symmetric_methods_lower_the_energy_too(n, seed, omega, method):
    rng = np.random.default_rng(seed)
    A, exact, x0 = spd(n, rng), rng.normal(size=n), rng.normal(size=n)
    energies = [
        (x - exact) @ A @ (x - exact)
        for k in range(4)
        for x in [solve(A, A @ exact, method, omega, x0=x0, rtol=0, maxiter=k).x]
    ]
    assert (np.diff(energies) <= 1e-9 * energies[0]).all() and energies[1] < energies[0]


@checked
@given(st.integers(1, 20), SEEDS, OMEGAS, METHODS, st.integers(-30, 30), st.integers(-30, 30))
def test_scales_of_the_equations_and_of_the_solution(n, seed, omega, method, of_a, of_x):
    """Powers of two scale exactly; so must the iterates, bit for bit."""
    rng = np.random.default_rng(seed)
    A, b, x0 = spd(n, rng), rng.normal(size=n), rng.normal(size=n)
    a, s = 2.0**of_a, 2.0**of_x
    plain = solve(A, b, method, omega, x0=x0, rtol=0, maxiter=5)
    scaled = solve(a * A, a * s * b, method, omega, x0=s * x0, rtol=0, maxiter=5)
    assert scaled.iterations == plain.iterations == 5 and scaled.info == plain.info
    np.testing.assert_array_equal(scaled.x, s * plain.x)
    np.testing.assert_array_equal(scaled.residual_norms, a * s * plain.residual_norms)


@checked
@given(st.integers(1, 12), st.integers(1, 12), SEEDS, OMEGAS, METHODS)
def test_only_the_order_of_coupled_unknowns_matters(n, m, seed, omega, method):
    """Two systems shuffled into one are relaxed as each alone; the reverse order is the mirror."""
    rng = np.random.default_rng(seed)
    parts = [spd(n, rng), spd(m, rng)]
    places = rng.permutation(n + m) < n
    whole, b, x0 = np.zeros((n + m, n + m)), *rng.normal(size=(2, n + m))
    for part, here in zip(parts, (places, ~places), strict=True):
        whole[np.ix_(here, here)] = part
    run = {"rtol": 0, "maxiter": 3}
    if method in ("sor", "ssor"):
        found = solve(whole, b, method, omega, x0=x0, **run).x
        for part, here in zip(parts, (places, ~places), strict=True):
            alone = solve(part, b[here], method, omega, x0=x0[here], **run).x
            np.testing.assert_allclose(found[here], alone, rtol=1e-8, atol=1e-8)
    if method == "sor":
        back = solve(whole[::-1, ::-1], b[::-1], "sor", omega, x0=x0[::-1], sweep="backward", **run)
        np.testing.assert_allclose(back.x[::-1], found, rtol=1e-8, atol=1e-8)
    if method == "cg":
        found, order = solve(whole, b, "cg", x0=x0, **run).x, rng.permutation(n + m)
        turned = solve(whole[np.ix_(order, order)], b[order], "cg", x0=x0[order], **run).x
        np.testing.assert_allclose(turned, found[order], rtol=1e-6, atol=1e-6)


@checked
@given(st.integers(1, 7), st.integers(1, 7), SEEDS, OMEGAS, METHODS, st.floats(0, 3))
def test_a_stencil_is_its_rows(lines, points, seed, omega, method, shift):
    rng = np.random.default_rng(seed)
    stencil = dominant_stencil(lines, points, rng)
    rows, (b, x0) = stencil.tocsr(), rng.normal(size=(2, lines * points))
    shifted = rows + shift * sp.eye_array(lines * points)
    np.testing.assert_allclose(stencil.splitting @ b, rows @ b, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(stencil.splitting.diagonal, rows.diagonal())
    one, two, three = (
        solve(system, b, method, omega, x0=x0, rtol=1e-5, maxiter=200)
        for system in (stencil.shifted(shift), shifted, Splitting.of(rows).shifted(shift))
    )
    for other in (two, three):
        assert abs(one.iterations - other.iterations) <= (method in ("ssor_cg", "cg"))
        goal = 2e-5 * np.linalg.norm(b)  # a count that differs by one ends elsewhere within it
        np.testing.assert_allclose(shifted @ (one.x - other.x), 0, atol=2 * goal)
        if one.iterations == other.iterations:
            np.testing.assert_allclose(one.x, other.x, rtol=1e-6, atol=1e-8)


@checked
@given(st.integers(2, 9), st.integers(2, 9), SEEDS, SWEEPS)
def test_adaptive_omega_only_rises_and_ends_within_its_range(lines, points, seed, sweep):
    rng = np.random.default_rng(seed)
    stencil, b = dominant_stencil(lines, points, rng), rng.normal(size=lines * points)
    factors = [
        solve(stencil, b, omega=Adaptive(), sweep=sweep, rtol=0, maxiter=k).omega
        for k in (1, 12, 24, 60)
    ]
    assert factors[0] == 1.0 and factors == sorted(factors) and factors[-1] < 2
