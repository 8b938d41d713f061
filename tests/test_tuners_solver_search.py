"""Searches over solver schedules: a function of settings, seed and costs alone; bad input."""

import io
import json
import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from ritard.solvers.diffusion import EDM, SolverSchedule, SolverStep, VPLinear, dpmpp_2m, lower
from ritard.tuners.solver_search import (
    Evolution,
    GeneticSearch,
    Predictor,
    RandomSearch,
    SolverSearch,
    Space,
    fixed_samplers,
    key,
)
from ritard.tuners.solver_search.draft import Draft
from ritard.tuners.solver_search.genetic import Rates, crossed

NOISE = EDM(20.0, 0.01)
QUICK = Predictor(members=2, hidden=4, steps=3, batch=8)
TARGET = np.array([-3.0, -1.8, -0.9, 0.4, 1.9, 4.6])


def _cost(schedule: SolverSchedule) -> float:
    """How far the lambdas are from a target's, and the steps from order 2 in noise."""
    lambdas = np.interp(
        np.linspace(0, 1, 6), np.linspace(0, 1, len(schedule.times)), -np.log(schedule.times)
    )
    wrong = np.mean([(s.order != 2) + (s.prediction != "noise") for s in schedule.steps])
    return float(np.abs(lambdas - TARGET).mean() + 0.3 * wrong + 0.01)


def _search(nfe: Any = 5, evaluations: int = 60, seed: int = 0, **settings: Any) -> SolverSearch:
    settings = {"predictor": QUICK, "batch": 8} | settings
    return SolverSearch(NOISE, nfe, evaluations, seed, **settings)


def _run(search: Any) -> list[str]:
    """Keys in the order asked."""
    asked: list[str] = []
    while not search.done:
        schedule = search.ask()
        asked.append(key(schedule))
        search.tell(schedule, _cost(schedule))
    return asked


@pytest.mark.parametrize("predictor", [QUICK, None])
def test_the_search_improves_on_its_panels_and_never_asks_twice(
    predictor: Predictor | None,
) -> None:
    search = _search(evaluations=160, predictor=predictor)
    asked = _run(search)
    assert len(asked) == len(set(asked)) == len(search.history) == 160
    assert _cost(search.best()) < 0.8 * min(row.cost for row in search.history[:24])
    costs = [_cost(s) for s in search.top(10)]
    assert costs == sorted(costs) and search.top(1) == [search.best()]
    assert key(search.ask()) == key(search.best())  # when it is over


def test_with_its_usual_predictor_it_beats_all_that_is_fixed() -> None:
    search = _search(evaluations=160, predictor=Predictor())
    _run(search)
    schedules = [s for s in fixed_samplers(NOISE, 5).values() if isinstance(s, SolverSchedule)]
    assert _cost(search.best()) < 0.9 * min(_cost(s) for s in schedules)


def test_the_order_in_which_a_batchs_costs_arrive_does_not_matter() -> None:
    one, two = _search(nfe=(3, 5), evaluations=40), _search(nfe=(3, 5), evaluations=40)
    _run(one)
    shuffle = random.Random(0)
    while not two.done:
        asked = [two.ask() for _ in two.open()]
        shuffle.shuffle(asked)
        for schedule in asked:
            two.tell(schedule, _cost(schedule))
    assert one.history == two.history
    assert one.state_dict() == two.state_dict()


@pytest.mark.parametrize("told", [0, 5, 21, 37])
def test_a_saved_search_goes_on_to_the_same_end(told: int) -> None:
    """Through JSON, and through torch.save, in the middle of a batch."""
    whole, part = _search(), _search()
    expected = _run(whole)
    for _ in range(told):
        schedule = part.ask()
        part.tell(schedule, _cost(schedule))
    state = part.state_dict()
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    assert torch.load(file, weights_only=True) == state
    resumed = _search()
    resumed.load_state_dict(json.loads(json.dumps(state)))
    assert resumed.state_dict() == state
    assert _run(resumed) == expected[told:]
    assert resumed.history == whole.history


