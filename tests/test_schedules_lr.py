"""ScheduleLR: what it writes, when, and what survives saving, nesting, copying and late groups."""

import copy
import gc
import io
import json
import pickle
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ritard.schedules import (
    REX,
    UBA,
    WSD,
    Budget,
    Constant,
    Cosine,
    InverseSqrt,
    Linear,
    OneCycle,
    Schedule,
    ScheduleLR,
    Step,
)
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
)
from torch.optim.swa_utils import SWALR

WARM = REX().warmup(3).floor(0.05)
DEEP = (
    Cosine()
    .warmup(0.1)
    .then(Linear().then(REX().repeat(2), at=0.5), at=7)
    .then(Constant(0.1) * UBA(1), at=0.8)
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.ones(1))


def optimizer_of(*rates: Any, kind: Callable[..., Optimizer] = SGD, **settings: Any) -> Optimizer:
    return kind([{"params": [parameter()], "lr": rate} for rate in rates or (0.3,)], **settings)


def rates(optimizer: Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def go_on(optimizer: Optimizer, scheduler: Any, steps: int) -> list[list[float]]:
    """The rates at which the next ``steps`` updates run."""
    seen = []
    for _ in range(steps):
        seen.append(rates(optimizer))
        optimizer.step()
        scheduler.step()
    return seen


# ---- the closed form ------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", [REX(), WARM, DEEP, Step(), WSD(), InverseSqrt(), OneCycle()])
def test_every_update_runs_at_base_times_the_schedule(schedule: Schedule) -> None:
    optimizer = optimizer_of(0.3, 0.01)
    scheduler = ScheduleLR(optimizer, schedule, 40)
    seen = go_on(optimizer, scheduler, 40)
    assert seen == [[base * m for base in (0.3, 0.01)] for m in schedule.values(40).tolist()]
    assert scheduler.last_epoch == 40
    assert scheduler.get_last_lr() == rates(optimizer)


def test_it_is_an_lr_scheduler_and_leaves_step_alone() -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, REX(), 10)
    assert isinstance(scheduler, LRScheduler)
    assert "step" not in vars(optimizer)
    assert not hasattr(scheduler, "total_steps"), "accelerate would take it for OneCycleLR"


def test_epoch_argument_jumps_anywhere() -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in (700, 3, 0, 999, 512, 511, 1000):
            scheduler.step(t)
            assert rates(optimizer) == [0.3 * WARM(t, 1000)]
            assert scheduler.last_epoch == t
    scheduler.step(5)
    scheduler.step()
    assert scheduler.last_epoch == 6


def test_past_the_end_the_last_value_holds_and_one_warning_names_the_cure() -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, Cosine().floor(0.1), 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        go_on(optimizer, scheduler, 10)  # to the end itself: silent
    with pytest.warns(UserWarning, match=r"Budget\.epochs") as caught:
        go_on(optimizer, scheduler, 2000)
    assert len(caught) == 1
    assert caught[0].filename == __file__, "it must point at the caller"
    assert rates(optimizer) == [0.3 * Cosine().floor(0.1)(10, 10)] == [pytest.approx(0.03)]
    scheduler.step(10**9)
    assert rates(optimizer) == [pytest.approx(0.03)]


# ---- several groups -------------------------------------------------------------------------


def test_list_gives_each_group_its_schedule() -> None:
    optimizer = optimizer_of(0.3, 0.01)
    scheduler = ScheduleLR(optimizer, [REX(), WARM], 20)
    expected = zip(REX().values(20).tolist(), WARM.values(20).tolist(), strict=True)
    assert go_on(optimizer, scheduler, 20) == [[0.3 * a, 0.01 * b] for a, b in expected]


def test_base_lrs_is_read_and_set_as_a_list() -> None:
    optimizer = optimizer_of(0.3, 0.01)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    go_on(optimizer, scheduler, 8)
    assert scheduler.base_lrs == [0.3, 0.01]
    scheduler.base_lrs = [1.0, 2.0]
    assert scheduler.base_lrs == [1.0, 2.0]
    m = WARM(8, 20)
    assert rates(optimizer) == scheduler.get_last_lr() == [1.0 * m, 2.0 * m]
    for bad in ([1.0], [1.0, float("nan")], [1.0, 2.0, 3.0]):
        with pytest.raises(ValueError, match="base_lrs"):
            scheduler.base_lrs = bad
    assert scheduler.base_lrs == [1.0, 2.0]


def test_get_last_lr_gives_a_list_of_its_own() -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, REX(), 20)
    scheduler.get_last_lr()[0] = 99.0
    assert scheduler.get_last_lr() == scheduler.get_lr() == [0.3]


@pytest.mark.parametrize("at", [0, 1, 7])
def test_late_group_follows_its_base(at: int) -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    go_on(optimizer, scheduler, at)
    optimizer.add_param_group({"params": [parameter()], "lr": 0.02})
    optimizer.add_param_group({"params": [parameter()]})
    scheduler.apply()
    expected = [[0.3 * m, 0.02 * m, SGD_DEFAULT * m] for m in WARM.values(20).tolist()[at:]]
    assert go_on(optimizer, scheduler, 20 - at) == expected
    assert scheduler.base_lrs == [0.3, 0.02, SGD_DEFAULT]


SGD_DEFAULT = SGD([parameter()]).defaults["lr"]


def test_late_group_without_apply_is_right_from_the_next_step() -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    optimizer.add_param_group({"params": [parameter()], "lr": 0.02})
    scheduler.step()
    assert rates(optimizer) == [base * WARM(1, 20) for base in (0.3, 0.02)]


def test_late_group_under_a_list_is_refused_with_the_way_out() -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, [REX()], 20)
    optimizer.add_param_group({"params": [parameter()], "lr": 0.02})
    with pytest.raises(ValueError, match="1 schedules for 2 parameter groups"):
        scheduler.step()


