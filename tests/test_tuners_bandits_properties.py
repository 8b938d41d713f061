"""Bandits under any course of asks, tells and mistakes: state, probabilities, order, regret."""

import inspect
import json
import math

import numpy as np
import pytest
from bandit_tables import OMEGAS, TUNERS
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.solvers.linear import Stencil
from ritard.tuners import bandits
from ritard.tuners.bandits import (
    Choice,
    YoungPolicy,
    best_fixed,
    lanczos_young,
    regret,
    young_policies,
)
from tables import checked

CONTEXTS = st.sampled_from([-0.15, -0.1, 0.1, 0.1000001, 0.4, 0.65])  # some come again and again
COSTS = st.one_of(
    st.integers(1, 300).map(float),
    st.sampled_from([0.0, 1.0, 1e-300, 1e-9, 1e12, 1e308, -1e308, math.inf, -math.inf, math.nan]),
)
ASK = st.tuples(st.just("ask"), CONTEXTS)
TELL = st.tuples(st.just("tell"), st.integers(0, 99), COSTS)
MISTAKE = st.tuples(st.just("mistake"), st.integers(0, 99), st.integers(0, 99))
COURSES = st.lists(st.one_of(ASK, ASK, TELL, TELL, MISTAKE), max_size=24)
MISTAKES = [
    lambda choice, cost: (choice, "slow"),
    lambda choice, cost: (choice, None),
    lambda choice, cost: (tuple(choice), cost),
    lambda choice, cost: (choice._replace(arm=10**6), cost),
    lambda choice, cost: (choice._replace(arm=-1), cost),
    lambda choice, cost: (choice._replace(arm=choice.arm + 0.0), cost),
    lambda choice, cost: (choice._replace(probability=0.0), cost),
    lambda choice, cost: (choice._replace(probability="1"), cost),
    lambda choice, cost: (choice._replace(baselines=(math.nan,)), cost),
    lambda choice, cost: (choice._replace(baselines=("a",) * 20), cost),
]
CONTEXTUAL = [
    lambda choice, cost: (choice._replace(context=None), cost),
    lambda choice, cost: (choice._replace(context=math.nan), cost),
    lambda choice, cost: (choice._replace(context="warm"), cost),
]
LOOKS = {"TsallisINFCB", "ChebCB", "GPThompson"}
"""Those that look at the context; of the others a context may be anything."""


def picture(tuner):
    return json.dumps(tuner.state_dict(), allow_nan=False)


def mistakes_of(name):
    if name == "OptunaTuner":
        return MISTAKES[:6]  # a trial's number is all that it reads of a choice
    return MISTAKES + (CONTEXTUAL if name in LOOKS else [])


def follow(tuner, course, open_, name):
    """Go through a course; ``open_`` holds the choices not told. What was chosen."""
    chosen = []
    for kind, *what in course:
        if kind == "ask":
            open_.append(tuner.ask(*what))
            chosen.append(tuple(open_[-1]))
        elif open_ and kind == "tell":
            tuner.tell(open_.pop(what[0] % len(open_)), what[1])
        elif open_:
            choice, kinds = open_[what[0] % len(open_)], mistakes_of(name)
            before = picture(tuner)
            with pytest.raises((TypeError, ValueError)):
                tuner.tell(*kinds[what[1] % len(kinds)](choice, 7.0))
            assert picture(tuner) == before
    return chosen


@pytest.mark.parametrize("name", TUNERS)
def test_any_course_goes_on_bit_for_bit_from_any_point(name):
    make = TUNERS[name]

    @settings(checked, max_examples=10 if name == "OptunaTuner" else 30)
    @given(COURSES, st.integers(0, 24))
    def check(course, cut):
        whole, first, open_, kept = make(), make(), [], []
        expected = follow(whole, course, open_, name)
        found = follow(first, course[:cut], kept, name)
        saved = json.loads(picture(first))
        second = make() if name == "OptunaTuner" else make(seed=99)
        second.load_state_dict(saved)
        kept = [Choice(*fields) for fields in json.loads(json.dumps(kept))]  # another process
        found += [tuple(choice) for choice in follow(second, course[cut:], kept, name)]
        assert found == expected and picture(second) == picture(whole)
        assert all(type(arm) is int and 0 < p <= 1 for _, arm, p, _, _ in found)

    check()


def probabilities(tuner, context):
    """Those of the arms in the next round, of tuners that know them."""
    if hasattr(tuner, "_learners"):
        tuner = tuner._learners[tuner.bin(context)]
    takes_one = "context" in inspect.signature(tuner.probabilities).parameters
    return tuner.probabilities(*[context] * takes_one)


@pytest.mark.parametrize(
    "name", ["TsallisINF", "TsallisINF IW", "TsallisINF K", "TsallisINFCB", "ChebCB"]
)
def test_after_any_course_probabilities_are_positive_and_sum_to_1(name):
    @checked
    @given(COURSES, CONTEXTS)
    def check(course, context):
        tuner = TUNERS[name]()
        follow(tuner, course, [], name)
        before = picture(tuner)
        p = probabilities(tuner, context)
        assert picture(tuner) == before  # looking changes nothing
        assert (p > 0).all() and abs(math.fsum(p) - 1) <= 1e-13 * len(p)
        choice = tuner.ask(context)
        assert choice.probability == p[choice.arm]  # one p for the draw and the weight

    check()


