"""The faults of torch's own schedulers (specs/schedules.md, 6.2), one test a row; ours has none.

Where it is cheap, the fault is shown in the installed torch beside it. The day that torch mends
one, that half of the test fails and is to be deleted with a word in the changelog.
"""

import copy
import math
import pickle
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import ritard.schedules as schedules
import torch
from ritard.schedules import (
    REX,
    UBA,
    WSD,
    Budget,
    Chebyshev,
    Constant,
    Cosine,
    Exponential,
    InverseSqrt,
    Linear,
    OneCycle,
    OneMinusSqrt,
    Polynomial,
    Schedule,
    ScheduleLR,
    Step,
    Tabulated,
)
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
)

EVERY: list[Schedule] = [
    REX(),
    UBA(0.5),
    WSD(),
    Chebyshev(4.0),
    Constant(0.5),
    Cosine(),
    Exponential(),
    InverseSqrt(),
    Linear(),
    OneCycle(),
    OneMinusSqrt(),
    Polynomial(),
    Step(),
    Tabulated((1.0, 0.4, 0.7, 0.0)),
    REX().warmup(3).cooldown(0.2).floor(0.1),
    Linear().reflect(0.3).sampled(every=0.1),
    Cosine().then(REX(), at=0.4) * Linear().repeat(2),
]
every_schedule = pytest.mark.parametrize("schedule", EVERY, ids=str)


def optimizer_of(*bases: float) -> Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": base} for base in bases]
    return SGD(groups or [torch.nn.Parameter(torch.ones(1))], lr=1.0)