def test_a_step_that_is_refused_has_written_nothing() -> None:
    optimizer = SGD([parameter()], lr=0.3, weight_decay=0.1)
    scheduler = ScheduleLR(optimizer, {"lr": REX(), "weight_decay": [Linear()]}, 20)
    go_on(optimizer, scheduler, 3)
    optimizer.add_param_group({"params": [parameter()], "lr": 0.02})
    before = copy.deepcopy(optimizer.state_dict())
    for refused in (scheduler.step, scheduler.apply):
        with pytest.raises(ValueError, match="1 schedules for 2 parameter groups"):
            refused()
        assert rates(optimizer) == [g["lr"] for g in before["param_groups"]]
        assert scheduler.get_last_lr() == [0.3 * REX()(3, 20)]
        assert scheduler.last_epoch == 3


def setters(scheduler: Any) -> list[Callable[[], Any]]:
    """What sets something of a scheduler and applies it."""
    there = {"position": 7, "scale": 0.5, "budget": 30, "base_lrs": [1.0, 1.0]}
    if not scheduler.budget.counts_updates:
        there |= {"position": 7.5, "budget": Budget.tokens(300)}
    return [
        lambda name=name, value=value: setattr(scheduler, name, value)
        for name, value in there.items()
    ] + [lambda: scheduler.step(0)]


@pytest.mark.parametrize("budget", [Budget.steps(20), Budget.tokens(200)])
def test_what_is_set_and_refused_has_changed_nothing(budget: Budget) -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, [REX()], budget)
    if not budget.counts_updates:
        scheduler.advance(30)
    scheduler.step()
    optimizer.add_param_group({"params": [parameter()], "lr": 0.02})
    before, horizon = scheduler.state_dict(), scheduler.budget
    for refused in setters(scheduler):
        with pytest.raises(ValueError, match="1 schedules for 2 parameter groups"):
            refused()
        assert scheduler.state_dict() == before
        assert scheduler.budget is horizon
    with pytest.raises(ValueError, match="1 schedules for 2 parameter groups"):
        scheduler.load_state_dict(before | {"last_epoch": 7, "scale": 0.5})
    assert scheduler.state_dict() == before
    del optimizer.param_groups[1]
    scheduler.apply()
    assert rates(optimizer) == [0.3 * REX()(scheduler.position, budget)]
    for allowed in setters(scheduler)[:3]:
        allowed()
    assert rates(optimizer) == [0.3 * (0.5 * REX()(scheduler.position, scheduler.budget))]


@pytest.mark.parametrize("bad", [False, True, 0.0, 1.5, "3", [1]])
@pytest.mark.parametrize("budget", [Budget.steps(20), Budget.tokens(200)])
def test_a_jump_to_what_is_no_update_changes_nothing(budget: Budget, bad: Any) -> None:
    scheduler = ScheduleLR(optimizer_of(0.3), REX(), budget)
    if not budget.counts_updates:
        scheduler.advance(30)
    scheduler.step()
    before = scheduler.state_dict()
    with pytest.raises(TypeError, match=r"epoch=.*: expected an int >= 0"):
        scheduler.step(bad)
    assert scheduler.state_dict() == before


def test_an_update_beyond_64_bits_is_refused_by_its_name() -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, REX(), 20)
    calls: dict[str, Callable[[], Any]] = {
        "epoch": lambda: scheduler.step(2**63),
        "position": lambda: setattr(scheduler, "position", 2**63),
        "last_epoch": lambda: ScheduleLR(optimizer, REX(), 20, last_epoch=2**63),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=rf"{name}=9223372036854775808: expected an int from"):
            call()
    assert scheduler.last_epoch == 0


def test_late_groups_that_share_the_default_tensor_get_their_own() -> None:
    optimizer = SGD([parameter()], lr=torch.tensor(0.5))
    scheduler = ScheduleLR(optimizer, WARM, 20)
    go_on(optimizer, scheduler, 9)
    for _ in range(2):
        optimizer.add_param_group({"params": [parameter()]})
    scheduler.apply()
    assert scheduler.base_lrs == [0.5] * 3
    assert len({id(group["lr"]) for group in optimizer.param_groups}) == 3
    assert rates(optimizer) == [float(torch.tensor(0.5 * WARM(9, 20)))] * 3


def test_late_group_with_the_default_tensor_after_a_resume() -> None:
    """The default tensor is no group's own after optimizer.load_state_dict, which copies."""
    saved = optimizer_of(torch.tensor(0.5))
    before = ScheduleLR(saved, WARM, 20)
    go_on(saved, before, 9)
    optimizer = SGD([parameter()], lr=torch.tensor(0.5))
    scheduler = ScheduleLR(optimizer, WARM, 20)
    optimizer.load_state_dict(saved.state_dict())
    scheduler.load_state_dict(before.state_dict())
    optimizer.add_param_group({"params": [parameter()]})
    scheduler.apply()
    assert scheduler.base_lrs == [0.5, 0.5]


def test_groups_that_share_a_tensor_from_the_start_are_told_apart() -> None:
    shared = torch.tensor(0.5)
    optimizer = SGD([{"params": [parameter()]}, {"params": [parameter()]}], lr=shared)
    ScheduleLR(optimizer, [Constant(), Constant(0.5)], 20)
    assert optimizer.param_groups[0]["lr"] is shared
    assert rates(optimizer) == [0.5, 0.25]


def test_frozen_and_thawed_parameters() -> None:
    """A frozen parameter stands still, its group's rate goes on; thawed, it takes the rate up."""
    still, moving = parameter(), parameter()
    optimizer = SGD([{"params": [still], "lr": 0.3}, {"params": [moving], "lr": 0.01}])
    scheduler = ScheduleLR(optimizer, WARM, 20)
    still.requires_grad_(False)
    for t in range(20):
        if t == 12:
            still.requires_grad_(True)
        optimizer.zero_grad()
        (still * moving).sum().backward()
        assert rates(optimizer) == [0.3 * WARM(t, 20), 0.01 * WARM(t, 20)]
        optimizer.step()
        scheduler.step()
        assert (still.item() == 1.0) == (t < 12)


def test_a_removed_group_is_no_longer_driven() -> None:
    optimizer = optimizer_of(0.3, 0.01)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    del optimizer.param_groups[0]
    scheduler.step()
    assert scheduler.get_last_lr() == [0.01 * WARM(1, 20)]


# ---- scale ----------------------------------------------------------------------------------


