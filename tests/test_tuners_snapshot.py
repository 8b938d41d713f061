"""A restored training goes on bit for bit as if it had never been left."""

from __future__ import annotations

import copy
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ritard.schedules import REX, Cosine, ScheduleLR
from ritard.tuners.autolrs import Snapshot
from torch import nn
from training_states import (
    Make,
    MechanicLike,
    ProdigyLike,
    ScheduleFreeLike,
    Training,
    same,
)

OPTIMIZERS: dict[str, Make] = {
    "sgd-momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, dampening=0.1),
    "sgd-nesterov": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam-amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "adam-fused": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "adamw-foreach": lambda p: torch.optim.AdamW(p, lr=0.01, foreach=True),
    "adamw-tensor-lr": lambda p: torch.optim.AdamW(p, lr=torch.tensor(0.01), foreach=False),
    "sgd-tensor-lr": lambda p: torch.optim.SGD(p, lr=torch.tensor(0.02), momentum=0.9),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "schedule-free": lambda p: ScheduleFreeLike(p, lr=0.02),
    "prodigy": lambda p: ProdigyLike(p, lr=1.0),
    "mechanic": lambda p: MechanicLike(p, lr=0.02),
}
SGD = OPTIMIZERS["sgd-momentum"]


def away(training: Training, steps: int) -> None:
    """A probe at another rate, that leaves everything in disorder."""
    training.set_lr(0.07)
    training.steps(steps)
    training.model.eval()
    training.model.outer.bias.requires_grad_(False)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(
    ("before", "after"), [(50, 50), (0, 15)], ids=["after-50", "before-the-first-step"]
)
def test_restored_is_as_never_left(name: str, before: int, after: int) -> None:
    never_left = Training(OPTIMIZERS[name]).steps(before + after).seen()
    training = Training(OPTIMIZERS[name]).steps(before)
    snapshot = Snapshot(*training.parts)
    at_capture, losses = training.seen(), len(training.losses)
    for _ in range(2):  # what was restored once can be restored again
        away(training, after)
        snapshot.restore()
        del training.losses[losses:]
        assert same(training.seen(), at_capture)
    assert same(training.steps(after).seen(), never_left)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_pointers_are_kept(name: str) -> None:
    training = Training(OPTIMIZERS[name]).steps(3)

    def pointers() -> list[tuple[int, int]]:
        found: list[torch.Tensor] = [*training.model.parameters(), *training.model.buffers()]
        found += [v for v in _leaves(training.optimizer.state) if isinstance(v, torch.Tensor)]
        found += [g["lr"] for g in training.optimizer.param_groups if torch.is_tensor(g["lr"])]
        return [(id(tensor), tensor.data_ptr()) for tensor in found]

    snapshot, before = Snapshot(*training.parts), pointers()
    away(training, 5)
    snapshot.restore()
    assert pointers() == before


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [x for v in value for x in _leaves(v)] if isinstance(value, list | tuple) else [value]


# ---- dropping any item is found out ---------------------------------------------------------


def _tensors(find: Callable[[Training], list[torch.Tensor]]) -> tuple[Any, Any]:
    def write(training: Training, values: list[torch.Tensor]) -> None:
        with torch.no_grad():
            for tensor, value in zip(find(training), values, strict=True):
                tensor.copy_(value)

    return find, write


def _attribute(owner: Callable[[Training], Any], name: str) -> tuple[Any, Any]:
    return (
        lambda t: getattr(owner(t), name),
        lambda t, value: setattr(owner(t), name, value),
    )


def _state(training: Training, key: str) -> list[torch.Tensor]:
    return [state[key] for state in training.optimizer.state.values()]


def _group(key: str) -> tuple[Any, Any]:
    return (
        lambda t: t.optimizer.param_groups[0][key],
        lambda t, value: t.optimizer.param_groups[0].__setitem__(key, value),
    )


def _buffers(training: Training) -> list[torch.Tensor]:
    return [training.model.norm.running_mean, training.model.norm.running_var]  # type: ignore[list-item]