def rates(optimizer: Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def run(optimizer: Optimizer, scheduler: Any, steps: int) -> list[float]:
    """The first group's rate at each of the next ``steps`` updates."""
    seen = []
    for _ in range(steps):
        seen.append(rates(optimizer)[0])
        optimizer.step()
        scheduler.step()
    return seen


def test_the_table_holds_every_shape() -> None:
    shapes = {
        value
        for value in vars(schedules).values()
        if isinstance(value, type) and value.__module__.startswith("ritard.schedules.shapes")
    }
    assert shapes <= {type(schedule) for schedule in EVERY}


# 1 (pytorch#162591)
def test_01_a_sequence_built_at_last_epoch_has_the_rate_of_the_uninterrupted_run() -> None:
    sequence = Constant(0.1).then(Exponential(), at=2)
    expected = run(whole := optimizer_of(1.0), ScheduleLR(whole, sequence, 10), 10)
    for n in range(-1, 9):
        optimizer = optimizer_of(1.0)
        scheduler = ScheduleLR(optimizer, sequence, 10, last_epoch=n)
        assert run(optimizer, scheduler, 9 - n) == expected[n + 1 :]

    def torchs(optimizer: Optimizer, n: int) -> SequentialLR:
        parts = [LinearLR(optimizer, 0.1, last_epoch=n), ExponentialLR(optimizer, 0.9, n)]
        return SequentialLR(optimizer, parts, [2], last_epoch=n)

    expected = run(whole := optimizer_of(1.0), torchs(whole, -1), 10)
    optimizer = optimizer_of(1.0)
    optimizer.param_groups[0]["initial_lr"] = 1.0
    torchs(optimizer, 3)
    assert not math.isclose(rates(optimizer)[0], expected[4], rel_tol=1e-3)


# 2 (pytorch#196243, #132745, #67957, #67586)
def test_02_a_sequence_nests_and_wrapping_does_not_advance() -> None:
    inner = Linear().then(Cosine(), at=3)
    outer = REX().then(inner, at=4)
    optimizer = optimizer_of(1.0)
    seen = run(optimizer, ScheduleLR(optimizer, outer, 12), 12)
    by_hand = (
        [REX()(t, 4) for t in range(4)]
        + [Linear()(t, 3) for t in range(3)]
        + [Cosine()(t, 5) for t in range(5)]
    )
    assert seen == by_hand

    optimizer = optimizer_of(1.0)
    ours = [ScheduleLR(optimizer, REX(), 4), ScheduleLR(optimizer, Linear(), 9)]
    sequence = SequentialLR(optimizer, [SequentialLR(optimizer, ours, [4])], [])
    assert ours[0].last_epoch == 0
    assert rates(optimizer) == [1.0]
    del sequence

    optimizer = optimizer_of(1.0)
    parts = [LinearLR(optimizer, 0.5), LinearLR(optimizer, 0.5)]
    nested = SequentialLR(optimizer, parts, [3])
    sequence = SequentialLR(optimizer, [LinearLR(optimizer, 0.5), nested], [2])
    with pytest.raises(RuntimeError) as raised:
        run(optimizer, sequence, 4)
    assert raised.traceback[-1].name == "get_lr"  # a SequentialLR has none of its own


# 3 (pytorch#119168)
def test_03_optimizer_loaded_first_scheduler_built_after() -> None:
    schedule = Cosine().warmup(3)
    whole = optimizer_of(1.0)
    scheduler = ScheduleLR(whole, schedule, 20)
    run(whole, scheduler, 12)
    saved, state = copy.deepcopy((whole.state_dict(), scheduler.state_dict()))
    expected = run(whole, scheduler, 8)
    for by_state in (True, False):
        optimizer = optimizer_of(1.0)
        optimizer.load_state_dict(saved)
        again = ScheduleLR(optimizer, schedule, 20, last_epoch=-1 if by_state else 11)
        if by_state:
            again.load_state_dict(state)
        assert run(optimizer, again, 8) == expected

    def torchs(optimizer: Optimizer) -> LinearLR:
        return LinearLR(optimizer, 0.5, total_iters=20)

    whole = optimizer_of(1.0)
    theirs = torchs(whole)
    run(whole, theirs, 12)
    saved, state = copy.deepcopy((whole.state_dict(), theirs.state_dict()))
    expected = run(whole, theirs, 8)
    optimizer = optimizer_of(1.0)
    optimizer.load_state_dict(saved)
    torch_again = torchs(optimizer)
    torch_again.load_state_dict(state)
    assert run(optimizer, torch_again, 8)[1] == pytest.approx(0.5 * expected[1])


# 4 (pytorch#29697)
@every_schedule
def test_04_load_state_dict_writes_the_rate_at_once(schedule: Schedule) -> None:
    optimizer = optimizer_of(1.0, 0.1)
    scheduler = ScheduleLR(optimizer, schedule, 30)
    run(optimizer, scheduler, 17)
    fresh = optimizer_of(1.0, 0.1)
    ScheduleLR(fresh, schedule, 30).load_state_dict(scheduler.state_dict())
    assert rates(fresh) == [schedule(17, 30) * base for base in (1.0, 0.1)] == rates(optimizer)


def test_04_in_torch_the_rate_stays() -> None:
    optimizer = optimizer_of(1.0)
    theirs = ExponentialLR(optimizer, 0.1)
    run(optimizer, theirs, 2)
    fresh = optimizer_of(1.0)
    ExponentialLR(fresh, 0.1).load_state_dict(theirs.state_dict())
    assert rates(fresh) == [1.0]


# 5 (pytorch#60265)
@every_schedule
@pytest.mark.filterwarnings("ignore:ScheduleLR")
def test_05_past_the_end_the_rate_stays_and_a_new_horizon_is_its_closed_form(
    schedule: Schedule,
) -> None:
    optimizer = optimizer_of(1.0)
    scheduler = ScheduleLR(optimizer, schedule, 20)
    run(optimizer, scheduler, 20)
    end = schedule(20, 20)
    assert run(optimizer, scheduler, 30) == [end] * 30
    scheduler.budget = 70  # type: ignore[assignment]  # the setter takes an int too
    assert run(optimizer, scheduler, 20) == [schedule(t, 70) for t in range(50, 70)]


def test_05_in_torch_the_cosine_climbs_again() -> None:
    optimizer = optimizer_of(1.0)
    seen = run(optimizer, CosineAnnealingLR(optimizer, 10), 16)
    assert seen[15] > 0.4 > seen[10] + 0.3


# 6 (pytorch#168044)
@every_schedule
def test_06_a_phase_of_length_zero_does_nothing(schedule: Schedule) -> None:
    expected = schedule.values(15).tolist()
    for same in (
        schedule.warmup(0),
        REX().then(schedule, at=0),
        schedule.repeat([0, 15]),
        schedule.cooldown(0),
    ):
        optimizer = optimizer_of(1.0)
        assert run(optimizer, ScheduleLR(optimizer, same, 15), 15) == expected
    if schedule._counts():
        return  # its own warmup(3) does not fit a run of nothing
    for filled in (schedule.warmup(15), schedule.cooldown(15), REX().then(schedule, at=15)):
        ScheduleLR(optimizer_of(1.0), filled, 15)  # nothing is left for the other: legal


def test_06_in_torch_polynomial_divides_by_zero() -> None:
    optimizer = optimizer_of(1.0)
    theirs = PolynomialLR(optimizer, total_iters=0)
    run(optimizer, theirs, 3)
    stuck = rates(optimizer) == [1.0]
    with pytest.raises(ZeroDivisionError):
        theirs._get_closed_form_lr()
    assert stuck


# 7 (pytorch#38170)
def test_07_onecycle_runs_past_its_end_and_leaves_a_warmup_before_it_alone() -> None:
    optimizer = optimizer_of(1.0)
    scheduler = ScheduleLR(optimizer, OneCycle(), 10)
    with pytest.warns(UserWarning, match="past total_steps=10"):
        run(optimizer, scheduler, 50)
    assert rates(optimizer) == [OneCycle()(10, 10)]

    optimizer = optimizer_of(1.0)
    parts = [LinearLR(optimizer, 0.2, total_iters=5), ScheduleLR(optimizer, OneCycle(), 10)]
    seen = run(optimizer, SequentialLR(optimizer, parts, [5]), 15)
    assert seen[:5] == pytest.approx([0.2 + 0.16 * t for t in range(5)], rel=1e-14)  # recursive
    assert seen[5:] == OneCycle().values(10).tolist()

    optimizer = optimizer_of(1.0)
    with pytest.raises(ValueError, match="Tried to step"):
        run(optimizer, OneCycleLR(optimizer, 1.0, total_steps=10, cycle_momentum=False), 50)
    optimizer = optimizer_of(1.0)
    one = partial(OneCycleLR, max_lr=1.0, total_steps=10, cycle_momentum=False)
    parts = [LinearLR(optimizer, 0.2, total_iters=5), one(optimizer)]
    assert run(optimizer, SequentialLR(optimizer, parts, [5]), 5)[0] < 0.1, "it should be 0.2"


# 8 (pytorch#79888)
@every_schedule
def test_08_a_late_group_follows_its_base(schedule: Schedule) -> None:
    optimizer = optimizer_of(1.0)
    scheduler = ScheduleLR(optimizer, schedule, 20)
    run(optimizer, scheduler, 6)
    late = {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.05}
    optimizer.add_param_group(late)
    scheduler.apply()
    for t in range(6, 20):
        assert rates(optimizer) == [schedule(t, 20), 0.05 * schedule(t, 20)]
        scheduler.step()


@pytest.mark.parametrize(
    "torchs",
    [
        partial(LambdaLR, lr_lambda=lambda t: 0.9**t),
        partial(OneCycleLR, max_lr=1.0, total_steps=20, cycle_momentum=False),
    ],
)
def test_08_in_torch_it_raises(torchs: Callable[[Optimizer], Any]) -> None:
    optimizer = optimizer_of(1.0)
    theirs = torchs(optimizer)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.05})
    optimizer.step()
    with pytest.raises((ValueError, KeyError)):
        theirs.step()