def test_scale_multiplies_every_rate_is_saved_and_checked() -> None:
    optimizer = optimizer_of(0.3, 0.01)
    scheduler = ScheduleLR(optimizer, {"lr": WARM, "momentum": Constant()}, 20)
    go_on(optimizer, scheduler, 6)
    scheduler.scale = 0.25
    assert rates(optimizer) == [base * (0.25 * WARM(6, 20)) for base in (0.3, 0.01)]
    assert optimizer.param_groups[0]["momentum"] == 0.0
    state = scheduler.state_dict()  # before another scheduler takes the optimizer over
    again = ScheduleLR(optimizer, {"lr": WARM, "momentum": Constant()}, 20)
    again.load_state_dict(state)
    assert again.scale == 0.25
    assert rates(optimizer) == [base * (0.25 * WARM(6, 20)) for base in (0.3, 0.01)]
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="scale="):
            scheduler.scale = bad
    assert scheduler.scale == 0.25


# ---- refusals at construction ---------------------------------------------------------------

BAD: list[tuple[type[Exception], str, Callable[[Optimizer], Any]]] = [
    (TypeError, "optimizer=", lambda o: ScheduleLR("adam", REX(), 10)),  # type: ignore[arg-type]
    (TypeError, r"Schedule\.parse", lambda o: ScheduleLR(o, "rex", 10)),  # type: ignore[arg-type]
    (TypeError, "schedule", lambda o: ScheduleLR(o, None, 10)),  # type: ignore[arg-type]
    (TypeError, "schedule", lambda o: ScheduleLR(o, [REX(), 3.0], 10)),  # type: ignore[list-item]
    (TypeError, "schedule", lambda o: ScheduleLR(o, {"lr": None}, 10)),  # type: ignore[dict-item]
    (ValueError, "schedule", lambda o: ScheduleLR(o, {}, 10)),
    (ValueError, "0 schedules for 2", lambda o: ScheduleLR(o, [], 10)),
    (ValueError, "3 schedules for 2", lambda o: ScheduleLR(o, [REX()] * 3, 10)),
    (ValueError, "1 schedules for 2", lambda o: ScheduleLR(o, {"momentum": [REX()]}, 9)),
    (ValueError, "no such entry", lambda o: ScheduleLR(o, {"lr": REX(), "betas[0]": REX()}, 10)),
    (ValueError, "nesterov", lambda o: ScheduleLR(o, {"lr": REX(), "nesterov": REX()}, 10)),
    (ValueError, "entry", lambda o: ScheduleLR(o, {"lr": REX(), "no name": REX()}, 10)),
    (ValueError, "total_steps", lambda o: ScheduleLR(o, REX(), 0)),
    (ValueError, "total_steps", lambda o: ScheduleLR(o, REX(), -5)),
    (TypeError, "total_steps", lambda o: ScheduleLR(o, REX(), 10.5)),  # type: ignore[arg-type]
    (TypeError, "total_steps", lambda o: ScheduleLR(o, REX(), True)),
    (TypeError, "total_steps", lambda o: ScheduleLR(o, REX(), None)),  # type: ignore[arg-type]
    (ValueError, "last_epoch", lambda o: ScheduleLR(o, REX(), 10, last_epoch=-2)),
    (TypeError, "last_epoch", lambda o: ScheduleLR(o, REX(), 10, last_epoch=2.5)),  # type: ignore[arg-type]
    (TypeError, "last_epoch", lambda o: ScheduleLR(o, REX(), 10, last_epoch="3")),  # type: ignore[arg-type]
    (ValueError, "last_epoch", lambda o: ScheduleLR(o, REX(), Budget.tokens(10), last_epoch=3)),
    (ValueError, "does not fit", lambda o: ScheduleLR(o, REX().warmup(11), 10)),
    (ValueError, "does not fit", lambda o: ScheduleLR(o, [REX(), REX().warmup(11)], 10)),
    (ValueError, "does not fit", lambda o: ScheduleLR(o, {"momentum": REX().cooldown(11)}, 10)),
    (ValueError, "fraction", lambda o: ScheduleLR(o, REX().warmup(3), Budget.seconds(10))),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message", "build"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_a_refused_constructor_changes_nothing(
    error: type[Exception], message: str, build: Callable[[Optimizer], Any]
) -> None:
    optimizer = optimizer_of(0.3, 0.01)
    before = [dict(group) for group in optimizer.param_groups]
    with pytest.raises(error, match=message):
        build(optimizer)
    assert optimizer.param_groups == before
    assert "step" not in vars(optimizer)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), torch.tensor(float("nan"))])
def test_a_rate_that_is_not_finite_is_refused(bad: Any) -> None:
    optimizer = optimizer_of(0.3, 0.01)
    optimizer.param_groups[1]["lr"] = bad
    with pytest.raises(ValueError, match=r"parameter group 1: lr=.*finite"):
        ScheduleLR(optimizer, REX(), 10)
    assert "initial_lr" not in optimizer.param_groups[0]
    assert optimizer.param_groups[0]["lr"] == 0.3


def test_a_rate_that_a_schedule_cannot_be_written_to_is_refused() -> None:
    optimizer = optimizer_of(torch.tensor(1))
    with pytest.raises(ValueError, match=r"group 0: lr=tensor\(1\); expected a tensor of floats"):
        ScheduleLR(optimizer, REX(), 10)
    assert "initial_lr" not in optimizer.param_groups[0]


def test_a_rate_that_requires_a_gradient_is_filled_too() -> None:
    held = torch.tensor(0.3, requires_grad=True, dtype=torch.float64)
    optimizer = optimizer_of(held)
    scheduler = ScheduleLR(optimizer, REX(), 10)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is held
    assert held.item() == 0.3 * REX()(1, 10)


class Spiked(Constant, listed=False):
    """Wrong in the middle of the run, fine at both of its ends."""

    def _at(self, t: Any, T: float) -> Any:
        return np.where(abs(t - T / 2) < 3, self.value - 2.0, 1.0)


