"""Tsallis-INF: distribution against bisection, estimator, regret, the two faults of old code."""

import math

import numpy as np
import pytest
from bandit_tables import OMEGAS, contexts, iterations, play
from ritard.tuners.bandits import (
    IMPORTANCE_WEIGHTED,
    REDUCED_VARIANCE,
    Estimator,
    TsallisINF,
    TsallisINFCB,
    regret,
)

ESTIMATORS = pytest.mark.parametrize(
    "estimator", [IMPORTANCE_WEIGHTED, REDUCED_VARIANCE], ids=["IW", "RV"]
)


def _bisected(k, scale, eta):
    """The minimiser of <k/scale, p> - (4/eta) sum sqrt(p) by bisection of its multiplier."""
    D = (np.asarray(k) - np.min(k)) / scale
    low, high = 1 / eta, 4 * math.sqrt(len(D)) / eta
    for _ in range(110):
        y = (low + high) / 2
        low, high = (y, high) if np.sum(4 / (eta * (D + y)) ** 2) > 1 else (low, y)
    return 4 / (eta * (D + low)) ** 2


def _probabilities(k, scale, eta):
    from ritard.tuners.bandits import _tsallis_kernels

    p = np.zeros(len(k))
    steps = _tsallis_kernels.tsallis(np.asarray(k, float), scale, eta, p)
    return p, steps


def test_distribution_is_the_minimiser_for_any_history() -> None:
    rng = np.random.default_rng(0)
    most = 0
    for trial in range(400):
        d = int(rng.integers(2, 60)) if trial % 10 else 1000
        k = 10 ** rng.uniform(-6, 6, d) * rng.choice([1.0, -1.0], d)
        if trial % 7 == 0:
            k[:] = k[0]
        if trial % 11 == 0:
            k[1] = 1e14
        scale, eta = (
            10 ** rng.uniform(-3, 3),
            rng.choice([1, 2, 4]) / math.sqrt(10 ** rng.uniform(0, 8)),
        )
        p, steps = _probabilities(k, scale, eta)
        most = max(most, steps)
        assert abs(math.fsum(p) - 1) <= 1e-14 * d
        np.testing.assert_allclose(p, _bisected(k, scale, eta), rtol=1e-9, atol=0)
    assert most <= 20  # Newton from the right side: no search, no failure


@ESTIMATORS
def test_every_step_of_a_long_run_is_normalised(estimator) -> None:
    """The reference fails this in nine steps of ten."""
    tuner, rng = (
        TsallisINF(OMEGAS, seed=0, estimator=estimator, cost_min=1.0),
        np.random.default_rng(1),
    )
    for context in contexts(5000):
        choice = tuner.ask()
        p = tuner._p  # what the draw used
        assert (
            abs(p.sum() - 1) <= 1e-12 * len(p)
            and p.max() <= 1
            and choice.probability == p[choice.arm]
        )
        tuner.tell(choice, iterations(choice.value, context) * rng.uniform(0.9, 1.1))


@ESTIMATORS
@pytest.mark.parametrize("first", [1, 20])
def test_a_first_cost_at_the_minimum_does_no_harm(first, estimator) -> None:
    """In the reference it makes every later choice uniform."""
    tuner = TsallisINF(OMEGAS, seed=0, estimator=estimator, cost_min=1.0)
    arms = []
    for t in range(1000):
        choice = tuner.ask()
        tuner.tell(choice, 1.0 if t < first else 20.0 if choice.arm == 7 else 60.0)
        arms.append(choice.arm)
    assert arms.count(7) > 300


@pytest.mark.parametrize(("rate", "baseline"), [(2.0, 0.0), (4.0, 0.5), (4.0, 0.25)])
def test_estimate_is_unbiased_and_as_written(rate, baseline) -> None:
    """Averaged over the draw, k grows by exactly the costs of all arms."""
    estimator, losses = Estimator(rate, baseline), np.array([3.0, 1.0, 7.0, 2.0])
    tuner = TsallisINF(range(4), seed=0, estimator=estimator)
    for _ in range(300):
        choice = tuner.ask()
        tuner.tell(choice, losses[choice.arm])
    saved, k, p = tuner.state_dict(), tuner._k.copy(), tuner.probabilities()
    asked = tuner.ask()
    eta = rate / math.sqrt(301)
    B = np.where(p >= eta**2, baseline * tuner.scale, 0.0)
    np.testing.assert_allclose(asked.baselines or np.zeros(4), B, rtol=1e-12)
    assert baseline == 0 or 0 < np.count_nonzero(B) < 4
    np.testing.assert_allclose(p, _bisected(k, tuner.scale, eta), rtol=1e-9)
    grown = np.zeros(4)
    for arm in range(4):
        tuner.load_state_dict(saved)
        tuner.tell(asked._replace(arm=arm, probability=float(p[arm])), losses[arm])
        grown += p[arm] * (tuner._k - k)
    np.testing.assert_allclose(grown, losses, rtol=1e-10)


