"""Refinements one after the other: who starts where, and who has how many evaluations."""

from dataclasses import dataclass, field

import pytest
import torch
from ritard.solvers.diffusion import EDM, GaussianMixture, dpmpp_2m, grids
from ritard.tuners.solver_search import Evaluator, GaussNewton, InTurn, Noises

LAW = GaussianMixture(torch.tensor([[1.0, 0.0], [-1.0, 0.5]]).double(), torch.tensor([0.1, 0.2]))
MODEL = LAW.model(EDM(t_max=20.0, t_min=0.01))
NOISES = Noises.draw((2,), train=24, validation=24, test=1, dtype=torch.float64)


def judges():
    return Evaluator(MODEL, NOISES.train), Evaluator(MODEL, NOISES.validation)


def start(nfe=3):
    return dpmpp_2m(MODEL.noise, grids.uniform_lambda(MODEL.noise, nfe))


@dataclass
class Spends:
    """Evaluates ``spent`` times, and returns another sampler than it was given."""

    spent: int
    seen: list = field(default_factory=list)

    def __call__(self, sampler, train, validation, evaluations, callback=None):
        self.seen.append((sampler, evaluations))
        for _ in range(self.spent):
            train(sampler)
        return start(len(sampler.steps) + 1)


def test_each_starts_where_the_last_one_ended_and_has_what_is_left():
    one, two, three = Spends(10), Spends(4), Spends(9)
    train, validation = judges()
    found = InTurn((one, two, three))(start(3), train, validation, 31)
    assert [r.seen for r in (one, two, three)] == [
        [(start(3), 10)],
        [(start(4), 10)],
        [(start(5), 17)],
    ]
    assert found == start(6)


def test_what_was_spent_before_does_not_count():
    train, validation = judges()
    for _ in range(5):
        train(start()), validation(start())
    one = Spends(0)
    InTurn((one,))(start(), train, validation, 7)
    assert one.seen == [(start(), 7)]


def test_too_small_a_share_is_left_out():
    one, two = Spends(3), Spends(1)
    found = InTurn((one, two))(start(), *judges(), 7)
    assert one.seen == [] and two.seen == [(start(), 7)] and len(found.steps) == 4


def test_stuck_with_few_unknowns_it_goes_on_with_more():
    few, more = GaussNewton(), GaussNewton(("times", "weights", "sums", "network_times"))
    noises = Noises.draw((2,), train=128, validation=128, test=1, dtype=torch.float64)
    scores = []
    for refine in (few, InTurn((few, more))):
        train, validation = Evaluator(MODEL, noises.train), Evaluator(MODEL, noises.validation)
        found = refine(start(2), train, validation, 100)
        assert train.cost.evaluations + validation.cost.evaluations <= 105
        scores.append(validation(found))
    assert scores[1] < 0.8 * scores[0] < 0.8 * validation(start(2))


def test_there_must_be_one():
    with pytest.raises(ValueError, match="refiners"):
        InTurn(())