DROPPED: dict[str, tuple[Callable[[Training], Any], Callable[[Training, Any], Any]]] = {
    "parameters": _tensors(lambda t: list(t.model.parameters())),
    "batch-norm": _tensors(_buffers),
    "non-persistent-buffer": _tensors(lambda t: [t.model.ema]),
    "extra-state": _attribute(lambda t: t.model.heat, "value"),
    "counter": _attribute(lambda t: t.model, "calls"),
    "tensor-attribute": _attribute(lambda t: t.model, "hidden"),
    "mode": (lambda t: False, lambda t, mode: t.model.train(mode)),
    "first-moment": _tensors(lambda t: _state(t, "exp_avg")),
    "second-moment": _tensors(lambda t: _state(t, "exp_avg_sq")),
    "step-counter": _tensors(lambda t: _state(t, "step")),
    "lr": _group("lr"),
    "betas": _group("betas"),
    "scheduler": (lambda t: t.scheduler.state_dict(), lambda t, s: t.scheduler.load_state_dict(s)),
    "scaler": (lambda t: t.scaler.state_dict(), lambda t, s: t.scaler.load_state_dict(s)),
    "average": _attribute(lambda t: t.average, "values"),
    "torch-random": (lambda t: torch.get_rng_state(), lambda t, s: torch.set_rng_state(s)),
    "numpy-random": (
        lambda t: np.random.get_state(),  # noqa: NPY002
        lambda t, s: np.random.set_state(s),  # noqa: NPY002
    ),
    "python-random": (lambda t: random.getstate(), lambda t, s: random.setstate(s)),
    "given-generator": _attribute(lambda t: t.rng.bit_generator, "state"),
    "module-generator": (
        lambda t: t.model.generator.get_state(),
        lambda t, s: t.model.generator.set_state(s),
    ),
}


@pytest.mark.parametrize("item", [None, *DROPPED])
def test_every_item_matters(item: str | None) -> None:
    """What a snapshot without the item would leave behind changes the run (None: nothing does)."""

    def run(leave: bool) -> dict[str, Any]:
        training = Training(OPTIMIZERS["adam"]).steps(20)
        if leave:
            snapshot, losses = Snapshot(*training.parts), len(training.losses)
            away(training, 20)
            training.optimizer.param_groups[0]["betas"] = (0.5, 0.9)
            read, write = DROPPED[item] if item else (lambda t: None, lambda t, value: None)
            left = copy.deepcopy(read(training))
            snapshot.restore()
            del training.losses[losses:]
            write(training, left)
        training.steps(20)
        # A scale is a power of two: it shows in no bit of the losses until it overflows.
        shows = ("losses", "evaluation", "scaler")
        return {k: v for k, v in training.seen().items() if k in shows}

    returned, never_left = run(leave=True), run(leave=False)
    assert same(returned, never_left) == (item is None)
    if item == "batch-norm":  # silent: only the evaluation shows it
        assert returned["losses"] == never_left["losses"]


# ---- what came later goes -------------------------------------------------------------------


def test_later_entries_are_deleted_not_zeroed() -> None:
    training = Training(SGD)
    snapshot = Snapshot(*training.parts)
    training.steps(2)
    extra = nn.Parameter(torch.ones(2))
    training.optimizer.add_param_group({"params": [extra], "lr": 1.0})
    training.model.register_buffer("late", torch.ones(1))
    training.optimizer.param_groups[0]["new"] = 1
    snapshot.restore()
    assert not training.optimizer.state
    assert len(training.optimizer.param_groups) == 1
    assert "new" not in training.optimizer.param_groups[0]
    assert "late" not in dict(training.model.named_buffers())


def test_a_reloaded_optimizer_gets_its_own_state_back() -> None:
    never_left = Training(OPTIMIZERS["adam"]).steps(10).seen()
    training = Training(OPTIMIZERS["adam"]).steps(5)
    snapshot, losses = Snapshot(*training.parts), training.losses[:]
    training.steps(2).optimizer.load_state_dict(copy.deepcopy(training.optimizer.state_dict()))
    training.steps(1)
    snapshot.restore()
    training.losses = losses
    assert same(training.steps(5).seen(), never_left)


