"""What bandits and sequences keep: copies, samplers' memories, what was solved before a failure."""

import copy
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bandit_tables import LEARNERS, TUNERS, contexts, play
from optuna import samplers
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from ritard.solvers.linear import Stencil
from ritard.tuners.bandits import (
    OptunaTuner,
    PolicyClass,
    SequenceError,
    TsallisINF,
    tune_sequence,
    young_policies,
)

every = pytest.mark.parametrize("make", TUNERS.values(), ids=TUNERS.keys())
GRID, B = Stencil.laplacian(4, 4), np.ones(16)


def _tuner():
    return TsallisINF((1.0, 1.3, 1.9), seed=0)


@every
def test_copies_go_on_alike_and_apart(make) -> None:
    tuner = make()
    play(tuner, contexts(20))
    again = [copy.deepcopy]
    if make is not TUNERS["OptunaTuner"]:  # whose sampler is a lambda
        again.append(lambda one: pickle.loads(pickle.dumps(one)))
    copies = [one(tuner) for one in again]
    expected = [tuple(c) for c in play(tuner, contexts(20, seed=1))[0]]
    for found in copies:
        assert [tuple(c) for c in play(found, contexts(20, seed=1))[0]] == expected


def test_another_process_unpickles_a_bandit() -> None:
    tuners = [make() for make in LEARNERS.values()]
    code = "import pickle, sys; print([t.ask(0.1).arm for t in pickle.load(sys.stdin.buffer)])"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(tuners),
                          capture_output=True, check=True)  # fmt: skip
    assert json.loads(done.stdout) == [tuner.ask(0.1).arm for tuner in tuners]


@every
def test_costs_that_no_float_holds_count_as_infinite(make) -> None:
    one, other = make(), make()
    for cost, same in ((30.0, 30.0), (10**400, math.inf), (-(10**400), -math.inf)):
        one.tell(one.ask(0.1), cost)
        other.tell(other.ask(0.1), same)
    assert json.dumps(one.state_dict()) == json.dumps(other.state_dict())


@every
def test_a_choice_holds_plain_values(make) -> None:
    for context in (np.float32(0.25), np.array(0.25), torch.tensor(0.25)):
        choice = make().ask(context)
        assert choice == make().ask(0.25) and json.loads(json.dumps(choice))[3] == 0.25


def test_a_policy_class_has_policies_not_a_policy_class() -> None:
    inner = PolicyClass(TsallisINF(young_policies(4.0), seed=0))
    with pytest.raises(TypeError, match=r"tuner=.*applies its policies itself"):
        PolicyClass(inner)


BETWEEN = FloatDistribution(1.0, 1.9, step=0.3)
SEVERAL = {"x": FloatDistribution(0, 1), "k": IntDistribution(1, 9, log=True),
           "c": CategoricalDistribution(("a", None, True))}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # some samplers are called experimental
@pytest.mark.parametrize(
    ("space", "sampler"),
    [
        (SEVERAL, lambda seed: samplers.TPESampler(seed=seed, n_startup_trials=3)),
        (SEVERAL, lambda seed: samplers.QMCSampler(seed=0, scramble=True)),
        (SEVERAL, lambda seed: samplers.NSGAIISampler(seed=seed, population_size=4)),
        (BETWEEN, lambda seed: samplers.GridSampler({"value": [1.0, 1.3, 1.6, 1.9]}, seed=0)),
        (BETWEEN, lambda seed: samplers.BruteForceSampler(seed=seed)),
    ],
    ids=["TPE", "QMC", "NSGAII", "Grid", "BruteForce"],
)
def test_samplers_go_on_with_what_they_remember(space, sampler) -> None:
    """Those that number their points too, and those that are done with their grid and say so."""
    tuner, resumed = OptunaTuner(space, sampler, seed=3), OptunaTuner(space, sampler, seed=3)
    waiting = [tuner.ask() for _ in range(3)]
    for choice in waiting[1:]:
        tuner.tell(choice, 3.0 + choice.arm)
    resumed.load_state_dict(json.loads(json.dumps(tuner.state_dict())))
    tried = [[], []]
    for one, values in zip((tuner, resumed), tried, strict=True):
        for t in range(6):
            choice = one.ask()
            values.append(choice.value)
            one.tell(choice, 10.0 - t)
    assert tried[0] == tried[1]
    if space is BETWEEN:
        values = [choice.value for choice in waiting] + tried[0]
        assert {round(value, 9) for value in values} == {1.0, 1.3, 1.6, 1.9}


def test_a_matrix_changed_in_place_is_another_matrix() -> None:
    def stream():
        A = GRID.tocsr()
        for shift in range(3):
            A.setdiag(4.0 + shift)
            yield A, B

    solutions = []
    tune_sequence(stream(), _tuner(), rtol=1e-10, progress=lambda k, c, s: solutions.append(s.x))
    for shift, x in enumerate(solutions):
        assert np.abs(GRID.shifted(shift).tocsr() @ x - B).max() < 1e-8


@pytest.mark.parametrize(
    ("context", "message"),
    [("cold", "TypeError: context='cold'"), (np.ones(2), "TypeError: context=array"),
     (True, "TypeError: context=True"), (math.nan, "ValueError: context=nan"),
     (10**400, r"ValueError: context=1000")],
)  # fmt: skip
def test_a_context_that_is_no_number_is_named_and_the_rest_kept(context, message) -> None:
    with pytest.raises(SequenceError, match=f"system 1: {message}") as caught:
        tune_sequence([(GRID, B, 0.5), (GRID, B, context)], _tuner())
    assert caught.value.report.contexts.tolist() == [0.5]


def _counted(asked: list[int]):
    for number in range(5):
        asked.append(number)
        yield GRID, B


def test_a_checkpoint_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    asked: list[int] = []
    for place in (tmp_path, tmp_path / "nowhere" / "run.npz", "/dev/full"):
        with pytest.raises((OSError, ValueError)):
            tune_sequence(_counted(asked), _tuner(), checkpoint=place)
    assert not asked


@pytest.mark.parametrize("error", [None, RuntimeError("broken"), KeyboardInterrupt()])
@pytest.mark.parametrize("every_", [0, 1e9])
def test_a_checkpoint_that_is_no_longer_written_hides_nothing(error, every_, tmp_path) -> None:
    """Its folder goes away, as a disk fills up, while systems are solved."""
    folder = tmp_path / "runs"
    folder.mkdir()
    place = folder / "run.npz"

    def progress(count, choice, solution):
        if count == 3:
            place.unlink()
            folder.rmdir()

    def stream():
        yield from ((GRID, B) for _ in range(4))
        if error is not None:
            raise error

    settings = {"checkpoint": place, "checkpoint_every": every_, "progress": progress}
    with pytest.raises((SequenceError, KeyboardInterrupt)) as caught:
        tune_sequence(stream(), _tuner(), **settings)
    found = caught.value
    if isinstance(error, KeyboardInterrupt) and every_:
        assert found is error
    else:
        assert isinstance(found, SequenceError) and "not saved: FileNotFound" in str(found)
        assert len(found.report) == 4
        assert every_ == 0 or error is None or "RuntimeError: broken" in str(found)


def test_costs_of_any_size_are_in_the_report() -> None:
    costs = iter((3, np.float32(2.5), torch.tensor(4.0), 10**400))
    found = tune_sequence([(GRID, B)] * 4, _tuner(), cost=lambda solution, seconds: next(costs))
    assert found.costs.tolist() == [3.0, 2.5, 4.0, math.inf]
    assert set(found.omegas.tolist()) <= {1.0, 1.3, 1.9}