def test_a_shape_of_ones_own_that_is_negative_on_the_way_is_refused_at_once() -> None:
    optimizer = optimizer_of(0.3)
    with pytest.raises(ValueError, match=r"multiplier -1\.0 at position 4\d.* of 100"):
        ScheduleLR(optimizer, Spiked(), 100)
    assert rates(optimizer) == [0.3]
    assert "initial_lr" not in optimizer.param_groups[0]


def test_an_optimizer_without_groups_is_refused() -> None:
    optimizer = optimizer_of()
    optimizer.param_groups.clear()
    with pytest.raises(ValueError, match="no parameter groups"):
        ScheduleLR(optimizer, REX(), 10)


@pytest.mark.parametrize("rate", [np.float64(0.3), np.float32(0.3), 1])
def test_any_number_is_a_rate_and_the_state_stays_plain(rate: Any) -> None:
    optimizer = optimizer_of(rate)
    scheduler = ScheduleLR(optimizer, REX(), 10)
    scheduler.step()
    assert rates(optimizer) == [float(rate) * REX()(1, 10)]
    assert all(type(base) in (int, float) for base in scheduler.state_dict()["bases"]["lr"])
    assert all(type(last) in (int, float) for last in scheduler.get_last_lr())


def test_whole_numbers_of_numpy_and_torch_are_positions() -> None:
    for position in (np.int64(4), torch.tensor(4)):
        scheduler = ScheduleLR(optimizer_of(), REX(), 10, last_epoch=position)  # type: ignore[arg-type]
        assert type(scheduler.state_dict()["last_epoch"]) is int
        scheduler.step(position)  # type: ignore[arg-type]
        assert type(scheduler.state_dict()["last_epoch"]) is int


# ---- resuming -------------------------------------------------------------------------------


def small_net() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))


def momentum_sgd(net: torch.nn.Module) -> Optimizer:
    return SGD(net.parameters(), lr=0.1, momentum=0.9)


def tensor_adam(net: torch.nn.Module) -> Optimizer:
    first, last = net[0], net[2]  # type: ignore[index]
    return Adam([{"params": first.parameters()}, {"params": last.parameters(), "lr": 0.002}],
                lr=torch.tensor(0.01))  # fmt: skip


def two_group_adamw(net: torch.nn.Module) -> Optimizer:
    first, last = net[0], net[2]  # type: ignore[index]
    return AdamW([{"params": first.parameters()}, {"params": last.parameters(), "lr": 0.3}])


def train(net: torch.nn.Module, optimizer: Optimizer, scheduler: Any, span: range) -> list[Any]:
    seen = []
    for t in span:
        torch.manual_seed(t)
        x = torch.randn(8, 3)
        optimizer.zero_grad()
        (net(x) - x.sum(1, keepdim=True)).square().mean().backward()
        seen.append(rates(optimizer))
        optimizer.step()
        scheduler.step()
    return seen


def through_torch(value: Any) -> Any:
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


Resume = Callable[[Optimizer, dict[str, Any], dict[str, Any]], ScheduleLR]
T, CUT = 25, 11


def _optimizer_first(optimizer: Optimizer, held: dict[str, Any], state: dict[str, Any]) -> Any:
    scheduler = ScheduleLR(optimizer, DEEP, T)
    optimizer.load_state_dict(held)
    scheduler.load_state_dict(state)
    return scheduler


def _scheduler_first(optimizer: Optimizer, held: dict[str, Any], state: dict[str, Any]) -> Any:
    scheduler = ScheduleLR(optimizer, DEEP, T)
    scheduler.load_state_dict(state)
    optimizer.load_state_dict(held)
    return scheduler


def _built_last(optimizer: Optimizer, held: dict[str, Any], state: dict[str, Any]) -> Any:
    optimizer.load_state_dict(held)
    scheduler = ScheduleLR(optimizer, DEEP, T)
    scheduler.load_state_dict(state)
    return scheduler


def _by_last_epoch(optimizer: Optimizer, held: dict[str, Any], state: dict[str, Any]) -> Any:
    optimizer.load_state_dict(held)
    return ScheduleLR(optimizer, DEEP, T, last_epoch=state["last_epoch"] - 1)


def _last_epoch_first(optimizer: Optimizer, held: dict[str, Any], state: dict[str, Any]) -> Any:
    scheduler = ScheduleLR(optimizer, DEEP, T, last_epoch=CUT - 1)
    optimizer.load_state_dict(held)
    return scheduler


@pytest.mark.parametrize("carry", [through_torch, through_json, copy.deepcopy])
@pytest.mark.parametrize("build", [momentum_sgd, tensor_adam, two_group_adamw])
@pytest.mark.parametrize(
    "resume",
    [_optimizer_first, _scheduler_first, _built_last, _by_last_epoch, _last_epoch_first],
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    resume: Resume, build: Callable[[torch.nn.Module], Optimizer], carry: Callable[[Any], Any]
) -> None:
    net = small_net()
    optimizer = build(net)
    scheduler = ScheduleLR(optimizer, DEEP, T)
    train(net, optimizer, scheduler, range(CUT))
    weights, held = through_torch([net.state_dict(), optimizer.state_dict()])
    state = carry(scheduler.state_dict())
    expected = train(net, optimizer, scheduler, range(CUT, T))

    other = small_net()
    other.load_state_dict(weights)
    optimizer = build(other)
    scheduler = resume(optimizer, held, state)
    assert train(other, optimizer, scheduler, range(CUT, T)) == expected
    for mine, theirs in zip(other.parameters(), net.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_state_is_plain_and_complete() -> None:
    optimizer = optimizer_of(torch.tensor(0.3), 0.01)
    scheduler = ScheduleLR(optimizer, {"lr": [REX(), DEEP], "momentum": OneCycle.momentum()}, 20)
    go_on(optimizer, scheduler, 3)
    state = scheduler.state_dict()
    assert through_torch(state) == through_json(state) == state
    scheduler.load_state_dict(through_json(state))


def test_a_state_of_other_kinds_of_numbers_leaves_the_rates_plain() -> None:
    """Whoever saved it may have made tensors of the numbers."""
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, REX(), Budget.tokens(100))
    state = scheduler.state_dict()
    state |= {"scale": torch.tensor(0.5, dtype=torch.float64), "elapsed": np.float64(30)}
    state["bases"] = {"lr": [np.float64(0.3)]}
    scheduler.load_state_dict(state)
    assert rates(optimizer) == [0.3 * (0.5 * REX()(30, 100))]
    assert type(optimizer.param_groups[0]["lr"]) is float
    json.dumps(scheduler.state_dict())