def test_lbfgs_with_its_lists_of_directions() -> None:
    def build() -> tuple[nn.Module, torch.optim.LBFGS, Callable[[], float]]:
        torch.manual_seed(0)
        model, x = nn.Linear(4, 3), torch.randn(30, 4)
        optimizer = torch.optim.LBFGS(model.parameters(), lr=0.3, max_iter=3, history_size=4)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = (torch.tanh(model(x)) - x[:, :3].cos()).square().mean()
            loss.backward()
            return loss

        return model, optimizer, lambda: optimizer.step(closure).item()

    model, optimizer, step = build()
    first = [step() for _ in range(4)]
    snapshot = Snapshot(model, optimizer)
    then = [step() for _ in range(4)]
    snapshot.restore()
    assert [step() for _ in range(4)] == then
    _, _, other = build()
    assert [other() for _ in range(8)] == first + then


def test_gradients_never_leak_in() -> None:
    layer = nn.Linear(2, 1)
    snapshot = Snapshot(layer)
    layer(torch.ones(2)).sum().backward()
    snapshot.restore()
    assert layer.weight.grad is None
    layer(torch.ones(2)).sum().backward()
    gradient = layer.weight.grad
    assert gradient is not None
    snapshot.capture()
    gradient.fill_(7.0)
    snapshot.restore()
    assert layer.weight.grad is gradient
    assert gradient.abs().sum() == 0


def test_an_overflow_inside_a_probe() -> None:
    never_left = Training(SGD).steps(20).seen()
    training = Training(SGD).steps(10)
    with Snapshot(*training.parts):
        losses = training.losses[:]
        scale = training.scaler.get_scale()
        with torch.no_grad():
            training.model.outer.weight.fill_(torch.inf)
        training.step()
        assert training.scaler.get_scale() == scale / 2  # it was an overflow
        # ... and one that is cut off between unscale_ and update
        training.scaler.scale(training.model(torch.ones(4, 6)).sum()).backward()
        training.scaler.unscale_(training.optimizer)
    training.losses = losses
    assert same(training.steps(10).seen(), never_left)


def test_an_exception_inside_leaves_the_origin() -> None:
    training = Training(SGD).steps(5)
    before = training.seen()
    with pytest.raises(KeyboardInterrupt), Snapshot(*training.parts):
        training.steps(3)
        raise KeyboardInterrupt
    del training.losses[5:]
    assert same(training.seen(), before)


def test_averages_that_are_modules_and_our_scheduler() -> None:
    def run(leave: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        optimizer = torch.optim.SGD(
            [{"params": model[0].parameters()}, {"params": model[1].parameters(), "lr": 0.01}],
            lr=0.1, momentum=0.9,
        )  # fmt: skip
        scheduler = ScheduleLR(optimizer, [REX(), Cosine()], 60)
        average = torch.optim.swa_utils.AveragedModel(model, use_buffers=True)

        def steps(n: int) -> None:
            for _ in range(n):
                optimizer.zero_grad()
                model(torch.randn(8, 3)).cos().sum().backward()
                optimizer.step()
                scheduler.step()
                average.update_parameters(model)

        steps(20)
        if leave:
            with Snapshot(model, optimizer, scheduler, average):
                scheduler.scale = 3.0
                steps(20)
            assert scheduler.scale == 1.0
            assert scheduler.last_epoch == 20
        steps(20)
        rates = torch.tensor(scheduler.get_last_lr(), dtype=torch.float64)
        return [*average.state_dict().values(), *model.state_dict().values(), rates]

    assert same(run(leave=True), run(leave=False))


@pytest.mark.parametrize(
    "make",
    [
        lambda o: torch.optim.lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=7),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=40),
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)),
        lambda o: torch.optim.lr_scheduler.ChainedScheduler(
            [
                torch.optim.lr_scheduler.LinearLR(o, total_iters=10),
                torch.optim.lr_scheduler.ExponentialLR(o, 0.95),
            ]
        ),
        lambda o: torch.optim.lr_scheduler.SequentialLR(
            o,
            [
                torch.optim.lr_scheduler.ConstantLR(o, total_iters=10),
                torch.optim.lr_scheduler.CosineAnnealingLR(o, 30),
            ],
            milestones=[12],
        ),
    ],
    ids=["cyclic", "one-cycle", "lambda", "chained", "sequential"],
)
def test_torch_schedulers(make: Callable[[Any], Any]) -> None:
    """Their rates and cycled momenta after a restore are those of a run that never left."""

    def rates(leave_at: int | None) -> list[tuple[float, float]]:
        optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1, momentum=0.9)
        scheduler, seen = make(optimizer), list[tuple[float, float]]()
        for t in range(38):
            if t == leave_at:
                with Snapshot(optimizer, scheduler):
                    for _ in range(7):
                        scheduler.step()
                with Snapshot(optimizer, scheduler):  # taken apart by none of them
                    scheduler.step()
            seen.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
            optimizer.step()
            scheduler.step()
        return seen

    assert rates(9) == rates(20) == rates(None)


