"""Budgets: units, lengths, what they refuse."""

import copy
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from ritard.schedules import WSD, Budget, Cosine, InverseSqrt, Linear, Step

NAN, INF = float("nan"), float("inf")


def test_totals():
    assert Budget.steps(500).total == 500
    assert Budget.epochs(90, steps_per_epoch=5005).total == 450450
    assert Budget.epochs(1.5, 10).total == 15
    assert Budget.epochs(0.25, 10).total == 2.5
    assert Budget.samples(1e6).total == 1e6
    assert Budget.tokens(300e9).total == 300e9
    assert Budget.seconds(3600).total == 3600


@pytest.mark.parametrize(
    ("epochs", "per_epoch", "total"),
    [(0.29, 100, 29), (2.3, 100, 230), (0.07, 100, 7), (0.57, 100, 57), (1.1, 10, 11),
     (0.14, 50, 7), (4.35, 100, 435)],
)  # fmt: skip
def test_decimal_epochs_are_the_decimals_they_were_written_as(epochs, per_epoch, total):
    budget = Budget.epochs(epochs, per_epoch)
    assert budget.total == total
    assert len(Linear().values(budget)) == total
    assert Linear()(total, budget) == 0.0


def test_which_units_count_updates():
    assert Budget.steps(5).counts_updates
    assert Budget.epochs(5, 2).counts_updates
    for made in (Budget.samples, Budget.tokens, Budget.seconds):
        assert not made(5).counts_updates


def test_of():
    assert Budget.of(7) == Budget.steps(7)
    assert Budget.of(np.int64(7)) == Budget.steps(7)
    budget = Budget.tokens(5.5)
    assert Budget.of(budget) is budget


def test_a_budget_is_frozen_hashable_and_picklable():
    budget = Budget.epochs(3, 10)
    for name in ("unit", "length", "steps_per_epoch", "new"):
        with pytest.raises(FrozenInstanceError):
            setattr(budget, name, 5)
    assert {budget: 1}[pickle.loads(pickle.dumps(budget))] == 1
    assert copy.deepcopy(budget) == budget
    assert len({Budget.samples(5), Budget.tokens(5), Budget.seconds(5), Budget.steps(5)}) == 4
    assert Budget.epochs(3, 10) != Budget.steps(30)


@pytest.mark.parametrize("made", ["samples", "tokens", "seconds"])
@pytest.mark.parametrize("bad", [0, -1, -0.5, NAN, INF, -INF])
def test_a_length_is_positive_and_finite(made, bad):
    with pytest.raises(ValueError, match=rf"{made}={bad!r}: expected a finite number > 0"):
        getattr(Budget, made)(bad)


@pytest.mark.parametrize("bad", [0, -1, -0.5, NAN, INF])
def test_epochs_are_positive_and_finite(bad):
    with pytest.raises(ValueError, match=rf"epochs={bad!r}: expected a finite number > 0"):
        Budget.epochs(bad, 10)


@pytest.mark.parametrize("made", ["samples", "tokens", "seconds", "epochs"])
@pytest.mark.parametrize("bad", [True, "5", None, [5], 1j])
def test_a_length_is_a_number(made, bad):
    with pytest.raises(TypeError, match=rf"{made}=.*: expected a number, got "):
        getattr(Budget, made)(bad, *[10] * (made == "epochs"))


@pytest.mark.parametrize("bad", [0, -3])
def test_steps_are_at_least_one(bad):
    for make in (Budget.steps, Budget.of):
        with pytest.raises(ValueError, match=rf"total_steps={bad}: expected an int >= 1"):
            make(bad)
    with pytest.raises(ValueError, match=rf"steps_per_epoch={bad}: expected an int >= 1"):
        Budget.epochs(3, bad)


