"""What every bandit promises: seeded, resumable bit for bit, unharmed by any cost or order."""

import io
import json
import math
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from bandit_tables import LEARNERS, OMEGAS, TUNERS, contexts, play
from hypothesis import given
from hypothesis import strategies as st
from ritard.tuners import Tuner
from ritard.tuners.bandits import (
    ChebCB,
    Choice,
    EpsilonGreedy,
    Estimator,
    Fixed,
    GPThompson,
    PolicyClass,
    TsallisINF,
    TsallisINFCB,
    young_policies,
)
from tables import checked

every = pytest.mark.parametrize("make", TUNERS.values(), ids=TUNERS.keys())
learner = pytest.mark.parametrize("make", LEARNERS.values(), ids=LEARNERS.keys())


def _values(choices):
    return [tuple(choice) for choice in choices]


@every
def test_resumes_bit_for_bit_from_plain_values(make) -> None:
    first: Tuner[Choice] = make()
    play(first, contexts(60))
    text = json.dumps(first.state_dict())
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second, third = make(seed=5) if make is not TUNERS["OptunaTuner"] else make(), make()
    second.load_state_dict(json.loads(text))
    third.load_state_dict(torch.load(file, weights_only=True))
    expected, _ = play(first, contexts(40, seed=1))
    for resumed in (second, third):
        assert _values(play(resumed, contexts(40, seed=1))[0]) == _values(expected)
    assert json.dumps(second.state_dict()) == json.dumps(first.state_dict())


@learner
def test_same_seed_same_choices_and_nothing_global(make) -> None:
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
    runs = [_values(play(make(seed), contexts(50))[0]) for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
    assert before == after


@every
def test_tells_may_come_late_in_any_order_or_never_and_after_a_restart(make) -> None:
    tuner = make()
    choices = [tuner.ask(0.1) for _ in range(6)]
    for choice in (choices[4], choices[1], pickle.loads(pickle.dumps(choices[0]))):
        tuner.tell(choice, 30.0)
    resumed = make()
    resumed.load_state_dict(json.loads(json.dumps(tuner.state_dict())))
    for one in (tuner, resumed):
        one.tell(choices[5], 20.0)
    assert tuple(tuner.ask(0.2)) == tuple(resumed.ask(0.2))


@every
def test_failures_count_as_the_worst_and_poison_nothing(make) -> None:
    tuner = make()
    for cost in (math.inf, math.nan, 5.0, 9.0, math.nan, -math.inf, math.inf, 0, 1e308, -1e308):
        tuner.tell(tuner.ask(0.1), cost)
    play(tuner, contexts(30))
    assert not {"nan", "inf"} & set(_leaves(tuner.state_dict()))


@every
def test_costs_whose_squares_no_number_holds_count_as_the_least(make) -> None:
    tuner = make()
    for cost in (1e-300, 2e-170, 0.0, 1e-141) * 5:
        tuner.tell(tuner.ask(0.1), cost)
    assert not {"nan", "inf"} & set(_leaves(tuner.state_dict()))


@pytest.mark.parametrize("name", ["TsallisINF", "ChebCB", "ThompsonSampling", "EpsilonGreedy"])
def test_a_failure_counts_as_the_worst_seen(name: str) -> None:
    failed, worst = LEARNERS[name](), LEARNERS[name]()
    for tuner, bad in ((failed, math.inf), (worst, 77.0)):
        for t in range(40):
            choice = tuner.ask(0.1)
            tuner.tell(choice, 77.0 if t == 0 else bad if choice.arm % 2 else 30.0 + choice.arm)
    assert failed.state_dict() == worst.state_dict()


def _leaves(state):
    if isinstance(state, dict):
        return [leaf for value in state.values() for leaf in _leaves(value)]
    if isinstance(state, list):
        return [leaf for value in state for leaf in _leaves(value)]
    return [str(state)]


@every
def test_refuses_what_is_not_its_own_unchanged(make) -> None:
    tuner = make()
    play(tuner, contexts(5))
    before = json.dumps(tuner.state_dict())
    choice = Fixed(1.0).ask()
    bad = [
        (TypeError, "choice", ("fast", 1.0)),
        (ValueError, "arm", (choice._replace(arm=99), 1.0)),
        (ValueError, "arm", (choice._replace(arm=-1), 1.0)),
        ((TypeError, ValueError), "arm", (tuner.ask(0.1)._replace(arm=0.0), 1.0)),
        (TypeError, "cost", (tuner.ask(0.1), "slow")),
        (TypeError, "cost", (tuner.ask(0.1), True)),
    ]
    before = json.dumps(tuner.state_dict())
    for error, match, told in bad:
        with pytest.raises(error, match=match):
            tuner.tell(*told)
    with pytest.raises(ValueError, match="state_dict"):
        tuner.load_state_dict({"scale": 1.0})
    other = json.loads(before)
    other["settings"]["kind"] = "Other"
    with pytest.raises(ValueError, match="kind"):
        tuner.load_state_dict(other)
    assert json.dumps(tuner.state_dict()) == before


def test_refuses_states_that_do_not_fit() -> None:
    tuner = TsallisINF(OMEGAS, seed=0)
    for arms, match in ((OMEGAS[:3], "arms"), ([*OMEGAS[:-1], 1.9], "arms")):
        with pytest.raises(ValueError, match=match):
            tuner.load_state_dict(TsallisINF(arms, seed=0).state_dict())
    for broken in ([1.0], ["a"] * 20, [math.nan] * 20):
        state = tuner.state_dict()
        state["arrays"]["_k"] = broken
        with pytest.raises(ValueError, match="_k"):
            tuner.load_state_dict(state)

    for other in (Fixed(1.5), tuner):
        for arrays in (3, [], {"_l": [0.0] * 20}):
            with pytest.raises(ValueError, match="state_dict: arrays"):
                other.load_state_dict(other.state_dict() | {"arrays": arrays})


def test_refuses_bad_settings() -> None:
    for error, make in (
        (ValueError, lambda: TsallisINF((), seed=0)),
        (TypeError, lambda: TsallisINF("abc", seed=0)),
        (TypeError, lambda: TsallisINF(3, seed=0)),
        (ValueError, lambda: TsallisINF(OMEGAS, seed=0, cost_min=math.inf)),
        (ValueError, lambda: TsallisINF(OMEGAS, seed=0, cost_max=0.0)),
        (ValueError, lambda: TsallisINF(OMEGAS, seed=-1)),
        (ValueError, lambda: ChebCB(OMEGAS, seed=0, low=1.0, high=1.0)),
        (ValueError, lambda: ChebCB(OMEGAS, seed=0, low=0.0, high=1.0, features=0)),
        (ValueError, lambda: GPThompson(OMEGAS, seed=0, reach=-1.0)),
        (ValueError, lambda: EpsilonGreedy(OMEGAS, seed=0, epsilon=1.5)),
    ):
        with pytest.raises(error):
            make()
    for seed, error in (
        (None, TypeError),  # nothing is drawn from outside
        (True, TypeError),
        (1.5, TypeError),
        ("1", TypeError),
        (np.random.default_rng(0), TypeError),
        ((), ValueError),
        ((1, -1), ValueError),
    ):
        for make in (lambda s: TsallisINF(OMEGAS, s), lambda s: TsallisINFCB(OMEGAS, s, 0.0, 1.0)):
            with pytest.raises(error, match="seed="):
                make(seed)
    for context, error in ((None, TypeError), ("a", TypeError), (math.nan, ValueError)):
        for tuner in (ChebCB(OMEGAS, 0, 0.0, 1.0), GPThompson(OMEGAS, 0, 0.0, 1.0)):
            with pytest.raises(error, match="context"):
                tuner.ask(context)


def test_numbers_of_numpy_are_numbers() -> None:
    """As seeds and as settings, which a state holds as plain values."""
    estimator = Estimator(np.float32(2), np.int64(0))
    for make in (
        lambda one: TsallisINF(OMEGAS, one(3), estimator, one(1), one(9)),
        lambda one: TsallisINFCB(OMEGAS, one(3), one(0), one(1), one(2)),
        lambda one: PolicyClass(TsallisINF(young_policies(one(4), count=one(3)), [one(3), 1])),
    ):
        for one in (np.int64, np.int32):
            assert json.dumps(make(one).state_dict()) == json.dumps(make(int).state_dict())


@checked
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30), st.integers(0, 9))
def test_any_finite_costs_leave_probabilities_a_distribution(costs, seed) -> None:
    tuners = [LEARNERS["TsallisINF"](seed), LEARNERS["TsallisINF IW"](seed)]
    cheb = LEARNERS["ChebCB"](seed)
    for t, cost in enumerate(costs):
        context = math.sin(t) / 7
        for tuner, p in ((tuners[0], tuners[0].probabilities()),
                         (tuners[1], tuners[1].probabilities()),
                         (cheb, cheb.probabilities(context))):  # fmt: skip
            choice = tuner.ask(context)
            assert np.all((p >= 0) & (p <= 1)) and abs(p.sum() - 1) <= 1e-12 * len(p)
            assert choice.probability == p[choice.arm] > 0  # one p for draw and weight
            tuner.tell(choice, cost)


