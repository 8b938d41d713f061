"""ChebCB and the Gaussian process: fits against SciPy and dense formulas, and what they reach."""

import json
import math

import numpy as np
import pytest
from bandit_tables import OMEGAS, contexts, iterations, play
from numpy.polynomial import chebyshev
from ritard.solvers.linear import Splitting, Stencil, solve
from ritard.tuners.bandits import (
    IMPORTANCE_WEIGHTED,
    ChebCB,
    GPThompson,
    PolicyClass,
    TsallisINF,
    young_policies,
)
from scipy.optimize import lsq_linear


def _kernels():
    from ritard.tuners.bandits import _cheb_kernels

    return _cheb_kernels


def test_features_are_chebyshev_polynomials() -> None:
    for m in (1, 2, 6):
        f = np.zeros(m)
        for x in (-1.0, -0.3, 0.77, 1.0):
            _kernels().features(x, f)
            np.testing.assert_allclose(f, chebyshev.chebvander(x, m - 1).ravel(), atol=1e-15)


def test_box_fit_is_least_squares_in_the_box() -> None:
    rng, solved, at_bounds = np.random.default_rng(0), [], 0
    for trial in range(150):
        m = int(rng.integers(1, 8))
        F = chebyshev.chebvander(rng.uniform(-1, 1, 40), m - 1)
        y, u = F @ rng.normal(size=m) + rng.normal(size=40) / 9, rng.uniform(0.1, 2, m)
        theta, active = np.zeros(m), np.zeros(m)
        for n in (m + 3, 40):  # the second fit starts from the first
            G, h = F[:n].T @ F[:n], F[:n].T @ y[:n]
            solved.append(_kernels().box_fit(G, h, u, theta, active))
            expected = lsq_linear(F[:n], y[:n], (-u, u), method="bvls", tol=1e-14).x
            np.testing.assert_allclose(theta, expected, atol=1e-7, err_msg=f"trial {trial}")
            np.testing.assert_array_equal(np.abs(theta) == u, active != 0)
            at_bounds += np.count_nonzero(active)
    assert at_bounds > 100 and max(solved) <= 12


def test_warm_start_costs_one_solve_where_nothing_changes() -> None:
    F = chebyshev.chebvander(np.linspace(-1, 1, 30), 5)
    G, h, u = F.T @ F, F.T @ np.exp(np.linspace(0, 3, 30)), np.array([3.0, 9, 0.5, 0.2, 9, 9])
    theta, active = np.zeros(6), np.zeros(6)
    _kernels().box_fit(G, h, u, theta, active)
    assert np.count_nonzero(active) and _kernels().box_fit(G, h, u, theta, active) == 1


def test_probabilities_are_the_papers_on_the_history() -> None:
    """From the whole history, by dense least squares, instead of the sums that are kept."""
    low, high, m, d = -0.15, 0.65, 4, 5
    tuner = ChebCB(OMEGAS[::4], seed=3, low=low, high=high, features=m, cost_min=1.0)
    N = 2 + 4 * (1 + math.log(m))
    u = np.array([1, *(2 / j for j in range(1, m))]) / N
    a = (math.pi + 2 / math.pi * math.log(2 * m + 1)) / (2 * N * (m + 1))
    history, guesses, compared = [], [], 0
    for t, c in enumerate(contexts(120)):
        f = chebyshev.chebvander(2 * (c - low) / (high - low) - 1, m - 1).ravel()
        K = max([y for _, _, y in history], default=1.0)
        s = np.zeros(d)
        for arm in range(d):
            seen = [(g, y) for i, g, y in history if i == arm]
            if len(seen) > m:
                F, y = np.array([g for g, _ in seen]), np.array([y for _, y in seen]) / (K * N)
                s[arm] = lsq_linear(F, y, (-u, u), method="bvls", tol=1e-14).x @ f
            elif seen:
                s[arm] = math.nan  # not yet determined by the data alone
        choice = tuner.ask(c)
        if not np.isnan(s).any():
            R = sum((g - y / (K * N)) ** 2 for g, y in guesses)
            eta = 2 * t * math.sqrt(d * t / (R + 2 * a**2 * t)) if t else 0.0
            p = 1 / (d + eta * (s - s.min()))
            p[s.argmin()] += 1 - p.sum()
            np.testing.assert_allclose(tuner.probabilities(c), p, rtol=1e-4, atol=1e-9)
            compared += 1
        if t < 40:  # so that every arm is seen often enough
            choice = choice._replace(arm=t % d, value=OMEGAS[::4][t % d])
        cost = iterations(choice.value, c)
        guesses.append((float(tuner._theta[choice.arm] @ f), cost - 1.0))
        history.append((choice.arm, f, cost - 1.0))
        tuner.tell(choice, cost)
    assert compared > 90


def test_a_new_worst_cost_fits_every_arm_again() -> None:
    """All targets are divided by it, so that no arm may keep its old fit."""
    tuner = ChebCB(OMEGAS[::4], seed=0, low=-0.15, high=0.65, cost_min=1.0)
    play(tuner, contexts(80))
    before, kernels = tuner._theta.copy(), _kernels()
    tuner.tell(tuner.ask(0.1), 3 * tuner._costs.worst)
    for G, h, theta, old in zip(tuner._G, tuner._h, tuner._theta, before, strict=True):
        expected, active = np.zeros((2, 6))
        ridge = kernels.RIDGE * np.trace(G) * np.eye(6)
        kernels.box_fit(G + ridge, h / tuner._scale(), tuner._box, expected, active)
        np.testing.assert_allclose(theta, expected, atol=1e-7)
        assert np.abs(theta - old).max() > 1e-3