@pytest.mark.parametrize("bad", [True, 5.0, 5.5, "5", None, NAN])
def test_steps_are_whole(bad):
    for make in (Budget.steps, Budget.of):
        with pytest.raises(TypeError, match=r"total_steps=.*: expected an int >= 1, got "):
            make(bad)
    with pytest.raises(TypeError, match=r"steps_per_epoch=.*: expected an int >= 1, got "):
        Budget.epochs(3, bad)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("parsecs", 3), r"unit='parsecs': expected"),
        (("steps", -5), r"=-5: expected"),
        (("steps", 0), r"=0: expected"),
        (("steps", NAN), r"=nan: expected"),
        (("steps", True), r"=True: expected"),
        (("tokens", INF), r"=inf: expected"),
        (("epochs", 3), r"steps_per_epoch=None: expected"),
        (("steps", 10**400), r"total=1000.*: expected a finite number > 0"),
        (("epochs", 3, 10**400), r"total=3000.*: expected a finite number > 0"),
        (("epochs", 1e308, 1000), r"total=1000.*: expected a finite number > 0"),
        (("epochs", 3, 0), r"steps_per_epoch=0: expected"),
        (("tokens", 5, 7), r"steps_per_epoch=7: expected"),
    ],
)
def test_the_constructor_checks_as_the_named_ones_do(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Budget(*arguments)


def test_numpy_numbers_become_plain_ones():
    for budget in (
        Budget.steps(np.int64(5)),
        Budget.tokens(np.float32(5)),
        Budget.epochs(np.float64(1.5), np.int32(4)),
    ):
        assert type(budget.length) in (int, float)
        assert type(budget.steps_per_epoch) in (int, type(None))


def test_counts_are_in_the_unit_of_the_budget():
    epochs = Budget.epochs(10, 7)
    steps = np.arange(71)
    pairs = [
        (Linear().warmup(2), Linear().warmup(14)),
        (Cosine().cooldown(3), Cosine().cooldown(21)),
        (WSD(3), WSD(21)),
        (Linear().then(Cosine().warmup(1), at=4), Linear().then(Cosine().warmup(7), at=28)),
        (Step(at=(2, 0.5)), Step(at=(14, 0.5))),
        (Linear().sampled(every=1), Linear().sampled(every=7)),
        (Linear().sampled(at=(1, 9)), Linear().sampled(at=(7, 63))),
        (Linear().repeat((4, 6)), Linear().repeat((28, 42))),
        (Linear().repeat(2), Linear().repeat(2)),
        (InverseSqrt(2), InverseSqrt(14)),
        (InverseSqrt(), InverseSqrt(7)),
        (Linear() * Cosine().warmup(1), Linear() * Cosine().warmup(7)),
        (Linear().warmup(0.1).floor(0.1), Linear().warmup(0.1).floor(0.1)),
    ]
    for by_epochs, by_steps in pairs:
        assert by_epochs(steps, epochs).tolist() == by_steps(steps, 70).tolist(), str(by_epochs)
        assert by_epochs.values(epochs).tolist() == by_steps.values(70).tolist()
    with pytest.raises(ValueError, match=r"warmup length=77 does not fit|warmup length=11"):
        Linear().warmup(11)(0, epochs)
    assert Linear().warmup(2.0e-1)(0, Budget.tokens(1e9)) == pytest.approx(1 / (2e8 + 1))


@pytest.mark.parametrize(
    ("schedule", "named"),
    [
        (Linear().warmup(3), r"warmup\(length=3\)"),
        (Linear().warmup(3).floor(0.1), r"warmup\(length=3\)"),
        (Linear().cooldown(3), r"cooldown\(length=3\)"),
        (WSD(3), r"wsd\(decay=3\)"),
        (Linear().then(Cosine().warmup(2), at=0.5), r"warmup\(length=2\)"),
        (Linear().cooldown(0.1, Linear().warmup(2)), r"warmup\(length=2\)"),
        (Linear() * Step(at=(0.2, 4)), r"step\(at=4\)"),
        (Linear().repeat((3, 0.5)), r"repeat\(lengths=3\)"),
        (Linear().sampled(every=2), r"sampled\(every=2\)"),
        (InverseSqrt(), r"inverse-sqrt\(timescale=1\)"),
    ],
    ids=str,
)
def test_counts_are_refused_under_seconds(schedule, named):
    with pytest.raises(ValueError, match=rf"{named}.*budget in seconds give a fraction"):
        schedule(1, Budget.seconds(10))


def test_nothing_to_count_is_no_count():
    assert Linear().warmup(0).cooldown(0)(5, Budget.seconds(10)) == 0.5
    assert Linear().repeat(3).warmup(0.1).values(7).size == 7


@pytest.mark.parametrize("budget", [Budget.seconds(9), Budget.tokens(9), Budget.samples(9)])
def test_values_need_a_count_of_updates(budget):
    with pytest.raises(
        ValueError, match=rf"total_steps=.*{budget.unit}.*budget that counts updates"
    ):
        Linear().values(budget)
    assert Linear()([0, 4.5, 9], budget).tolist() == [1, 0.5, 0]


def test_a_part_of_an_update_is_an_update():
    assert Linear().values(Budget.epochs(0.25, 10)).tolist() == pytest.approx([1, 0.6, 0.2])