@pytest.mark.parametrize(("t", "baseline"), [(63.7, 0.0), (64.3, 3.5)])
def test_baselines_begin_where_an_arm_is_likely_enough(t, baseline) -> None:
    """Four equal arms, p = 1/4: p >= eta^2 = 16/t from t = 64 on; then B is half the scale."""
    from ritard.tuners.bandits import _tsallis_kernels

    p, B = np.zeros((2, 4))
    _tsallis_kernels.tsallis_ask(np.zeros(4), 7.0, t, 4.0, 0.5, 0.3, p, B)
    assert B.tolist() == [baseline] * 4


def test_the_two_estimators() -> None:
    assert Estimator(rate=4.0, baseline=0.5) == REDUCED_VARIANCE == TsallisINF(OMEGAS, 0).estimator
    assert Estimator(rate=2.0, baseline=0.0) == IMPORTANCE_WEIGHTED  # the paper's


def test_scale_is_the_mean_seen_or_the_one_known() -> None:
    mean, known = (
        TsallisINF(range(3), 0, cost_min=1.0),
        TsallisINF(range(3), 0, cost_min=1.0, cost_max=9.0),
    )
    for cost in (2.0, 5.0, 50.0):
        for tuner in (mean, known):
            tuner.tell(tuner.ask(), cost)
    assert mean.scale == pytest.approx(18.0) and known.scale == 8.0


def test_seconds_are_learned_as_well_as_iterations() -> None:
    tuner = TsallisINF(OMEGAS, seed=0)
    choices, _ = play(tuner, [0.0] * 2000, lambda omega, c: 1e-4 * iterations(omega, c))
    assert sum(choice.arm in (11, 12, 13) for choice in choices[1000:]) > 600  # omega* is 1.56


@pytest.mark.parametrize("world", ["stochastic", "switching"])
def test_regret_is_below_the_proved_bound(world) -> None:
    """4 K sqrt(d T) + 1 for the anytime rate; K bounds the costs, which no arm's draw changes."""
    T, d, K = 2000, 5, 10.0
    found = []
    for seed in range(8):
        rng = np.random.default_rng([seed, 77])
        costs = rng.uniform(0, K, (T, d))
        good = np.full(T, 2) if world == "stochastic" else (np.arange(T) // 400) % 2
        costs[np.arange(T), good] *= 0.3
        tuner = TsallisINF(range(d), seed, IMPORTANCE_WEIGHTED, cost_max=K)
        paid = []
        for row in costs:
            choice = tuner.ask()
            paid.append(row[choice.arm])
            tuner.tell(choice, paid[-1])
        found.append(regret(paid, costs).fixed[-1])
    assert np.mean(found) < 4 * K * math.sqrt(d * T) + 1
    uniform = (T * K) * (0.5 - (0.15 if world == "stochastic" else 0.325)) * (d - 1) / d
    assert np.mean(found) < uniform / 2  # and it learns: the bound alone is loose


def test_bins_learn_apart_and_put_contexts_in_order() -> None:
    tuner = TsallisINFCB(OMEGAS, seed=0, low=-0.15, high=0.65, bins=4)
    assert [tuner.bin(c) for c in (-0.15, 0.0499, 0.0501, 0.3, 0.64, 0.65)] == [0, 0, 1, 2, 3, 3]
    with pytest.warns(RuntimeWarning, match="clipped"):
        assert tuner.bin(7.0) == 3
    single = TsallisINF(OMEGAS, seed=[0, 2])
    play(tuner, [0.0, 0.5] * 50)
    inside, _ = play(tuner, [0.3] * 50)
    alone, _ = play(single, [0.3] * 50)
    assert inside == alone  # what other bins saw is not seen here