def test_settings_of_numpys_types_are_saved_as_the_plain_ones_they_are() -> None:
    def search(number: Any, whole: Any) -> SolverSearch:
        space = Space(orders=[whole(1), whole(2)], starts=[whole(1)], scaling=number(1))
        evolution = Evolution(population=whole(8), focus=number(2))
        predictor = Predictor(members=whole(2), lr=number(0.5))
        settings: dict[str, Any] = {"space": space, "evolution": evolution, "predictor": predictor}
        noise = EDM(number(8), number(0.5))
        return SolverSearch(noise, whole(4), whole(8), whole(0), batch=whole(2), **settings)

    saved = json.dumps(search(np.float32, np.int64).state_dict())
    assert saved == json.dumps(search(float, int).state_dict())
    search(float, int).load_state_dict(json.loads(saved))


def test_an_interrupt_amid_a_tell_changes_nothing() -> None:
    """Where the last cost of a batch trains the predictor and breeds the next one."""
    armed = [False]

    class Interrupted(Evolution):
        def guided(self, *arguments: Any) -> dict[str, SolverSchedule]:
            found = super().guided(*arguments)
            if armed[0]:
                raise KeyboardInterrupt
            return found

    search, expected = (_search(evolution=Interrupted()) for _ in range(2))
    interrupts = 0
    while not search.done:
        schedule = search.ask()
        assert schedule == expected.ask()
        before = json.dumps(search.state_dict())
        armed[0] = True
        try:
            search.tell(schedule, _cost(schedule))
        except KeyboardInterrupt:
            interrupts += 1
            assert json.dumps(search.state_dict()) == before
            assert not search.done
            armed[0] = False
            search.tell(search.ask(), _cost(schedule))
        armed[0] = False
        expected.tell(schedule, _cost(schedule))
    assert interrupts > 2
    assert search.state_dict() == expected.state_dict()


def test_replaying_the_costs_gives_the_same_search() -> None:
    whole, replayed = _search(), _search()
    _run(whole)
    for row in whole.history:
        replayed.tell(row.schedule, row.cost)
    assert replayed.state_dict() == {**whole.state_dict(), "batch": []}


def test_workers_that_vanish_lose_nothing() -> None:
    """Asked and never told: the schedule comes again, the least often asked first."""
    search = _search()
    batch = search.open()
    assert [search.ask() for _ in batch] == batch
    search.tell(batch[1], 1.0)
    assert search.ask() == batch[0] and search.ask() == batch[2]
    assert len(search.open()) == len(batch) - 1


def test_costs_of_other_workers_are_taken_and_never_asked_again() -> None:
    search = _search()
    stranger = dpmpp_2m(NOISE, (20.0, 9.0, 3.0, 1.0, 0.1, 0.01))
    search.tell(stranger, 1e-9)
    assert search.best() == stranger
    search.tell(stranger, 5.0)  # told twice: the first stays
    asked = _run(search)
    assert key(stranger) not in asked and key(search.best()) == key(stranger)
    late = replace(stranger, times=(20.0, 9.0, 3.0, 1.0, 0.2, 0.01))
    search.tell(late, 1e-10)
    assert search.best() == late
    assert _search().ask(context=5).nfe == 5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", [SolverSearch, GeneticSearch, RandomSearch])
def test_costs_that_are_not_finite_are_never_chosen(kind: Any, bad: float) -> None:
    search = kind(NOISE, 4, 40, **({"predictor": QUICK} if kind is SolverSearch else {}))
    with pytest.raises(ValueError, match="no finite cost"):
        search.best()
    for i in range(200):
        if search.done:
            break
        schedule = search.ask()
        search.tell(schedule, bad if i % 3 else _cost(schedule))
    assert search.done and math.isfinite(_cost(search.best()))
    finite = {key(row.schedule) for row in search.history if row.cost < math.inf}
    assert {key(s) for s in search.top(40)} == finite
    all_bad = kind(NOISE, 2, 8)
    for _ in range(8):
        all_bad.tell(all_bad.ask(), bad)
    assert all_bad.top(3) == []


def test_one_search_serves_several_costs() -> None:
    search = _search(nfe=(3, 5), evaluations=32)
    assert search.ask(context=5).nfe == 5 and search.ask(context=3).nfe == 3
    for schedule in [s for s in search.open() if s.nfe == 3]:
        search.tell(schedule, _cost(schedule))
    with pytest.raises(ValueError, match="nothing is open"):
        search.ask(context=3)
    _run(search)
    assert [search.best(n).nfe for n in (3, 5)] == [3, 5]
    assert sum(row.nfe == 3 for row in search.history) == 32
    with pytest.raises(ValueError, match=r"nfe=None: expected one of 3, 5"):
        search.best()