# 9 (pytorch#68978)
@every_schedule
def test_09_a_plateau_rule_composes_with_warmup_and_any_schedule(schedule: Schedule) -> None:
    schedule = schedule.warmup(0.2)
    optimizer = optimizer_of(1.0, 0.1)
    scheduler = ScheduleLR(optimizer, schedule, 40)
    best, scale = math.inf, 1.0
    for t in range(40):
        assert rates(optimizer) == [base * (scale * schedule(t, 40)) for base in (1.0, 0.1)]
        optimizer.step()
        scheduler.step()
        loss = max(5.0 - t, 1.0)  # stands still from t = 4
        if loss >= best and t % 7 == 0:
            scale *= 0.5
            scheduler.scale = scale
        best = min(best, loss)
    assert scheduler.scale == scale < 0.1


def test_09_in_torch_the_reduction_is_undone_by_a_closed_form() -> None:
    """LambdaLR writes from the base and forgets what the plateau rule took off."""
    optimizer = optimizer_of(1.0)
    theirs, plateau = LambdaLR(optimizer, lambda t: 1.0), ReduceLROnPlateau(optimizer, patience=0)
    for _ in range(3):
        optimizer.step()
        plateau.step(1.0)
        assert rates(optimizer) in ([1.0], [pytest.approx(0.1)])
        theirs.step()
        assert rates(optimizer) == [1.0]


