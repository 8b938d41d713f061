"""Budgets in samples, tokens and seconds: monotone, resumable, and loud about mistaken units."""

import copy
import json
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.schedules import REX, Budget, Cosine, Linear, Schedule, ScheduleLR, _clock
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LinearLR, SequentialLR

WARM = Cosine().warmup(0.1).floor(0.05)


class FakeTime:
    """A monotonic clock that stands still unless told otherwise."""

    def __init__(self) -> None:
        self.now = 1234.5

    def monotonic(self) -> float:
        return self.now

    def new_process(self, origin: float) -> None:
        """Another machine's or boot's clock: its origin means nothing."""
        self.now = origin


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTime]:
    fake = FakeTime()
    monkeypatch.setattr(_clock, "time", SimpleNamespace(monotonic=fake.monotonic))
    yield fake


def optimizer_of(base: Any = 0.3) -> Optimizer:
    return SGD([torch.nn.Parameter(torch.ones(1))], lr=base)


def rate(optimizer: Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


# ---- steps and epochs -----------------------------------------------------------------------


@pytest.mark.parametrize("schedule", [REX(), Linear().warmup(2), Cosine().cooldown(1)])
def test_epochs_are_updates_and_int_lengths_count_epochs(schedule: Schedule) -> None:
    budget = Budget.epochs(6, steps_per_epoch=5)
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, schedule, budget)
    expected = schedule.values(budget).tolist()
    assert len(expected) == 30
    for t in range(30):
        assert scheduler.position == t
        assert rate(optimizer) == 0.3 * expected[t]
        scheduler.step()


def test_a_part_of_an_epoch_counts() -> None:
    budget = Budget.epochs(2.5, steps_per_epoch=3)
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, Linear(), budget)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in range(7):
            assert rate(optimizer) == 0.3 * Linear()(t, 7.5) > 0
            scheduler.step()


def test_an_epoch_count_stepped_per_batch_warns_once() -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, Cosine(), 3)  # meant: epochs
    with pytest.warns(UserWarning, match=r"Budget\.epochs\(n, steps_per_epoch\)") as caught:
        for _ in range(3 * 40):
            scheduler.step()
    assert len(caught) == 1


# ---- samples and tokens ---------------------------------------------------------------------


@pytest.mark.parametrize("budget", [Budget.tokens(1e6), Budget.samples(1e6)])
def test_the_rate_follows_what_was_reported(budget: Budget) -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, budget)
    rng = np.random.default_rng(0)
    done = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while done < 1.2e6:
            assert rate(optimizer) == 0.3 * WARM(done, 1e6)
            assert scheduler.position == done
            amount = int(rng.integers(1, 90_000))
            scheduler.advance(amount)
            assert rate(optimizer) == 0.3 * WARM(done, 1e6), "it waits for step()"
            done += amount
            scheduler.step()
    assert rate(optimizer) == 0.3 * WARM(1e6, 1e6)


def test_amounts_add_up_between_steps_and_may_be_tensors() -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, Budget.tokens(1000))
    for amount in (100, 50.5, np.int64(49), torch.tensor(200), np.float32(0.5), 0):
        scheduler.advance(amount)  # type: ignore[arg-type]
    scheduler.step()
    assert scheduler.position == 400
    assert scheduler.last_epoch == 1
    json.dumps(scheduler.state_dict())


def test_reports_that_together_are_no_number_are_refused() -> None:
    scheduler = ScheduleLR(optimizer_of(), REX(), Budget.tokens(10))
    scheduler.advance(1.7e308)
    with pytest.raises(ValueError, match="elapsed=inf: expected a finite number"):
        scheduler.advance(1.7e308)
    assert scheduler.elapsed == 1.7e308
    scheduler.load_state_dict(scheduler.state_dict())


@pytest.mark.parametrize("bad", [-1, -1e-9, float("nan"), float("inf")])
def test_the_clock_never_goes_back(bad: float) -> None:
    scheduler = ScheduleLR(optimizer_of(), WARM, Budget.tokens(1000))
    scheduler.advance(10)
    with pytest.raises(ValueError, match="amount="):
        scheduler.advance(bad)
    with pytest.raises(TypeError, match="amount="):
        scheduler.advance("10")  # type: ignore[arg-type]
    scheduler.step()
    assert scheduler.position == 10


@pytest.mark.parametrize("total", [10, Budget.epochs(2, 5), Budget.seconds(10)])
def test_advance_is_refused_where_the_budget_advances_by_itself(total: int | Budget) -> None:
    scheduler = ScheduleLR(optimizer_of(), Cosine(), total)
    with pytest.raises(ValueError, match="advances by itself"):
        scheduler.advance(5)