def test_state_dict_does_not_alias_the_scheduler() -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, REX(), 20)
    state = scheduler.state_dict()
    kept = copy.deepcopy(state)
    go_on(optimizer, scheduler, 3)
    assert state == kept


@pytest.mark.parametrize("by_constructor", [True, False])
@pytest.mark.parametrize("new", [13, 40, 400, Budget.epochs(4, 10)])
def test_another_horizon_gives_the_closed_form_of_the_new_one(
    new: int | Budget, by_constructor: bool
) -> None:
    optimizer = optimizer_of(0.3, 0.01)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    go_on(optimizer, scheduler, 12)
    if by_constructor:
        state, scheduler = scheduler.state_dict(), ScheduleLR(optimizer, WARM, new)
        scheduler.load_state_dict(state)
    else:
        scheduler.budget = new  # type: ignore[assignment]
    assert scheduler.budget == Budget.of(new)
    for t in range(12, 13 if new == 13 else 40):
        # Under epochs the int in warmup(3) counts epochs, here as everywhere.
        assert rates(optimizer) == [base * WARM(t, Budget.of(new)) for base in (0.3, 0.01)]
        scheduler.step()


@pytest.mark.parametrize("optimizer_last", [True, False])
def test_another_horizon_on_resume_in_both_orders(optimizer_last: bool) -> None:
    optimizer = optimizer_of(0.3, torch.tensor(0.01, dtype=torch.float64))
    scheduler = ScheduleLR(optimizer, WARM, 20)
    go_on(optimizer, scheduler, 12)
    held, state = through_torch(optimizer.state_dict()), through_json(scheduler.state_dict())
    optimizer = optimizer_of(0.3, torch.tensor(0.01, dtype=torch.float64))
    scheduler = ScheduleLR(optimizer, WARM, 40)
    if optimizer_last:
        scheduler.load_state_dict(state)
        optimizer.load_state_dict(held)
        assert rates(optimizer) == [base * WARM(12, 20) for base in (0.3, 0.01)]
        scheduler.apply()
    else:
        optimizer.load_state_dict(held)
        scheduler.load_state_dict(state)
    for t in range(12, 40):
        assert rates(optimizer) == [base * WARM(t, 40) for base in (0.3, 0.01)]
        scheduler.step()


def test_swalr_takes_over_and_a_resume_leaves_it_the_rate() -> None:
    def run(cut: int | None) -> list[float]:
        def built() -> tuple[Optimizer, ScheduleLR, SWALR | None]:
            optimizer = optimizer_of(0.3)
            return optimizer, ScheduleLR(optimizer, WARM, 20), None

        optimizer, ours, late = built()
        seen = list[float]()
        for t in range(20):
            if t == cut:
                held, mine = through_torch([optimizer.state_dict(), ours.state_dict()])
                rest = late.state_dict() if late else None
                optimizer, ours, late = built()
                late = SWALR(optimizer, swa_lr=0.05, anneal_epochs=4) if rest else None
                optimizer.load_state_dict(held)
                ours.load_state_dict(mine)
                if late and rest:
                    late.load_state_dict(rest)
            elif t == 9:
                late = SWALR(optimizer, swa_lr=0.05, anneal_epochs=4)
            seen += rates(optimizer)
            optimizer.step()
            (late or ours).step()
        return seen

    whole = run(None)
    assert whole[:9] == [0.3 * WARM(t, 20) for t in range(9)]
    assert whole[-1] == pytest.approx(0.05)
    for cut in {*range(1, 20)} - {9}:
        assert run(cut) == whole, cut


def test_a_horizon_that_does_not_fit_is_refused_and_nothing_changes() -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    go_on(optimizer, scheduler, 12)
    before, state = copy.deepcopy(optimizer.state_dict()), scheduler.state_dict()
    for bad in (2, 0, Budget.tokens(100), Budget.samples(100), Budget.seconds(100)):
        with pytest.raises(ValueError):
            scheduler.budget = bad  # type: ignore[assignment]
    with pytest.raises(TypeError):
        scheduler.budget = "20"  # type: ignore[assignment]
    assert optimizer.state_dict() == before
    assert scheduler.state_dict() == state


def _torch_state() -> dict[str, Any]:
    return CosineAnnealingLR(optimizer_of(), 20).state_dict()


def _state_of(schedule: Any, total: Any, *base: float) -> dict[str, Any]:
    return ScheduleLR(optimizer_of(*base), schedule, total).state_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (_state_of(REX(), 20), "schedule"),
        (_state_of([WARM], 20), "schedule"),
        (_state_of({"momentum": WARM}, 20), "schedule"),
        (_state_of(WARM, 20, 0.3, 0.01), "parameter groups"),
        (_state_of(WARM, Budget.tokens(20)), "tokens"),
        (_torch_state(), "of another than ScheduleLR"),
        ({}, "of another than ScheduleLR"),
        (_state_of(WARM, 20) | {"last_epoch": "7"}, "last_epoch"),
        (_state_of(WARM, 20) | {"scale": float("nan")}, "scale"),
        (_state_of(WARM, 20) | {"bases": {"lr": [float("inf")]}}, "bases|initial_lr"),
    ],
)
def test_a_foreign_or_broken_state_is_refused_and_nothing_changes(
    state: dict[str, Any], message: str
) -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    go_on(optimizer, scheduler, 5)
    held, mine = copy.deepcopy(optimizer.state_dict()), scheduler.state_dict()
    with pytest.raises((ValueError, TypeError), match=message):
        scheduler.load_state_dict(state)
    assert optimizer.state_dict() == held
    assert scheduler.state_dict() == mine


