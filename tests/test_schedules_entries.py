"""Schedules of other entries than the learning rate: weight decay, momentum, betas."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ritard.schedules import REX, Constant, Cosine, Linear, OneCycle, Schedule, ScheduleLR
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

T = 20


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.ones(1))


def sgd(rate: Any = 0.3, momentum: float = 0.95, decay: float = 0.02) -> Optimizer:
    return SGD([parameter()], lr=rate, momentum=momentum, weight_decay=decay)


def go_on(optimizer: Optimizer, scheduler: Any, steps: int, *entries: str) -> list[list[Any]]:
    """The entries of the first group at each of the next ``steps`` updates."""
    seen = []
    for _ in range(steps):
        group = optimizer.param_groups[0]
        seen.append([group[e] for e in entries])
        optimizer.step()
        scheduler.step()
    return seen


def test_each_entry_follows_its_schedule_from_its_own_base() -> None:
    optimizer = sgd()
    given = {"lr": REX(), "weight_decay": Cosine().floor(0.1), "momentum": Constant(0.5)}
    seen = go_on(optimizer, ScheduleLR(optimizer, given, T), T, *given)
    expected = zip(*(given[e].values(T).tolist() for e in given), strict=True)
    assert seen == [[0.3 * a, 0.02 * b, 0.95 * c] for a, b, c in expected]


def test_an_entry_without_the_rate_leaves_the_rate_alone() -> None:
    optimizer = sgd()
    scheduler = ScheduleLR(optimizer, {"weight_decay": Linear()}, T)
    go_on(optimizer, scheduler, 5)
    group = optimizer.param_groups[0]
    assert group["lr"] == 0.3
    assert scheduler.get_last_lr() == [0.3]
    assert "initial_lr" not in group
    assert group["weight_decay"] == 0.02 * Linear()(5, T)
    scheduler.scale = 0.5
    assert group["weight_decay"] == 0.02 * Linear()(5, T), "scale is for the rate"
    state = scheduler.state_dict()
    fresh = sgd()
    ScheduleLR(fresh, {"weight_decay": Linear()}, T).load_state_dict(state)
    assert fresh.param_groups[0]["weight_decay"] == 0.02 * Linear()(5, T)


@pytest.mark.parametrize("index", [0, 1])
def test_one_of_the_betas(index: int) -> None:
    optimizer = AdamW([parameter()], lr=0.3, betas=(0.9, 0.99))
    scheduler = ScheduleLR(optimizer, {f"betas[{index}]": Cosine().floor(0.9)}, T)
    for t in range(T):
        betas = optimizer.param_groups[0]["betas"]
        expected = [0.9, 0.99]
        expected[index] *= Cosine().floor(0.9)(t, T)
        assert betas == tuple(expected)
        assert type(betas) is tuple
        scheduler.step()
    assert AdamW([parameter()]).defaults["betas"] == (0.9, 0.999)
    assert optimizer.defaults["betas"] == (0.9, 0.99)


def test_both_betas_and_groups_of_their_own() -> None:
    groups = [{"params": [parameter()], "betas": (0.8, 0.9)}, {"params": [parameter()]}]
    optimizer = Adam(groups, lr=0.1, betas=(0.9, 0.99))
    given = {"betas[0]": [REX(), Linear()], "betas[1]": Cosine()}
    scheduler = ScheduleLR(optimizer, given, T)
    for _ in range(7):
        scheduler.step()
    first, second = (group["betas"] for group in optimizer.param_groups)
    assert first == (0.8 * REX()(7, T), 0.9 * Cosine()(7, T))
    assert second == (0.9 * Linear()(7, T), 0.99 * Cosine()(7, T))


def test_a_tensor_beta_stays_the_same_object() -> None:
    betas = (torch.tensor(0.9), torch.tensor(0.999))
    optimizer = Adam([parameter()], lr=torch.tensor(0.1), betas=betas, capturable=True)
    scheduler = ScheduleLR(optimizer, {"betas[0]": Cosine().floor(0.9)}, T)
    scheduler.step()
    assert optimizer.param_groups[0]["betas"][0] is betas[0]
    assert betas[0].item() == pytest.approx(0.9 * Cosine().floor(0.9)(1, T), rel=1e-6)  # float32


# ---- momentum of one cycle, against torch ---------------------------------------------------


def _torch_sgd() -> Optimizer:
    return SGD([parameter()], lr=0.3, momentum=0.95)


def _torch_adam() -> Optimizer:
    return Adam([parameter()], lr=0.3, betas=(0.95, 0.99))


def _cyclic(optimizer: Optimizer) -> CyclicLR:
    return CyclicLR(optimizer, 0.03, 0.3, step_size_up=10, base_momentum=0.85, max_momentum=0.95)


def _onecycle(optimizer: Optimizer) -> OneCycleLR:
    """With three linear phases, the first two are the triangle; it ends at step 2 * 11 - 2."""
    return OneCycleLR(
        optimizer, 0.3, total_steps=22, pct_start=0.5, anneal_strategy="linear", three_phase=True,
        div_factor=10, base_momentum=0.85, max_momentum=0.95,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:ScheduleLR")  # go_on steps once more after the last update
@pytest.mark.parametrize("torchs", [_cyclic, _onecycle])
@pytest.mark.parametrize(
    ("build", "entry", "key"),
    [(_torch_sgd, "momentum", "momentum"), (_torch_adam, "betas[0]", "betas")],
)
def test_one_cycle_of_rate_and_momentum_equals_torchs(
    build: Callable[[], Optimizer], entry: str, key: str, torchs: Callable[[Optimizer], Any]
) -> None:
    theirs = build()
    expected = go_on(theirs, torchs(theirs), 21, "lr", key)
    mine = build()
    given = {"lr": OneCycle(0.1), entry: OneCycle.momentum(0.85, 0.95)}
    seen = go_on(mine, ScheduleLR(mine, given, 20), 21, "lr", key)
    for (rate, held), (other, other_held) in zip(seen, expected, strict=True):
        assert rate == pytest.approx(other, rel=1e-13)  # other formulas round otherwise
        assert held == pytest.approx(other_held, rel=1e-13)


def test_repeated_cycles_equal_torchs() -> None:
    theirs, mine = _torch_sgd(), _torch_sgd()
    expected = go_on(theirs, _cyclic(theirs), 60, "lr", "momentum")
    given = {"lr": OneCycle(0.1).repeat(3), "momentum": OneCycle.momentum(0.85, 0.95).repeat(3)}
    seen = go_on(mine, ScheduleLR(mine, given, 60), 60, "lr", "momentum")
    for a, b in zip(seen, expected, strict=True):
        assert a == pytest.approx(b, rel=1e-12)  # torch's position in the cycle is 1 + t/20 - k


# ---- the same promises as for the rate ------------------------------------------------------

BOTH: dict[str, Schedule] = {
    "lr": REX().warmup(3),
    "weight_decay": Cosine(),
    "betas[0]": Linear().floor(0.9),
}


def adamw() -> Optimizer:
    rate = torch.tensor(0.3, dtype=torch.float64)
    return AdamW([{"params": [parameter()]}, {"params": [parameter()], "weight_decay": 0.5,
                  "lr": 0.01}], lr=rate, weight_decay=0.1)  # fmt: skip


def held(optimizer: Optimizer) -> list[Any]:
    return [[float(g["lr"]), g["weight_decay"], g["betas"]] for g in optimizer.param_groups]


def by_hand(t: int, total: int) -> list[Any]:
    a, b, c = (schedule(t, total) for schedule in BOTH.values())
    return [[0.3 * a, 0.1 * b, (0.9 * c, 0.999)], [0.01 * a, 0.5 * b, (0.9 * c, 0.999)]]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(5, 60), st.booleans())
@settings(max_examples=30, deadline=None, derandomize=True)
@pytest.mark.filterwarnings("ignore:ScheduleLR")
def test_every_entry_is_resumed_in_either_order(
    jumps: list[int], total: int, scheduler_first: bool
) -> None:
    optimizer = adamw()
    scheduler = ScheduleLR(optimizer, BOTH, 50)
    for t in jumps:
        scheduler.step(t)
        assert held(optimizer) == by_hand(t, 50)
        scheduler.budget = total  # type: ignore[assignment]  # the setter takes an int too
        assert held(optimizer) == by_hand(t, total)
        saved, state = copy.deepcopy(optimizer.state_dict()), json.dumps(scheduler.state_dict())
        optimizer = adamw()
        scheduler = ScheduleLR(optimizer, BOTH, total)
        if scheduler_first:
            scheduler.load_state_dict(json.loads(state))
        optimizer.load_state_dict(saved)
        if not scheduler_first:
            scheduler.load_state_dict(json.loads(state))
        assert held(optimizer) == by_hand(t, total)
        scheduler.budget = 50  # type: ignore[assignment]


def test_late_group_with_every_entry() -> None:
    optimizer = adamw()
    scheduler = ScheduleLR(optimizer, BOTH, 50)
    scheduler.step(9)
    optimizer.add_param_group({"params": [parameter()]})
    scheduler.apply()
    assert held(optimizer) == [*by_hand(9, 50), by_hand(9, 50)[0]]


def test_late_group_that_lacks_an_entry_is_refused_and_nothing_is_written() -> None:
    optimizer = sgd()
    scheduler = ScheduleLR(optimizer, {"lr": REX(), "momentum": Cosine()}, 50)
    scheduler.step(9)
    optimizer.add_param_group({"params": [parameter()], "lr": float("nan")})
    before = [dict(group) for group in optimizer.param_groups]
    with pytest.raises(ValueError, match=r"parameter group 1: lr=nan"):
        scheduler.apply()
    assert repr(optimizer.param_groups) == repr(before)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("momentums", "no such entry; it has: lr, momentum"),
        ("momentum[0]", "no such entry"),
        ("nesterov", "finite number"),
        ("foreach", "finite number"),
        ("params", "finite number"),
        ("betas", "no such entry"),
        ("", "entry ''"),
        ("lr ", "entry 'lr '"),
        ("lr[-1]", "entry"),
    ],
)
def test_what_is_no_numeric_entry_is_refused_and_nothing_changes(name: str, message: str) -> None:
    optimizer = sgd()
    before = [dict(group) for group in optimizer.param_groups]
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        ScheduleLR(optimizer, {"lr": REX(), name: Cosine()}, T)
    assert optimizer.param_groups == before


@pytest.mark.parametrize("name", ["betas", "betas[2]"])
def test_a_tuple_and_an_index_past_its_end_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="betas"):
        ScheduleLR(Adam([parameter()]), {name: Cosine()}, T)