# 10 (mmengine PR#725)
@pytest.mark.parametrize("schedule", [s for s in EVERY if float(s.values(30).max()) <= 1], ids=str)
def test_10_a_floor_is_a_ratio_and_lifts_no_group_above_its_base(schedule: Schedule) -> None:
    optimizer = optimizer_of(1.0, 0.01)
    scheduler = ScheduleLR(optimizer, schedule.floor(0.1), 30)
    for _ in range(31):
        big, small = rates(optimizer)
        assert 0.1 <= big <= 1.0
        assert 0.001 * (1 - 1e-15) <= small <= 0.01  # one rounding
        assert small == pytest.approx(0.01 * big, rel=1e-15)
        scheduler.step(min(scheduler.last_epoch + 1, 30))


def test_10_in_torch_an_absolute_floor_lifts_a_small_group() -> None:
    optimizer = optimizer_of(1.0, 0.01)
    run(optimizer, CosineAnnealingLR(optimizer, 10, eta_min=0.1), 10)
    assert rates(optimizer)[1] == pytest.approx(0.1)


# 11 (pytorch#47560)
def test_11_restarts_say_how_near_they_come_to_the_floor() -> None:
    """A phase of P updates ends at the base's P - 1, as any run does; the docstring says so."""
    doc = " ".join((type(Linear().repeat(2)).__doc__ or "").split())
    assert "the last update of a phase of P updates reads its base at P - 1" in doc
    for base in (Cosine(), Linear(), REX()):
        optimizer = optimizer_of(1.0)
        scheduler = ScheduleLR(optimizer, base.repeat(3), 30)
        assert run(optimizer, scheduler, 30) == [base(t % 10, 10) for t in range(30)]
        assert rates(optimizer) == [0.0]
    # Reached exactly where one asks for it: hold the floor for the last update of each phase.
    held = Cosine().then(Constant(0.0), at=0.9).repeat(3)
    optimizer = optimizer_of(1.0)
    seen = run(optimizer, ScheduleLR(optimizer, held, 30), 30)
    assert [t for t, rate in enumerate(seen) if rate == 0] == [9, 19, 29]

    optimizer = optimizer_of(1.0)
    theirs = run(optimizer, CosineAnnealingWarmRestarts(optimizer, 10, eta_min=0.0), 100)
    assert min(theirs) > 0.02


# 12 (pytorch#44511, #55585, #67590)
def test_12_no_false_warning_when_the_scaler_skips_the_first_update() -> None:
    def first_update_skipped(build: Callable[[Optimizer], Any]) -> None:
        p = torch.nn.Parameter(torch.ones(1))
        optimizer = SGD([p], lr=1.0)
        scheduler = build(optimizer)
        scaler = torch.amp.GradScaler("cpu")
        scaler.scale(p.sum() * math.inf).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first_update_skipped(lambda optimizer: ScheduleLR(optimizer, REX().warmup(3), 20))
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        first_update_skipped(lambda optimizer: ExponentialLR(optimizer, 0.9))


# 13 (no public issue)
@pytest.mark.parametrize(
    ("schedule", "total"),
    [
        pytest.param(schedule, total, id=f"{schedule}-{total}")
        for schedule in EVERY
        for total in (25, Budget.epochs(5, 5), Budget.tokens(25), Budget.seconds(25))
        # Int lengths have another meaning in epochs, and none in seconds.
        if isinstance(total, int) or total.unit == "tokens" or not schedule._counts()
    ],
)
def test_13_everything_pickles_and_its_state_goes_round(
    schedule: Schedule, total: int | Budget
) -> None:
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    optimizer = optimizer_of(1.0)
    scheduler = ScheduleLR(optimizer, schedule, total)
    for _ in range(7):
        if scheduler.budget.unit == "tokens":
            scheduler.advance(1)
        scheduler.step()
    optimizer2, scheduler2 = pickle.loads(pickle.dumps((optimizer, scheduler)))
    assert rates(optimizer2) == rates(optimizer)
    state = scheduler.state_dict()
    scheduler2.load_state_dict(state)
    again = scheduler2.state_dict()
    if scheduler.budget.unit == "seconds":
        assert again.pop("elapsed") >= state.pop("elapsed")
    assert again == state


def test_13_in_torch_a_lambda_does_not_pickle_and_a_partial_saves_as_empty() -> None:
    optimizer = optimizer_of(1.0)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(LambdaLR(optimizer, lambda t: 0.9**t))
    saved = LambdaLR(optimizer, partial(math.pow, 0.9)).state_dict()
    assert saved["lr_lambdas"] == [{}]