def test_a_late_group_added_before_saving_needs_adding_before_loading() -> None:
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    go_on(optimizer, scheduler, 5)
    optimizer.add_param_group({"params": [parameter()], "lr": 0.02})
    state = scheduler.state_dict()  # no apply() in between
    fresh = optimizer_of(0.3)
    again = ScheduleLR(fresh, WARM, 20)
    with pytest.raises(ValueError, match="it needs those it was saved with"):
        again.load_state_dict(state)
    fresh.add_param_group({"params": [parameter()], "lr": 0.02})
    again.load_state_dict(state)
    assert rates(fresh) == [base * WARM(5, 20) for base in (0.3, 0.02)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_load_writes_a_tensor_rate_of_any_precision(dtype: torch.dtype) -> None:
    optimizer = optimizer_of(torch.tensor(0.3, dtype=dtype))
    scheduler = ScheduleLR(optimizer, WARM, 20)
    go_on(optimizer, scheduler, 9)
    fresh = optimizer_of(torch.tensor(0.3, dtype=dtype))
    ScheduleLR(fresh, WARM, 20).load_state_dict(scheduler.state_dict())
    assert rates(fresh) == rates(optimizer)


# ---- torch's SequentialLR and ChainedScheduler ----------------------------------------------


def _ours_first(optimizer: Optimizer) -> SequentialLR:
    parts = [ScheduleLR(optimizer, WARM, 6), ExponentialLR(optimizer, 0.9)]
    return SequentialLR(optimizer, parts, [6])


def _ours_last(optimizer: Optimizer) -> SequentialLR:
    parts = [LinearLR(optimizer, 0.1, total_iters=5), ScheduleLR(optimizer, REX(), 12)]
    return SequentialLR(optimizer, parts, [5])


def _ours_amid(optimizer: Optimizer) -> SequentialLR:
    parts = [LinearLR(optimizer, 0.1, total_iters=3), ScheduleLR(optimizer, WARM, 5),
             CosineAnnealingLR(optimizer, 8)]  # fmt: skip
    return SequentialLR(optimizer, parts, [4, 9])


def _ours_after_the_same_value(optimizer: Optimizer) -> SequentialLR:
    """Torch's warm-up ends near the rate that ours wrote at construction, but not exactly."""
    parts = [LinearLR(optimizer, 1 / 3, total_iters=5), ScheduleLR(optimizer, Cosine(), 9)]
    return SequentialLR(optimizer, parts, [8])


def _ours_twice(optimizer: Optimizer) -> SequentialLR:
    parts = [ScheduleLR(optimizer, WARM, 6), ScheduleLR(optimizer, DEEP, 11)]
    return SequentialLR(optimizer, parts, [6])


def _nested_three_deep(optimizer: Optimizer) -> SequentialLR:
    inner = _ours_twice(optimizer)
    middle = SequentialLR(optimizer, [inner, ScheduleLR(optimizer, REX(), 6)], [9])
    return SequentialLR(optimizer, [middle, ScheduleLR(optimizer, Linear(), 5)], [13])


@pytest.mark.parametrize(
    ("build", "pieces"),
    [
        (_ours_first, {0: (WARM, 6)}),
        (_ours_last, {5: (REX(), 12)}),
        (_ours_amid, {4: (WARM, 5)}),
        (_ours_twice, {0: (WARM, 6), 6: (DEEP, 11)}),
        # torch advances the milestones of a nested SequentialLR by one for each level that wraps
        # it (pytorch#132745): 6 - 2 and 9 - 1. What ours writes from there on is still exact.
        (_nested_three_deep, {0: (WARM, 6), 4: (DEEP, 11), 8: (REX(), 6), 13: (Linear(), 5)}),
    ],
)
def test_inside_sequential_lr_ours_follows_its_closed_form(
    build: Callable[[Optimizer], SequentialLR], pieces: dict[int, tuple[Schedule, int]]
) -> None:
    optimizer = optimizer_of(0.3, 0.01)
    sequence = build(optimizer)
    switches = {*pieces, *(sequence._milestones if build is not _nested_three_deep else ())}
    seen = go_on(optimizer, sequence, 16)
    for start, (schedule, total) in pieces.items():
        end = min([m for m in switches if m > start], default=16)
        for t in range(start, end):
            assert seen[t] == [b * schedule(t - start, total) for b in (0.3, 0.01)], t


@pytest.mark.parametrize("scheduler_first", [True, False])
@pytest.mark.parametrize(
    "build",
    [_ours_first, _ours_last, _ours_amid, _ours_after_the_same_value, _ours_twice,
     _nested_three_deep],
)  # fmt: skip
def test_sequential_lr_resumes_with_ours_waiting_active_or_done(
    build: Callable[[Optimizer], SequentialLR], scheduler_first: bool
) -> None:
    whole = optimizer_of(0.3, 0.01)
    expected = go_on(whole, build(whole), 17)
    for cut in range(16):
        optimizer = optimizer_of(0.3, 0.01)
        sequence = build(optimizer)
        go_on(optimizer, sequence, cut)
        held, state = through_torch([optimizer.state_dict(), sequence.state_dict()])
        optimizer = optimizer_of(0.3, 0.01)
        sequence = build(optimizer)
        if scheduler_first:
            sequence.load_state_dict(state)
            optimizer.load_state_dict(held)
        else:
            optimizer.load_state_dict(held)
            sequence.load_state_dict(state)
        assert go_on(optimizer, sequence, 17 - cut) == expected[cut:], cut


def test_our_own_sequence_is_what_sequential_lr_cannot_nest() -> None:
    inner = Linear().then(Cosine(), at=4)
    nested = Constant(0.5).then(inner.then(REX(), at=9), at=3)

    def by_hand(t: int) -> float:
        if t < 3:
            return 0.5
        if t < 7:
            return Linear()(t - 3, 4)
        return Cosine()(t - 7, 5) if t < 12 else REX()(t - 12, 8)

    optimizer = optimizer_of(0.3)
    seen = go_on(optimizer, ScheduleLR(optimizer, nested, 20), 20)
    assert seen == [[0.3 * by_hand(t)] for t in range(20)]


def test_products_nest_where_chained_scheduler_cannot() -> None:
    product = (WARM * Cosine()) * (REX() * 0.5)
    optimizer = optimizer_of(0.3)
    seen = go_on(optimizer, ScheduleLR(optimizer, product, 20), 20)
    for t, [rate] in enumerate(seen):
        by_hand = 0.3 * WARM(t, 20) * Cosine()(t, 20) * REX()(t, 20) * 0.5
        assert rate == pytest.approx(by_hand, rel=1e-14, abs=0)  # order of the roundings


def test_inside_chained_scheduler_ours_writes_the_rate_that_later_factors_see() -> None:
    """A recursive factor after ours is lost at our next step; the class's docstring says so."""
    optimizer = optimizer_of(0.3)
    ours = ScheduleLR(optimizer, REX(), 20)
    chain = ChainedScheduler([ConstantLR(optimizer, 0.5, total_iters=30), ours], optimizer)
    go_on(optimizer, chain, 5)
    assert rates(optimizer) == [0.3 * REX()(5, 20)]
    assert "ChainedScheduler" in (ScheduleLR.__doc__ or "")


def test_beside_reduce_lr_on_plateau() -> None:
    """Torch's plateau rule writes the rate itself: ours takes it back at its next step."""
    optimizer = optimizer_of(0.3)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    plateau = ReduceLROnPlateau(optimizer, factor=0.1, patience=0)
    for t in range(6):
        assert rates(optimizer) == [0.3 * WARM(t, 20)]
        scheduler.step()
    plateau.step(1.0)
    plateau.step(2.0)
    assert rates(optimizer) == [pytest.approx(0.1 * 0.3 * WARM(6, 20), rel=1e-15)]
    scheduler.step()
    assert rates(optimizer) == [0.3 * WARM(7, 20)]


# ---- tensors, compilation, kinds of optimizer -----------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tensor_rate_stays_the_same_object(dtype: torch.dtype) -> None:
    mine, other = torch.tensor(0.3, dtype=dtype), torch.tensor([0.01], dtype=dtype)
    optimizer = optimizer_of(mine, other)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    bases = [float(torch.tensor(0.3, dtype=dtype)), float(torch.tensor(0.01, dtype=dtype))]
    for t in range(20):
        assert optimizer.param_groups[0]["lr"] is mine
        assert optimizer.param_groups[1]["lr"] is other
        assert mine.dtype == dtype
        exact = [base * WARM(t, 20) for base in bases]
        assert scheduler.get_last_lr() == exact
        assert rates(optimizer) == torch.tensor(exact, dtype=dtype).tolist()
        scheduler.step()
    assert scheduler.base_lrs == bases


@pytest.mark.parametrize("kind", [SGD, AdamW])
def test_a_compiled_optimizer_step_does_not_recompile(kind: type[Optimizer]) -> None:
    torch._dynamo.reset()
    p = torch.nn.Parameter(torch.ones(4))
    optimizer = kind([p], lr=torch.tensor(0.1))  # type: ignore[call-arg]
    scheduler = ScheduleLR(optimizer, WARM, 40)
    step = torch.compile(optimizer.step, backend="eager")
    for t in range(40):
        p.grad = torch.full_like(p, 0.1)
        before = p.detach().clone()
        with torch._dynamo.config.patch(error_on_recompile=t > 0):  # a float rate does, at t = 1
            step()
        if kind is SGD:
            expected = before - torch.tensor(0.1 * WARM(t, 40)) * 0.1
            assert torch.allclose(p, expected, rtol=1e-6, atol=0)
        scheduler.step()
    torch._dynamo.reset()


def test_scheduler_step_inside_the_compiled_function() -> None:
    """As in torch's own tutorial: one compiled function steps both."""
    torch._dynamo.reset()
    p = torch.nn.Parameter(torch.ones(4))
    optimizer = SGD([p], lr=torch.tensor(0.1))
    scheduler = ScheduleLR(optimizer, WARM, 40)

    def both() -> None:
        optimizer.step()
        scheduler.step()

    compiled = torch.compile(both, backend="eager")
    [base] = scheduler.base_lrs
    for t in range(12):
        p.grad = torch.full_like(p, 0.1)
        # Traced, NumPy runs as torch operations: the last bits of float64 may differ.
        assert scheduler.get_last_lr() == [pytest.approx(base * WARM(t, 40), rel=1e-14)]
        assert rates(optimizer) == torch.tensor(scheduler.get_last_lr()).tolist()
        compiled()
    assert scheduler.last_epoch == 12
    torch._dynamo.reset()


CUDA = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
)