def test_contexts_outside_are_clipped_with_one_warning() -> None:
    tuner = ChebCB(OMEGAS, seed=0, low=-0.15, high=0.65)
    play(tuner, contexts(200))
    with pytest.warns(RuntimeWarning, match=r"context=24.0 .* clipped") as caught:
        far = tuner.probabilities(24.0)
        np.testing.assert_array_equal(far, tuner.probabilities(0.65))
        np.testing.assert_array_equal(tuner.probabilities(-9), tuner.probabilities(-0.15))
    assert len(caught) == 1


@pytest.mark.parametrize("make", [ChebCB, GPThompson])
def test_state_does_not_grow_with_the_rounds(make) -> None:
    tuner = make(OMEGAS[::2], seed=0, low=-0.15, high=0.65)
    sizes = []
    for _ in range(2):
        play(tuner, contexts(300))
        sizes.append(np.size(tuner.state_dict()["arrays"][tuner.ARRAYS[0]]))
    assert sizes[0] == sizes[1] and len(json.dumps(tuner.state_dict())) < 400_000


def test_process_has_the_defaults_it_names() -> None:
    """A process with them by name, and with nothing, choose alike and are of one kind."""
    usual, named = (
        GPThompson(OMEGAS, 0),
        GPThompson(OMEGAS, 0, low=0.0, high=1.0, features=8, reach=0.25, cost_min=0.0),
    )
    assert usual.settings() == named.settings()
    for tuner in (usual, named):
        play(tuner, np.linspace(0, 1, 60))
    assert usual.state_dict() == named.state_dict()


def test_process_is_the_gaussian_posterior_of_its_history() -> None:
    """Conditioned in one go on all observations, with the kernel written out."""
    d, m, low, high = 6, 3, 0.0, 2.0
    tuner = GPThompson(range(d), seed=0, low=low, high=high, features=m, reach=0.5)
    rng = np.random.default_rng(0)
    seen = []
    paid = []
    for t in range(25):
        c = float(rng.uniform(low, high))
        choice = tuner.ask(c)
        paid.append(0.0 if t == 12 else float(np.exp(rng.normal())))
        tuner.tell(choice, paid[-1])
        seen.append((choice.arm, c, math.log(max(paid[-1], 1e-3 * np.mean(paid)))))
    arms, places, y = (np.array(column) for column in zip(*seen, strict=True))
    y = y - y[0]

    def kernel(i, x, k, z):
        F, H = (chebyshev.chebvander(v - 1, m - 1) for v in (x, z))
        between = np.abs(np.subtract.outer(i, k))
        return (9 + np.exp(-between / (0.5 * d))) * (F / (1 + np.arange(m)) @ H.T)

    gram = kernel(arms, places, arms, places) + 0.01 * np.eye(25)
    at, x = np.arange(d), np.full(d, 0.3)
    cross = kernel(at, x, arms, places)
    mean = cross @ np.linalg.solve(gram, y)
    cov = kernel(at, x, at, x) - cross @ np.linalg.solve(gram, cross.T)
    squares = 10 + y @ np.linalg.solve(gram, y)  # noise: normal-inverse-gamma
    scale = squares / (10 + 25)
    f, s = chebyshev.chebvander(0.3 - 1, m - 1).ravel(), np.zeros(d)
    np.testing.assert_allclose(f @ tuner._mean, mean, atol=1e-8)
    np.testing.assert_allclose(tuner._noise, [35, squares], rtol=1e-9)
    from ritard.tuners.bandits import _gp_kernels

    unit, sigma, drawn = np.eye(d), 0.1 * math.sqrt(scale), []
    for row in unit:  # the draw is affine in the normal numbers
        _gp_kernels.gp_ask(0.3 - 1, tuner._mean, tuner._blocks, sigma, row, np.zeros(m), s)
        drawn.append(s - f @ tuner._mean)
    np.testing.assert_allclose(np.array(drawn).T @ np.array(drawn), scale * cov, atol=1e-7)


# ---- what they reach on the paper's problem ----------------------------------------------------


def _mean_iterations(tuner, seed, count=5000):
    """SOR on the 10 x 10 Laplacian + c I to 1e-8 of the first residual; high variance."""
    A, rng = Splitting.of(Stencil.laplacian(10, 10)), np.random.default_rng([seed, 3])

    def cost(omega, c):
        b = rng.standard_normal(100)
        return solve(A.shifted(c), b, "sor", omega, rtol=1e-8, relative_to="r0").iterations

    return play(tuner, contexts(count, seed), cost)[1].mean()


POLICIES = young_policies(4.0, low=-0.15)


@pytest.mark.parametrize(
    ("make", "expected", "spread"),
    [  # mean iterations and SD of a trial: Young's omega, instance by instance, takes 56.4
        (lambda: ChebCB(OMEGAS, 0, -0.15, 0.65, cost_min=1), 66.8, 1.1),
        (lambda: TsallisINF(OMEGAS, 0, cost_min=1), 119.0, 1.8),
        (lambda: TsallisINF(OMEGAS, 0, IMPORTANCE_WEIGHTED, cost_min=1), 120.8, 2.1),
        (lambda: PolicyClass(TsallisINF(POLICIES, 0, cost_min=1)), 60.2, 1.0),
        (lambda: GPThompson(OMEGAS, 0, -0.15, 0.65), 60.6, 1.0),
        (lambda: PolicyClass(GPThompson(POLICIES, 0, -0.15, 0.65)), 55.8, 0.6),
    ],
    ids=["ChebCB", "Tsallis RV", "Tsallis IW", "policies", "process", "process of policies"],
)
def test_mean_iterations_on_the_papers_problem(make, expected, spread) -> None:
    assert abs(_mean_iterations(make(), seed=2000) - expected) < 4 * spread