def test_nothing_global_is_read_or_changed() -> None:
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    state, legacy, threads = torch.get_rng_state(), random.getstate(), torch.get_num_threads()
    one = _run(_search(evaluations=30))
    assert torch.equal(state, torch.get_rng_state()) and random.getstate() == legacy
    assert torch.get_num_threads() == threads
    torch.manual_seed(2)
    assert _run(_search(evaluations=30)) == one
    assert _run(_search(evaluations=30, seed=1)) != one


def test_few_evaluations_are_not_all_spent_on_the_start() -> None:
    search = _search(evaluations=20)
    _run(search)
    seeds = {key(s) for s in fixed_samplers(NOISE, 5).values()}
    assert sum(key(row.schedule) in seeds for row in search.history) <= 6
    start = [dpmpp_2m(NOISE, (20.0, 5.0, 1.0, 0.01))]
    assert _search(3, 20, start=start).open() == start


# ---- the baselines -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [GeneticSearch, RandomSearch])
def test_a_baseline_gives_a_new_schedule_at_each_ask_and_goes_on_from_its_state(kind: Any) -> None:
    search = kind(NOISE, 5, 60)
    first = [search.ask() for _ in range(20)]
    assert len({key(s) for s in first}) == 20
    for schedule in first:
        search.tell(schedule, _cost(schedule))
    other = kind(NOISE, 5, 60)
    other.load_state_dict(json.loads(json.dumps(search.state_dict())))
    assert _run(other) == _run(search)
    assert all(lower(row.schedule).nfe == 5 for row in search.history)


def test_the_genetic_algorithm_improves_on_its_start_and_random_search_needs_none() -> None:
    genetic, chance = GeneticSearch(NOISE, 5, 200), RandomSearch(NOISE, 5, 200)
    _run(genetic)
    _run(chance)
    start = min(row.cost for row in genetic.history[:25])
    assert _cost(genetic.best()) < 0.9 * start
    assert _cost(genetic.best()) < _cost(chance.best())


def test_children_share_nothing_with_their_parents() -> None:
    """The published code's children share dicts with their parents, which then change too."""
    search = GeneticSearch(NOISE, 5, 120, rates=Rates(gene=1.0))
    seen: dict[str, dict[str, Any]] = {}
    while not search.done:
        schedule = search.ask()
        seen[key(schedule)] = schedule.to_dict()
        search.tell(schedule, _cost(schedule))
    assert all(seen[key(r.schedule)] == r.schedule.to_dict() for r in search.history)


def test_decisions_stay_with_their_knots_and_knots_keep_their_distance() -> None:
    """The published code sorts times after a move and leaves the decisions where they were."""
    search = GeneticSearch(NOISE, 6, 150, rates=Rates(times=2.0))
    _run(search)
    for row in search.history:
        lambdas = np.array([node.lam for node in row.schedule.nodes])
        assert np.diff(lambdas).min() >= 0.99e-3 * (lambdas[-1] - lambdas[0])


def test_a_new_knot_lands_anywhere_in_lambda() -> None:
    """The published code draws it uniformly in sigma, so nearly always at the noisy end."""
    search = GeneticSearch(NOISE, (4, 5, 6), 120, rates=Rates(length=0.5, gene=0.0, crossover=0.0))
    _run(search)
    sigmas = np.array([t for r in search.history for t in r.schedule.times[1:-1]])
    assert 0.2 < np.mean(sigmas < 0.45) < 0.8  # 0.45 is the middle in lambda


def test_an_implicit_corrector_is_charged_and_evaluated() -> None:
    """The published code charges it but never evaluates again."""
    space = Space(correctors=("none", "implicit"))
    search = GeneticSearch(NOISE, 6, 100, space=space)
    _run(search)
    tables = [lower(r.schedule) for r in search.history]
    assert {t.nfe for t in tables} == {6}
    again = [t for t in tables if any(r.role == "correct" and r.evaluate for r in t.rows)]
    assert len(again) > 5