@pytest.mark.parametrize("device", ["cpu", CUDA])
@pytest.mark.parametrize(
    "settings", [{"fused": True}, {"foreach": True}, {"fused": True, "tensor": True}],
)  # fmt: skip
def test_fused_and_foreach(settings: dict[str, bool], device: str) -> None:
    adam_moves_by_the_rate(settings, device)


@pytest.mark.parametrize("device", [CUDA])  # torch refuses a capturable step on the CPU
def test_capturable(device: str) -> None:
    adam_moves_by_the_rate({"capturable": True, "tensor": True}, device)


def adam_moves_by_the_rate(settings: dict[str, bool], device: str) -> None:
    settings = dict(settings)
    rate = torch.tensor(0.01, device=device) if settings.pop("tensor", False) else 0.01
    p = torch.nn.Parameter(torch.ones(4, device=device))
    optimizer = Adam([p], lr=rate, **settings)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    for t in range(20):
        p.grad = torch.ones_like(p)
        before = p.detach().clone()
        optimizer.step()
        # Under a constant gradient Adam moves by the rate (up to its epsilon, 1e-8, and float32).
        assert (before - p).tolist() == pytest.approx([0.01 * WARM(t, 20)] * 4, rel=1e-3)
        scheduler.step()


def test_a_capturable_rate_is_filled_in_place() -> None:
    rate = torch.tensor(0.01)
    optimizer = Adam([parameter()], lr=rate, capturable=True)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.01 * WARM(1, 20), rel=1e-6)  # float32