@checked
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 300)), max_size=20), st.randoms())
def test_the_order_of_tells_does_not_matter_to_sums(costs, shuffle):
    """Where what is learned is a sum over costs, it is the same sum in any order."""
    for name, array in (("TsallisINF", "_k"), ("TsallisINF IW", "_k"), ("EpsilonGreedy", "_mean")):
        one, other = TUNERS[name](), TUNERS[name]()
        told = [(one.ask(), float(cost)) for _, cost in costs]
        for choice, cost in told:
            one.tell(choice, cost)
        shuffle.shuffle(told)
        for choice, cost in told:
            other.tell(choice, cost)
        np.testing.assert_allclose(getattr(one, array), getattr(other, array), rtol=1e-9, atol=1e-6)
        assert one._costs.count == other._costs.count == len(costs)


# ---- policies ----------------------------------------------------------------------------------

A = st.floats(0.5, 9)
CAPS = st.floats(1, 1.99)


def youngs(scale, diagonal, cap, context):
    """Young's omega, written out."""
    beta = scale / (diagonal + context) if diagonal + context > 0 else 1.0
    return min(2 / (1 + math.sqrt(1 - beta**2)), cap) if beta < 1 else cap


POLICIES = {
    "YoungPolicy": lambda a, low, cap: [(YoungPolicy(0.7 * a, a, cap), 0.7 * a)],
    "young_policies": lambda a, low, cap: [
        (policy, policy.scale) for policy in young_policies(a, low, 4, cap)
    ],
    "lanczos_young": lambda a, low, cap: [
        (tuner.arms[0], tuner.arms[0].scale)
        for tuner in [lanczos_young(Stencil((3, 4), a, *[-a / 4] * 4), omega_max=cap)]
    ],
}


@pytest.mark.parametrize("name", POLICIES)
def test_policies_give_youngs_omega_within_their_range_and_fall_with_the_shift(name):
    @settings(checked, max_examples=30)
    @given(A, CAPS, st.floats(-0.4, 0.4), st.lists(st.floats(-0.9, 9), min_size=2, max_size=6))
    def check(a, cap, low, shifts):
        shifts = sorted(a * shift for shift in shifts)
        for policy, scale in POLICIES[name](a, a * low, cap):
            omegas = [policy(c) for c in shifts]
            assert all(1 <= omega <= cap for omega in omegas)
            assert omegas == sorted(omegas, reverse=True)
            np.testing.assert_allclose(
                omegas, [youngs(scale, a, cap, c) for c in shifts], rtol=1e-12
            )
            assert policy(None) == policy(0.0)

    check()


@pytest.mark.parametrize("context", ["warm", math.nan, [0.1]])
def test_policies_refuse_a_context_before_anything_is_drawn(context):
    tuner = TUNERS["PolicyClass"]()
    before = picture(tuner)
    with pytest.raises((TypeError, ValueError), match="context"):
        tuner.ask(context)
    assert picture(tuner) == before


def _returns(thing):
    return str(inspect.signature(thing).return_annotation) if callable(thing) else ""


def test_every_bandit_and_policy_is_in_these_tests():
    public = {name: getattr(bandits, name) for name in bandits.__all__}
    played = {type(make()).__name__ for make in TUNERS.values()}
    assert {name for name, thing in public.items() if hasattr(thing, "load_state_dict")} == played
    makers = {n for n, thing in public.items() if inspect.isfunction(thing)}
    makers = {name for name in makers if "Policy" in _returns(public[name])}
    called = {n for n, t in public.items() if inspect.isclass(t) and "__call__" in vars(t)}
    assert makers | called == set(POLICIES)


# ---- regret ------------------------------------------------------------------------------------

TABLES = st.integers(0, 10**6).map(
    lambda seed: np.random.default_rng(seed).integers(0, 99, (seed % 9 + 1, seed % 5 + 1)) * 1.0
)


@checked
@given(TABLES, st.integers(0, 10**6), st.integers(-50, 50))
def test_regret_is_what_the_words_say(table, seed, more):
    rows, arms = table.shape
    picks = np.random.default_rng(seed).integers(0, arms, rows)
    paid = table[np.arange(rows), picks]
    found, best = regret(paid, table, table.min(axis=1)), best_fixed(table)
    assert best.total == min(table.sum(axis=0)) and best.mean == best.total / rows
    assert found.fixed[-1] == paid.sum() - best.total
    assert (np.diff(found.optimum, prepend=0) >= 0).all()  # nothing is cheaper than the least
    assert found.optimum[-1] >= max(found.fixed[-1], 0)  # nor is a fixed arm
    assert not regret(table[:, best.arm], table).fixed.any()
    shifted = table + more * np.arange(rows)[:, None]  # what all arms pay alike is nobody's regret
    assert (regret(shifted[np.arange(rows), picks], shifted).fixed == found.fixed).all()
    other = np.random.default_rng(seed).permutation(arms)
    assert (regret(paid, table[:, other]).fixed[-1]) == found.fixed[-1]


@pytest.mark.parametrize("name", ["TsallisINF", "ThompsonSampling", "EpsilonGreedy", "UCB1"])
@pytest.mark.parametrize("seed", range(3))
def test_learners_have_less_regret_than_a_guess_and_never_less_than_hindsight(name, seed):
    """Costs of an arm are constant, so no choice beats the best arm; most beat a uniform draw."""
    costs = np.random.default_rng(seed).permutation(np.linspace(20, 60, len(OMEGAS)))
    tuner, paid = TUNERS[name](seed), []
    for _ in range(600):
        choice = tuner.ask()
        paid.append(costs[choice.arm])
        tuner.tell(choice, paid[-1])
    found = regret(paid, np.tile(costs, (600, 1))).fixed
    assert (np.diff(found, prepend=0) >= 0).all() and found[-1] < 0.8 * 600 * 20