@checked
@given(st.lists(st.integers(1, 10**4), min_size=1, max_size=40), st.integers(-40, 40))
def test_choices_do_not_depend_on_the_unit_of_cost(costs, power) -> None:
    """A power of two scales exactly, so the arms must agree exactly."""
    for name in ("TsallisINF", "ChebCB", "ThompsonSampling", "UCB1", "EpsilonGreedy"):
        plain, scaled = TUNERS[name](), TUNERS[name]()
        for cost in costs:
            one, other = plain.ask(0.1), scaled.ask(0.1)
            assert one.arm == other.arm
            plain.tell(one, float(cost))
            scaled.tell(other, cost * 2.0**power)


def test_importing_is_light() -> None:
    code = "import sys, ritard.tuners.bandits; print(*{m.partition('.')[0] for m in sys.modules})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numba", "optuna", "matplotlib", "lightning"} & set(out.stdout.split())


def test_numpy_alone_draws_the_same_arms() -> None:
    """Without numba: one warning, the same choices."""
    code = (
        "import sys, warnings, json; sys.modules['numba'] = None; sys.path.insert(0, {path!r})\n"
        "from bandit_tables import *\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    arms = {{name: [c.arm for c in play(make(), contexts(150))[0]]\n"
        "            for name, make in LEARNERS.items()}}\n"
        "print(json.dumps([arms, sum('NumPy' in str(w.message) for w in caught)]))\n"
    ).format(path=str(__file__).rpartition("/")[0])
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    arms, warned = json.loads(out.stdout)
    assert warned == 1
    for name, make in LEARNERS.items():
        assert arms[name] == [choice.arm for choice in play(make(), contexts(150))[0]], name