def test_no_false_warning_where_the_scaler_skipped_the_update() -> None:
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = SGD([p], lr=0.1)
    scheduler = ScheduleLR(optimizer, WARM, 20)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in range(6):
            optimizer.zero_grad()
            loss = p.sum() * (float("inf") if t in (0, 3) else 1.0)
            scaler.scale(loss).backward()
            before = p.detach().clone()
            scaler.step(optimizer)
            scaler.update()
            scheduler.step()
            assert torch.equal(before, p) == (t in (0, 3))
    assert scheduler.last_epoch == 6


def test_no_warning_before_the_first_update_or_after_replacing_step() -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, WARM, 20)
    optimizer.step = lambda closure=None: None  # type: ignore[method-assign]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


# ---- copies and lifetime --------------------------------------------------------------------


@pytest.mark.parametrize(
    "twin",
    [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))],
    ids=["deepcopy", "pickle"],
)
@pytest.mark.parametrize("rate", [0.3, torch.tensor(0.3)])
def test_a_copy_goes_on_by_itself(twin: Callable[[Any], Any], rate: Any) -> None:
    optimizer = optimizer_of(copy.deepcopy(rate), 0.01)
    scheduler = ScheduleLR(optimizer, {"lr": [DEEP, WARM], "momentum": Constant()}, 25)
    go_on(optimizer, scheduler, 8)
    scheduler.scale = 0.5
    optimizer2, scheduler2 = twin((optimizer, scheduler))
    assert scheduler2.optimizer is optimizer2
    assert optimizer2 is not optimizer
    kept = rates(optimizer)
    ahead = go_on(optimizer2, scheduler2, 17)
    assert rates(optimizer) == kept
    assert go_on(optimizer, scheduler, 17) == ahead
    assert scheduler2.state_dict() == scheduler.state_dict()


@pytest.mark.parametrize("given", [REX(), [REX()], {"lr": REX(), "momentum": REX()}])
@pytest.mark.parametrize("total", [20, Budget.tokens(20), Budget.seconds(20)])
def test_no_cycle_keeps_the_optimizer_alive(given: Any, total: int | Budget) -> None:
    optimizer = optimizer_of()
    scheduler = ScheduleLR(optimizer, given, total)
    alive, alive_scheduler = weakref.ref(optimizer), weakref.ref(scheduler)
    gc.collect()
    gc.disable()
    try:
        del optimizer, scheduler
        assert alive() is None
        assert alive_scheduler() is None
    finally:
        gc.enable()


# ---- any sequence of operations -------------------------------------------------------------


class AnySequence(RuleBasedStateMachine):
    """Whatever was done before, every group runs at base * scale * s(t, T), bit for bit."""

    @initialize(
        schedule=st.sampled_from([REX(), WARM, DEEP, Cosine().floor(0.1), Step(), Constant()]),
        total=st.integers(12, 60),
        tensor=st.booleans(),
    )
    def build(self, schedule: Schedule, total: int, tensor: bool) -> None:
        self.schedule, self.total, self.scale, self.t = schedule, total, 1.0, 0
        rate = torch.tensor(0.3, dtype=torch.float64) if tensor else 0.3
        self.bases = [0.3]
        self.optimizer: Optimizer = SGD([parameter()], lr=rate)
        self.scheduler = ScheduleLR(self.optimizer, schedule, total)

    @rule(times=st.integers(1, 9))
    def step(self, times: int) -> None:
        for _ in range(times):
            self.optimizer.step()
            self.scheduler.step()
        self.t += times

    @rule(t=st.integers(0, 100))
    def jump(self, t: int) -> None:
        self.scheduler.step(t)
        self.t = t

    @rule(total=st.integers(12, 90))
    def change_horizon(self, total: int) -> None:
        self.scheduler.budget = total  # type: ignore[assignment]
        self.total = total

    @rule(scale=st.floats(0.0, 4.0))
    def change_scale(self, scale: float) -> None:
        self.scheduler.scale = scale
        self.scale = scale

    @precondition(lambda self: len(self.bases) < 4)
    @rule(default=st.booleans())
    def add_group(self, default: bool) -> None:
        base = 0.3 if default else 0.01 * len(self.bases)
        rate = {} if default else {"lr": base}
        self.optimizer.add_param_group({"params": [parameter()], **rate})
        self.scheduler.apply()
        self.bases.append(base)

    @rule(by_pickle=st.booleans())
    def copy_both(self, by_pickle: bool) -> None:
        both = (self.optimizer, self.scheduler)
        twin = pickle.loads(pickle.dumps(both)) if by_pickle else copy.deepcopy(both)
        self.optimizer, self.scheduler = twin

    @rule(order=st.permutations(["build", "optimizer", "scheduler"]), total=st.integers(12, 90))
    def save_and_load(self, order: list[str], total: int) -> None:
        held = through_torch(self.optimizer.state_dict())
        state = through_json(self.scheduler.state_dict())
        tensor = isinstance(self.optimizer.param_groups[0]["lr"], torch.Tensor)
        rate = torch.tensor(0.3, dtype=torch.float64) if tensor else 0.3
        self.optimizer = SGD([parameter()], lr=rate)
        for base in self.bases[1:]:
            self.optimizer.add_param_group({"params": [parameter()], "lr": base})
        built = False
        for what in order:
            if what == "optimizer":
                self.optimizer.load_state_dict(held)
            elif not built:
                self.scheduler = ScheduleLR(self.optimizer, self.schedule, total)
                built = True
            if what == "scheduler":
                self.scheduler.load_state_dict(state)
        if order[-1] != "scheduler":  # the optimizer's rates are those of the old horizon,
            self.scheduler.load_state_dict(state)  # or the scheduler was built last
        self.total = total

    @invariant()
    def rates_are_the_closed_form(self) -> None:
        if hasattr(self, "scheduler"):
            factor = self.scale * self.schedule(self.t, self.total)
            assert rates(self.optimizer) == [base * factor for base in self.bases]
            assert self.scheduler.get_last_lr() == rates(self.optimizer)
            assert self.scheduler.base_lrs == self.bases
            assert self.scheduler.last_epoch == self.t


AnySequence.TestCase.settings = settings(
    max_examples=100, stateful_step_count=20, deadline=None, derandomize=True
)
TestAnySequence = pytest.mark.filterwarnings("ignore:ScheduleLR")(AnySequence.TestCase)