@pytest.mark.parametrize("budget", [Budget.tokens(100), Budget.samples(100)])
def test_a_forgotten_advance_warns_once(budget: Budget) -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, budget)
    with pytest.warns(UserWarning, match=rf"advance\({budget.unit}\)") as caught:
        scheduler.step()
        assert len(caught) == 1, "the first step tells"
        for _ in range(20):
            scheduler.step()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert rate(optimizer) == 0.3 * WARM(0, 100)


def test_int_lengths_count_tokens() -> None:
    schedule = REX().warmup(2000)
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, schedule, Budget.tokens(10_000))
    scheduler.advance(999)
    scheduler.step()
    assert rate(optimizer) == 0.3 * schedule(999, 10_000) == pytest.approx(0.3 * 1000 / 2001)


def test_only_a_restart_is_a_jump() -> None:
    """An update's number says nothing of tokens; 0, where SequentialLR begins a phase, does."""
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, Budget.tokens(100))
    scheduler.advance(40)
    scheduler.step()
    with pytest.raises(ValueError, match="epoch=7"):
        scheduler.step(7)
    assert (scheduler.position, scheduler.last_epoch) == (40, 1)
    scheduler.step(0)
    assert (scheduler.position, scheduler.last_epoch) == (0, 0)
    assert rate(optimizer) == 0.3 * WARM(0, 100)


def test_tokens_inside_sequential_lr_count_from_the_milestone() -> None:
    optimizer = optimizer_of()
    ours = ScheduleLR(optimizer, WARM, Budget.tokens(100))
    sequence = SequentialLR(optimizer, [LinearLR(optimizer, 0.1, total_iters=3), ours], [4])
    for t in range(14):
        if t >= 4:
            assert rate(optimizer) == 0.3 * WARM(10 * (t - 4), 100)
        ours.advance(10)
        optimizer.step()
        sequence.step()


# ---- saving, in every unit ------------------------------------------------------------------


@pytest.mark.parametrize("order", ["optimizer first", "scheduler first"])
@pytest.mark.parametrize("budget", [Budget.tokens(5000), Budget.samples(5000)])
def test_a_resumed_run_is_the_uninterrupted_one(budget: Budget, order: str) -> None:
    amounts = np.random.default_rng(1).integers(1, 400, 30).tolist()

    def run(optimizer: Optimizer, scheduler: ScheduleLR, part: list[int]) -> list[float]:
        seen = []
        for amount in part:
            seen.append(rate(optimizer))
            scheduler.advance(amount)
            scheduler.step()
        return seen

    whole = optimizer_of()
    scheduler = ScheduleLR(whole, WARM, budget)
    run(whole, scheduler, amounts[:13])
    scheduler.advance(7)  # saved between advance and step: not lost
    held, state = copy.deepcopy(whole.state_dict()), json.dumps(scheduler.state_dict())
    expected = run(whole, scheduler, amounts[13:])

    optimizer = optimizer_of()
    again = ScheduleLR(optimizer, WARM, budget)
    if order == "optimizer first":
        optimizer.load_state_dict(held)
    again.load_state_dict(json.loads(state))
    if order == "scheduler first":
        optimizer.load_state_dict(held)
    resumed = run(optimizer, again, amounts[13:])
    assert resumed[1:] == expected[1:]
    if order == "scheduler first":
        assert resumed == expected
    else:  # the rate of all that was reported, the seven of the open update with it
        assert resumed[0] == 0.3 * WARM(sum(amounts[:13]) + 7, 5000)
    assert again.position == scheduler.position == sum(amounts) + 7


@pytest.mark.parametrize("unit", ["steps", "epochs", "tokens", "samples", "seconds"])
@pytest.mark.parametrize("other", ["steps", "epochs", "tokens", "samples", "seconds"])
def test_a_position_is_read_only_in_the_unit_it_was_counted_in(unit: str, other: str) -> None:
    def budget(unit: str, n: int) -> Budget:
        return Budget.epochs(n, 4) if unit == "epochs" else getattr(Budget, unit)(n)

    saved = ScheduleLR(optimizer_of(), WARM, budget(unit, 40)).state_dict()
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, budget(other, 50))
    before = (rate(optimizer), scheduler.position, scheduler.budget)
    if unit == other or {unit, other} == {"steps", "epochs"}:
        scheduler.load_state_dict(saved)
        scheduler.budget = budget(unit, 60)
        assert scheduler.budget == budget(unit, 60)
        return
    with pytest.raises(ValueError, match=f"{unit}.*{other}"):
        scheduler.load_state_dict(saved)
    with pytest.raises(ValueError, match=f"{unit}.*{other}"):
        scheduler.budget = budget(unit, 60)
    assert (rate(optimizer), scheduler.budget) == (before[0], before[2])
    assert scheduler.position == before[1]