def test_a_bucket_is_never_empty_and_children_may_change_theirs() -> None:
    search = GeneticSearch(NOISE, (3, 8), 30)
    assert {search.ask().nfe for _ in range(6)} == {3, 8}
    for nfe in (3, 8):  # before anything was told
        assert search.ask(context=nfe).nfe == nfe
    neighbours = GeneticSearch(NOISE, (4, 5), 40, rates=Rates(length=0.5))
    for _ in range(40):
        neighbours.tell(neighbours.ask(context=5), 1.0)
    assert {r.nfe for r in neighbours.history} == {4, 5}


def test_crossover_needs_parents_of_one_length_and_takes_from_both() -> None:
    rng = np.random.default_rng(0)
    one = Draft((0.0, 1.0), (SolverStep("noise"),) * 3, "network")
    two = Draft((0.5, 2.0), (SolverStep("data"),) * 3, "zero")
    child = crossed(one, two, Rates(deep=0.0), rng)
    assert child == Draft(one.knots, two.steps, "zero")
    kinds = [crossed(one, two, Rates(deep=1.0), rng).steps for _ in range(20)]
    assert {s.prediction for steps in kinds for s in steps} == {"noise", "data"}
    assert crossed(one, two._replace(steps=two.steps[:2]), Rates(), rng) is one


# ---- bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"nfe": 0}, "nfe=0"),
        ({"nfe": ()}, "nfe"),
        ({"evaluations": 3}, "evaluations=3"),
        ({"seed": -1}, "seed=-1"),
        ({"batch": 0}, "batch=0"),
        ({"t_start": 50.0}, "t=50"),
        ({"t_end": 30.0}, "end=30"),
        ({"start": [dpmpp_2m(NOISE, (20.0, 1.0, 0.01))]}, "start: no SolverSchedule of nfe=5"),
        ({"start": [dpmpp_2m(EDM(), (20.0, 5.0, 1.0, 0.3, 0.1, 0.01))]}, "made for noise"),
        ({"nfe": 2.5}, "nfe"),
    ],
)
def test_settings_out_of_range_are_refused(arguments: dict[str, Any], error: str) -> None:
    with pytest.raises((ValueError, TypeError), match=error):
        SolverSearch(**{"noise": NOISE, "nfe": 5, "evaluations": 20, **arguments})


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        (dpmpp_2m(VPLinear(), (1.0, 0.6, 0.3, 0.2, 0.1, 0.01)), "made for noise schedule"),
        (dpmpp_2m(NOISE, (20.0, 1.0, 0.01)), "nfe=2: expected one of 5"),
        (dpmpp_2m(NOISE, (19.0, 5.0, 1.0, 0.3, 0.1, 0.01)), "times from 19 to 0.01"),
        ("unipc", "SolverSchedule"),
    ],
)
@pytest.mark.parametrize("kind", [SolverSearch, GeneticSearch, RandomSearch])
def test_a_schedule_of_another_search_is_refused(kind: Any, choice: Any, error: str) -> None:
    search = kind(NOISE, 5, 20)
    before = search.state_dict()
    with pytest.raises((ValueError, TypeError), match=error):
        search.tell(choice, 1.0)
    with pytest.raises(TypeError, match="cost='low'"):
        search.tell(search.ask(), "low")
    assert len(search.history) == 0 and before["archives"] == search.state_dict()["archives"]


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        ({"format": "other"}, "format"),
        ({"version": 99}, "version=99"),
        ({"settings": None}, "settings"),
        ({"archives": {}}, "damaged"),
        ({"told": [1]}, "damaged"),
        ({"predictor": {}}, "damaged"),
        ({"stage": -2}, "stage=-2"),
    ],
)
def test_a_damaged_state_is_refused_and_changes_nothing(damage: dict[str, Any], error: str) -> None:
    search = _search()
    _run(search)
    state = search.state_dict()
    fresh = _search()
    before = fresh.state_dict()
    with pytest.raises(ValueError, match=error):
        fresh.load_state_dict({**state, **damage})
    assert fresh.state_dict() == before


def test_the_state_of_another_search_is_refused() -> None:
    state = _search().state_dict()
    for other, name in [
        (_search(seed=1), "seed"),
        (_search(evaluations=61), "evaluations"),
        (_search(nfe=4), "nfe"),
        (_search(space=Space(scaling=0.0)), "space"),
        (_search(predictor=None), "predictor"),
        (GeneticSearch(NOISE, 5, 60), "kind"),
    ]:
        with pytest.raises(ValueError, match=f"saved search: {name}="):
            other.load_state_dict(state)