# ---- the learning rate is last --------------------------------------------------------------


def two_groups(lr: Any = 0.1) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    groups = [{"params": model[0].parameters()}, {"params": model[1].parameters(), "lr": 0.02}]
    return model, torch.optim.SGD(groups, lr=lr)


def held(optimizer: torch.optim.Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def test_restore_with_another_rate() -> None:
    model, optimizer = two_groups()
    snapshot = Snapshot(model, optimizer)
    for lr, expected in (
        (0.5, [0.5, 0.5 * (0.02 / 0.1)]),  # ratios are kept
        ([0.3, 0.4], [0.3, 0.4]),
        (None, [0.1, 0.02]),  # and what is held stays what it was
    ):
        snapshot.restore(lr=lr)
        assert held(optimizer) == expected


def test_a_tensor_rate_is_filled_in_place() -> None:
    layer = nn.Linear(1, 1)
    rate = torch.tensor(0.25)
    optimizer = torch.optim.SGD(layer.parameters(), lr=rate)
    snapshot = Snapshot(layer, optimizer)
    snapshot.restore(lr=0.5)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.5
    snapshot.restore()
    assert rate.item() == 0.25


def test_objects_that_write_rates_come_before() -> None:
    """A scheduler that writes its rate when it is loaded does not have the last word."""
    model, optimizer = two_groups()
    scheduler = ScheduleLR(optimizer, REX(), 10)
    snapshot = Snapshot(model, optimizer, scheduler)
    snapshot.restore(lr=0.7)
    assert held(optimizer)[0] == 0.7


def test_bad_rates_are_refused_before_anything_changes() -> None:
    model, optimizer = two_groups()
    snapshot = Snapshot(model, optimizer)
    with torch.no_grad():
        model[0].weight.fill_(3.0)
    for lr, kind, text in (
        ("fast", ValueError, "expected 2"),
        (-1.0, ValueError, "lr=-1.0: expected a finite number >= 0"),
        (float("nan"), ValueError, "lr=nan"),
        ([0.1], ValueError, "expected 2, one for each group"),
        ({"a": 1}, TypeError, "expected a number"),
    ):
        with pytest.raises(kind, match=text):
            snapshot.restore(lr=lr)  # type: ignore[arg-type]
    assert model[0].weight.min() == 3.0
    optimizer.param_groups[0]["lr"] = 0.0
    snapshot.capture()
    with pytest.raises(ValueError, match="no ratio"):
        snapshot.restore(lr=0.1)
    two = Snapshot(model, optimizer, torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match="2 optimizers"):
        two.restore(lr=0.1)


class Stubborn(dict[str, Any]):
    """A group that does not take a new rate."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value if key != "lr" or "lr" not in self else self["lr"])


def test_the_rate_is_read_back() -> None:
    layer = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    optimizer.param_groups[0] = Stubborn(optimizer.param_groups[0])
    snapshot = Snapshot(layer, optimizer)
    with pytest.raises(RuntimeError, match=r"wrote \[0.5\], and the optimizer holds \[0.1\]"):
        snapshot.restore(lr=0.5)


def test_groups_without_a_rate_are_left_alone() -> None:
    layer = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    optimizer.param_groups[0]["lr"] = None  # as Adafactor's relative steps have it
    with Snapshot(layer, optimizer):
        optimizer.param_groups[0]["lr"] = 3.0
    assert optimizer.param_groups[0]["lr"] is None


# ---- several snapshots, places, memory ------------------------------------------------------


def test_swap_exchanges_what_they_hold() -> None:
    layer = nn.Linear(1, 1)
    origin = Snapshot(layer)
    with torch.no_grad():
        layer.weight.fill_(5.0)
    best = Snapshot(layer)
    pointers = {copy.data_ptr() for s in (origin, best) for copy in s._held.image._copies}
    origin.swap(best)
    best.restore()
    assert layer.weight.item() != 5.0
    origin.restore()
    assert layer.weight.item() == 5.0
    assert pointers == {c.data_ptr() for s in (origin, best) for c in s._held.image._copies}
    with torch.no_grad():
        layer.weight.fill_(9.0)
    best.capture()  # into the memory that came with the swap: the other one keeps its own
    origin.restore()
    assert layer.weight.item() == 5.0
    with pytest.raises(ValueError, match="same parts"):
        origin.swap(Snapshot(nn.Linear(1, 1)))


def test_a_grown_state_takes_more_room_and_keeps_the_old() -> None:
    training = Training(OPTIMIZERS["adam"])
    snapshot = Snapshot(*training.parts)
    small, first = snapshot.nbytes, snapshot._held.image._copies[0].data_ptr()
    never_left = training.steps(20).seen()
    snapshot.restore()
    training.losses.clear()
    training.steps(10)
    snapshot.capture()
    assert snapshot.nbytes > small
    assert snapshot._held.image._copies[0].data_ptr() == first
    losses = training.losses[:]
    away(training, 5)
    snapshot.restore()
    training.losses = losses
    assert same(training.steps(10).seen(), never_left)


@pytest.mark.parametrize("place", ["device", "host", "disk"])
def test_places(place: Any, tmp_path: Path) -> None:
    never_left = Training(SGD).steps(10).seen()
    training = Training(SGD).steps(5)
    snapshot, losses = Snapshot(*training.parts, place=place, folder=tmp_path), training.losses[:]
    assert snapshot.places == {"cpu": [place]}
    assert not list(tmp_path.iterdir())  # the file has no name
    away(training, 3)
    snapshot.restore()
    training.losses = losses
    assert same(training.steps(5).seen(), never_left)


class Vast(nn.Module):
    """A buffer of 2 TB that takes no memory: a file with a hole."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        name = str(folder / "hole")
        self.register_buffer("vast", torch.from_file(name, True, 1 << 41, dtype=torch.uint8))
        self.small = nn.Linear(1, 1)


@pytest.mark.parametrize("place", [None, "device", "host", "disk"])
def test_not_enough_memory_is_an_error_and_nothing_changes(place: Any, tmp_path: Path) -> None:
    try:
        model = Vast(tmp_path)
    except RuntimeError:
        pytest.skip("the file system has no files with holes")
    weight = model.small.weight.item()
    with pytest.raises(MemoryError, match=r"need 2.2e\+03 GB; free: .*skip=") as error:
        Snapshot(model, place=place, folder=tmp_path)
    assert all(name in str(error.value) for name in ([place] if place else ["device", "disk"]))
    assert model.small.weight.item() == weight
    snapshot = Snapshot(model, skip=[model.vast], folder=tmp_path)  # type: ignore[list-item]
    assert snapshot.nbytes == 8
    (tmp_path / "hole").unlink()


def test_a_failed_capture_leaves_the_one_before(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    snapshot = Snapshot(model)
    weight = model.weight.item()
    try:
        model.add_module("vast", Vast(tmp_path))
    except RuntimeError:
        pytest.skip("the file system has no files with holes")
    with torch.no_grad():
        model.weight.fill_(7.0)
    with pytest.raises(MemoryError):
        snapshot.capture()
    snapshot.restore()
    assert model.weight.item() == weight
    (tmp_path / "hole").unlink()


def test_skipped_tensors_must_not_change() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    frozen = list(model[0].requires_grad_(False).parameters())
    snapshot = Snapshot(model, skip=frozen)
    assert snapshot.nbytes == 4 * 3
    with torch.no_grad():
        model[1].weight.fill_(3.0)
        frozen[0].add_(1)
    with pytest.raises(RuntimeError, match=r"skipped tensor of shape \(2, 2\) has changed"):
        snapshot.restore()
    assert model[1].weight.min() == 3.0  # nothing was written


def test_unusual_tensors() -> None:
    model = nn.Module()
    model.register_buffer("sparse", torch.eye(4).to_sparse())
    model.register_buffer("strided", torch.arange(12.0).view(3, 4).t())
    model.register_buffer("channels", torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last))
    model.register_buffer("every_second", torch.arange(10.0)[::2])
    model.register_buffer("brain", torch.randn(3).bfloat16())
    model.register_buffer("flags", torch.tensor([True, False, True]))
    model.register_buffer("waves", torch.randn(3, dtype=torch.complex64))
    model.register_buffer("empty", torch.empty(0))
    model.register_buffer("nothing", torch.empty(3, device="meta"))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with Snapshot(model):
        for name, buffer in model.named_buffers():
            if name != "sparse":
                buffer.zero_() if buffer.dtype != torch.bool else buffer.fill_(True)
            else:
                buffer.copy_(torch.zeros(4, 4).to_sparse())
    for name, buffer in model.named_buffers():
        if name != "nothing":
            assert same(buffer.to_dense(), before[name].to_dense()), name
    assert model.strided.stride() == (1, 4)  # type: ignore[operator, union-attr]


def test_a_tensor_of_another_shape_is_refused_before_anything_changes() -> None:
    layer = nn.Linear(2, 1)
    snapshot = Snapshot(layer)
    layer.bias.data = torch.ones(3)
    with torch.no_grad():
        layer.weight.fill_(3.0)
    with pytest.raises(RuntimeError, match=r"shape \(3,\), and was torch.float32 of shape \(1,\)"):
        snapshot.restore()
    assert layer.weight.min() == 3.0


@pytest.mark.parametrize(
    ("parts", "kind", "text"),
    [
        ((), ValueError, "expected the model"),
        ((nn.Linear(1, 1), [1, 2]), TypeError, r"\[1, 2\] is no module"),
        ((nn.LazyLinear(2),), ValueError, "lazy parameters"),
    ],
)
def test_bad_parts(parts: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        Snapshot(*parts)


def test_bad_place() -> None:
    with pytest.raises(ValueError, match="place='tape': expected one of device, host, disk"):
        Snapshot(nn.Linear(1, 1), place="tape")  # type: ignore[arg-type]


# ---- compiled, distributed, on a GPU --------------------------------------------------------


def test_a_compiled_step_stays_valid() -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    compiled = torch.compile(model, backend="eager")
    frames = torch._dynamo.utils.counters["stats"]

    def steps(n: int) -> list[float]:
        losses: list[float] = []
        for t in range(n):
            optimizer.zero_grad()
            loss = compiled(torch.full((2, 4), 0.1 * t)).square().sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    steps(3)
    snapshot = Snapshot(compiled, optimizer)
    first, graphs = steps(4), frames["unique_graphs"]
    snapshot.restore()
    assert steps(4) == first
    assert frames["unique_graphs"] == graphs  # nothing was compiled again


SHARDED = """
import sys, torch, torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from ritard.tuners.autolrs import Snapshot

rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
mesh = dist.init_device_mesh("cpu", (2,))

def sharded(model):
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh)
    return model

for wrap in (DistributedDataParallel, sharded):
    torch.manual_seed(0)
    model = wrap(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(rank)

    def steps(n):
        losses = []
        for _ in range(n):
            optimizer.zero_grad()
            loss = model(torch.randn(4, 6, generator=generator)).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    steps(3)
    # One process after the other: a collective in here would wait for the other one for ever.
    if rank == 1:
        snapshot = Snapshot(model, optimizer, generator)
    dist.barrier()
    if rank == 0:
        snapshot = Snapshot(model, optimizer, generator)
    there = steps(4)
    if rank == 0:
        snapshot.restore()
    dist.barrier()
    if rank == 1:
        snapshot.restore()
    assert steps(4) == there
    print(type(model).__name__, flush=True)
dist.destroy_process_group()
"""


def test_each_process_restores_its_own_part_alone(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SHARDED, str(rank), store],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in (0, 1)
    ]  # fmt: skip
    try:
        done = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [out.split() for out, _ in done] == [["DistributedDataParallel", "FSDPSequential"]] * 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("place", ["device", "host", "disk"])
def test_on_a_gpu(place: Any) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1)).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=torch.tensor(0.01).cuda(), capturable=True)

    def steps(n: int) -> list[float]:
        losses: list[float] = []
        for _ in range(n):
            optimizer.zero_grad()
            loss = model(torch.randn(16, 4, device="cuda")).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    steps(3)
    snapshot = Snapshot(model, optimizer, place=place)
    assert snapshot.places["cuda:0"] == [place]
    first = steps(5)
    snapshot.restore()
    assert steps(5) == first