@given(st.lists(st.floats(0, 50), max_size=30), st.floats(1, 300), st.floats(1, 300))
@settings(max_examples=40, deadline=None)
def test_any_reports_any_cut_any_new_horizon(
    amounts: list[float], total: float, new: float
) -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, Budget.tokens(total))
    done = 0.0
    for i, amount in enumerate(amounts):
        scheduler.advance(amount)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler.step()
        done += amount
        assert scheduler.position == done
        assert rate(optimizer) == 0.3 * WARM(done, total)
        if i == len(amounts) // 2:
            state, total, optimizer = scheduler.state_dict(), new, optimizer_of()
            scheduler = ScheduleLR(optimizer, WARM, Budget.tokens(new))
            scheduler.load_state_dict(json.loads(json.dumps(state)))
            assert rate(optimizer) == 0.3 * WARM(done, new)


# ---- seconds --------------------------------------------------------------------------------


def test_seconds_advance_by_themselves(clock: FakeTime) -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, Budget.seconds(100))
    elapsed = 0.0
    for pause in (0.25, 30.0, 0.0, 60.5, 9.25, 500.0):
        clock.now += pause
        elapsed += pause
        scheduler.step()
        assert scheduler.position == pytest.approx(elapsed, abs=1e-9)  # sums of differences
        assert rate(optimizer) == 0.3 * WARM(scheduler.position, 100)
    assert rate(optimizer) == 0.3 * WARM(100, 100)


def test_seconds_never_warn_past_their_end(clock: FakeTime) -> None:
    """A last batch always ends after the time is up."""
    scheduler = ScheduleLR(optimizer_of(), WARM, Budget.seconds(100))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(400):
            clock.now += 1
            scheduler.step()


def test_the_clock_goes_on_where_it_stood_when_the_run_was_killed(clock: FakeTime) -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, Budget.seconds(100))
    clock.now += 30
    scheduler.step()
    clock.now += 10  # validation and saving count too
    state = json.dumps(scheduler.state_dict())

    clock.new_process(origin=3.0)
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, Budget.seconds(100))
    clock.now += 5  # loading the model, before the state is there
    scheduler.load_state_dict(json.loads(state))
    assert scheduler.position == 40
    assert rate(optimizer) == 0.3 * WARM(40, 100)
    clock.now += 20
    scheduler.step()
    assert scheduler.position == 60
    assert rate(optimizer) == 0.3 * WARM(60, 100)
    assert scheduler.last_epoch == 2


def test_saving_does_not_move_the_clock(clock: FakeTime) -> None:
    scheduler = ScheduleLR(optimizer_of(), WARM, Budget.seconds(100))
    clock.now += 7
    assert scheduler.state_dict()["elapsed"] == scheduler.state_dict()["elapsed"] == 7
    assert scheduler.position == 0
    scheduler.step()
    assert scheduler.position == 7


@pytest.mark.parametrize("by_pickle", [True, False])
def test_a_copied_clock_goes_on_from_where_it_stood(clock: FakeTime, by_pickle: bool) -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, Budget.seconds(100))
    clock.now += 30
    both = (optimizer, scheduler)
    if by_pickle:
        data = pickle.dumps(both)
        clock.new_process(origin=77.0)
        optimizer, scheduler = pickle.loads(data)
    else:
        optimizer, scheduler = copy.deepcopy(both)
    clock.now += 12
    scheduler.step()
    assert scheduler.position == 42
    assert rate(optimizer) == 0.3 * WARM(42, 100)
    if not by_pickle:  # and the one it was copied from has lost nothing
        both[1].step()
        assert both[1].position == 42


def test_a_new_horizon_in_seconds(clock: FakeTime) -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, Budget.seconds(100))
    clock.now += 40
    scheduler.step()
    scheduler.budget = Budget.seconds(400)
    assert rate(optimizer) == 0.3 * WARM(40, 400)


def test_a_killed_run_in_another_process() -> None:
    code = (
        "import json, sys, time, torch\n"
        "from ritard.schedules import Budget, Linear, ScheduleLR\n"
        "optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)\n"
        "scheduler = ScheduleLR(optimizer, Linear(), Budget.seconds(1000))\n"
        "time.sleep(0.2)\n"
        "if saved := sys.stdin.read(): scheduler.load_state_dict(json.loads(saved))\n"
        "time.sleep(0.3); scheduler.step()\n"
        "assert optimizer.param_groups[0]['lr'] == 1.0 * Linear()(scheduler.position, 1000)\n"
        "print(json.dumps(scheduler.state_dict()))\n"
    )

    def process(saved: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], input=saved, capture_output=True, text=True, check=True
        )
        return done.stdout

    first = process("")
    second = process(first)
    one, two = json.loads(first)["elapsed"], json.loads(second)["elapsed"]
    assert one >= 0.5
    # The 0.3 s after loading count; starting Python and the 0.2 s before loading do not. The
    # upper end allows for a busy machine.
    assert 0.3 <= two - one < 2.0
    assert json.loads(second)["last_epoch"] == 2
