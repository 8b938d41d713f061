"""Policies, Lanczos + Young, baselines, hindsight, Optuna."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from bandit_tables import OMEGAS, TUNERS, contexts, iterations, play
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import RandomSampler, TPESampler
from ritard.solvers.linear import Stencil
from ritard.tuners.bandits import (
    UCB1,
    EpsilonGreedy,
    Fixed,
    OptunaTuner,
    PolicyClass,
    ThompsonSampling,
    TsallisINF,
    YoungPolicy,
    best_fixed,
    lanczos_young,
    regret,
    young_policies,
)

RADIUS = 4 * math.cos(math.pi / 11)


@pytest.mark.parametrize(("c", "omega"), [(-0.15, 1.8536), (0.0, 1.5604), (0.45, 1.3279)])
def test_youngs_policy(c, omega) -> None:
    assert YoungPolicy(RADIUS, 4.0)(c) == pytest.approx(omega, abs=5e-5)
    assert YoungPolicy(RADIUS, 4.0)(None) == YoungPolicy(RADIUS, 4.0)(0.0)


def test_defaults() -> None:
    assert YoungPolicy(RADIUS, 4.0)(-0.17) == YoungPolicy(RADIUS, 4.0, 1.95)(-0.17) == 1.95
    assert lanczos_young(Stencil.laplacian(9, 9)).ask(-0.2).value == 1.95
    assert EpsilonGreedy(OMEGAS, seed=0).epsilon == 0.1


def test_policies_cap_omega_where_the_matrix_is_singular_or_worse() -> None:
    for c in (-0.17, -1.0, -4.0, -5.0):
        assert YoungPolicy(RADIUS, 4.0, omega_max=1.9)(c) == 1.9
    for bad in ({"scale": -1.0}, {"diagonal": 0.0}, {"omega_max": 2.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            YoungPolicy(**({"scale": 1.0, "diagonal": 4.0} | bad))


def test_young_policies_are_even_at_the_least_context() -> None:
    policies = young_policies(4.0, low=-0.15, count=11)
    omegas = [policy(-0.15) for policy in policies]
    np.testing.assert_allclose(omegas, np.linspace(1, 1.95, 11), atol=1e-12)
    assert all(np.diff([policy(0.4) for policy in policies]) > 0)
    for bad in ({"count": 1}, {"low": -4.0}, {"omega_max": 0.5}, {"omega_max": math.nan}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            young_policies(4.0, **bad)


def test_policy_class_uses_what_the_policy_says() -> None:
    policies = young_policies(4.0, low=-0.15)
    tuner, inner = PolicyClass(TsallisINF(policies, 3)), TsallisINF(policies, 3)
    for c in contexts(30):
        choice, plain = tuner.ask(c), inner.ask(c)
        assert choice == plain._replace(value=policies[plain.arm](c))
        tuner.tell(choice, 10.0 + choice.arm)
        inner.tell(plain, 10.0 + choice.arm)
    with pytest.raises(TypeError, match="function"):
        PolicyClass(Fixed(1.5))


def test_lanczos_young_is_young_from_below() -> None:
    tuner = lanczos_young(Stencil.laplacian(10, 10))
    omegas = [tuner.ask(c).value for c in (-0.15, 0.0, 0.45)]
    exact = [YoungPolicy(RADIUS, 4.0)(c) for c in (-0.15, 0.0, 0.45)]
    assert all(0 <= e - w < 0.02 for w, e in zip(omegas, exact, strict=True))
    with pytest.raises(ValueError, match="diagonal goes from 1 to 2"):
        lanczos_young(sp.diags_array([1.0, 2.0]).tocsr())


def test_best_arm_and_regret_in_hindsight() -> None:
    costs = np.array([[5.0, 3.0, 9.0], [1.0, 4.0, 9.0], [2.0, 3.0, 1.0]])
    found = best_fixed(costs)
    assert (found.arm, found.total, found.mean) == (0, 8.0, pytest.approx(8 / 3))
    result = regret([3.0, 4.0, 1.0], costs, optimum=costs.min(axis=1))
    assert result.fixed.tolist() == [-2.0, 1.0, 0.0]
    assert result.optimum.tolist() == [0.0, 3.0, 3.0]
    assert regret([1.0, 1, 1], costs).optimum is None
    for bad in ([[]], [1.0, 2.0], [[math.nan]]):
        with pytest.raises(ValueError, match="costs"):
            best_fixed(bad)
    with pytest.raises(ValueError, match="paid"):
        regret([1.0], costs)
    with pytest.raises(ValueError, match="optimum"):
        regret([1.0] * 3, costs, optimum=[1.0])


def test_ucb1_follows_its_index() -> None:
    tuner, costs, sums, counts = UCB1(range(3), seed=0), [9.0, 2.0, 4.0], np.zeros(3), np.zeros(3)
    for t in range(200):
        index = sums / np.maximum(counts, 1) / 9 - np.sqrt(
            2 * math.log(max(t, 1)) / np.maximum(counts, 1)
        )
        expected = t if t < 3 else int(index.argmin())
        choice = tuner.ask()
        assert choice.arm == expected
        sums[expected] += costs[expected]
        counts[expected] += 1
        tuner.tell(choice, costs[expected])
    assert counts.argmax() == 1


def test_epsilon_greedy_explores_as_often_as_told() -> None:
    tuner = EpsilonGreedy(range(4), seed=0, epsilon=0.2)
    choices, _ = play(tuner, [0.0] * 4000, lambda arm, c: 1.0 + (arm != 2))
    later = choices[4:]
    others = sum(choice.arm != 2 for choice in later) / len(later)
    assert abs(others - 0.15) < 4 * math.sqrt(0.15 * 0.85 / len(later))
    assert {round(c.probability, 12) for c in later} == {0.05, 0.85}


def test_thompson_draws_from_the_posterior() -> None:
    """Two arms a known distance apart: the chance of the worse one is a normal tail."""
    tuner = ThompsonSampling(range(2), seed=0)
    for arm, mean in ((0, 10.0), (1, 11.0)):
        for off in (-2.0, 2.0) * 4:
            choice = tuner.ask()._replace(arm=arm)
            tuner.tell(choice, mean + off)
    v = 2 * 8 * 4.0 / (16 - 2)
    noise = np.random.default_rng(1)
    noise.bit_generator.state = tuner.state_dict()["rng"]
    for _ in range(300):  # the very draw: the least of mean + sqrt(v / n) z
        z = noise.standard_normal(2)
        draw = np.array([10.0, 11.0]) + math.sqrt(v / 8) * z
        assert tuner.ask().arm == draw.argmin()
    worse = np.mean([tuner.ask().arm for _ in range(8000)])
    expected = 0.5 * math.erfc(1 / math.sqrt(2 * v / 8) / math.sqrt(2))
    assert abs(worse - expected) < 4 * math.sqrt(expected * (1 - expected) / 8000)


@pytest.mark.parametrize(
    ("name", "share"), [("EpsilonGreedy", 0.6), ("UCB1", 0.15), ("ThompsonSampling", 0.9)]
)
def test_baselines_find_the_best_omega(name, share) -> None:
    """UCB1's width, scaled by the largest cost seen, is wide: it is a baseline."""
    best = min(OMEGAS, key=lambda omega: iterations(omega, 0.0))
    near = [omega for omega in OMEGAS if iterations(omega, 0.0) < 1.3 * iterations(best, 0.0)]
    choices, _ = play(TUNERS[name](), [0.0] * 1500)
    assert np.mean([choice.value in near for choice in choices[750:]]) > share


def test_optuna_sampler_minimises_and_names_its_parameters() -> None:
    single = OptunaTuner(FloatDistribution(1.0, 1.95), lambda s: TPESampler(seed=s), seed=0)
    _, paid = play(single, [0.0] * 60)
    assert paid[30:].mean() < paid[:10].mean() and paid.min() <= 40
    space = {"omega": FloatDistribution(1.0, 1.9), "sweep": CategoricalDistribution(["a", "b"])}
    both = OptunaTuner(space, lambda s: RandomSampler(seed=s), seed=0)
    assert set(both.ask().value) == {"omega", "sweep"}
    choice = both.ask()
    both.tell(choice, 1.0)
    with pytest.raises(ValueError, match="told already"):
        both.tell(choice, 1.0)
    with pytest.raises(ValueError, match="space"):
        OptunaTuner({}, lambda s: RandomSampler(seed=s), seed=0)
