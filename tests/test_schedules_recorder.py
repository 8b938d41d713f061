"""GradNormRecorder: the norm that the optimizer is about to use, without waiting for the device."""

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from ranks import leave
from ritard.schedules import GradNormRecorder, GradNorms
from ritard.schedules.refinement import _log
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grads_with_norm_
from torch.utils._python_dispatch import TorchDispatchMode


def net(width: int = 5) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(7, width), torch.nn.Tanh(), torch.nn.Linear(width, 3)
    )


def batch(size: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(size, 7, generator=generator), torch.randn(size, 3, generator=generator)


def loss_of(model: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (model(x) - y).square().mean()


def backward(model: torch.nn.Module, scale: float = 1.0) -> None:
    (scale * loss_of(model, *batch())).backward()


def exact(model: torch.nn.Module) -> dict[Any, float]:
    """Both norms, summed in float64."""
    found = [p.grad.double().flatten() for p in model.parameters() if p.grad is not None]
    together = torch.cat(found)
    return {"l1": together.abs().sum().item(), "l2": together.square().sum().sqrt().item()}


def sgd(model: torch.nn.Module, lr: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=lr)


def leaf(gradient: torch.Tensor) -> torch.nn.Parameter:
    """A parameter that has this gradient."""
    parameter = torch.nn.Parameter(torch.zeros(gradient.shape, dtype=gradient.dtype))
    parameter.grad = gradient
    return parameter


# ---- what is measured -------------------------------------------------------------------


@pytest.mark.parametrize("width", [5, 3000], ids=["short", "long"])
def test_it_is_the_norm_before_clipping(width: int) -> None:
    model = net(width)
    optimizer = sgd(model)
    l1, l2 = GradNormRecorder(optimizer, "l1"), GradNormRecorder(optimizer, "l2")
    clipped, absolute = list[float](), list[float]()
    for _ in range(4):
        optimizer.zero_grad()
        backward(model)
        l1.record()
        l2.record()
        absolute.append(exact(model)["l1"])
        clipped.append(clip_grad_norm_(model.parameters(), 1e-2).item())
        optimizer.step()
    # float32 sums of some thousand numbers
    assert l2.norms().norms == pytest.approx(clipped, rel=1e-6)
    assert l1.norms().norms == pytest.approx(absolute, rel=1e-6)
    assert l1.norms().steps.tolist() == [0, 1, 2, 3]
    assert (l1.norms().norm, l1.norms().optimizer) == ("l1", "SGD")


def test_ten_million_numbers_are_summed_rightly() -> None:
    """Torch's own l1 norm on a CPU is 2 % off here (2.13): it adds float32 numbers one by one."""
    parameter = leaf(torch.full((10_000_001,), 1e-3))
    for norm, expected in (("l1", 10_000.001), ("l2", 10**0.5)):
        found = GradNormRecorder([parameter], norm).record()
        assert found.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [1000, 100_000])
def test_half_precision_neither_overflows_nor_rounds(dtype: torch.dtype, size: int) -> None:
    parameter = leaf(torch.full((size,), 3.0, dtype=dtype))
    assert GradNormRecorder([parameter], "l1").record().item() == pytest.approx(3 * size, rel=1e-6)
    assert GradNormRecorder([parameter], "l2").record().item() == pytest.approx(
        3 * size**0.5, rel=1e-6
    )


def test_mixed_kinds_of_gradients() -> None:
    gradients = [
        torch.tensor([1.0, -2.0]),
        torch.tensor([[3.0, 4.0]], dtype=torch.float64),
        torch.tensor(5.0, dtype=torch.bfloat16),
        torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.tensor([3 + 4j]),
        torch.zeros(0),
        torch.full((6000,), 3 - 4j),
        torch.ones(60, 200).t(),
    ]
    parameters = [leaf(g) for g in gradients]
    assert GradNormRecorder(parameters, "l1").record().item() == 140.0 + 30_000 + 12_000
    assert GradNormRecorder(parameters, "l2").record().item() == pytest.approx(
        (200 + 150_000 + 12_000) ** 0.5
    )


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_sparse_gradients(norm: Any) -> None:
    """Rows that were looked up twice are summed, as the optimizer does."""
    found: list[float] = []
    for sparse in (True, False):
        torch.manual_seed(0)
        table = torch.nn.Embedding(9, 4, sparse=sparse)
        table(torch.tensor([1, 5, 1])).square().sum().backward()
        found.append(GradNormRecorder(table.parameters(), norm).record().item())
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_parameters_without_a_gradient_are_left_out() -> None:
    unused = torch.nn.Parameter(torch.ones(3))
    recorder = GradNormRecorder([leaf(torch.tensor([3.0, 4.0])), unused], "l2")
    assert recorder.record().item() == 5.0


def test_groups_added_late_count() -> None:
    optimizer = torch.optim.SGD([leaf(torch.tensor([3.0]))], lr=0.1)
    recorder = GradNormRecorder(optimizer)
    assert recorder.record().item() == 3.0
    optimizer.add_param_group({"params": [leaf(torch.tensor([4.0]))]})
    assert recorder.record().item() == 5.0


def test_once_per_update_under_accumulation() -> None:
    whole, parts = net(), net()
    backward(whole)
    x, y = batch()
    for half in (slice(0, 4), slice(4, 8)):
        (loss_of(parts, x[half], y[half]) / 2).backward()
    expected = GradNormRecorder(whole.parameters(), "l2").record()
    assert GradNormRecorder(parts.parameters(), "l2").record().item() == pytest.approx(
        expected.item(), rel=1e-6
    )


def test_the_norm_can_go_on_to_clipping() -> None:
    one, other = net(), net()
    for model in (one, other):
        backward(model)
    clip_grad_norm_(one.parameters(), 0.1)
    found = GradNormRecorder(other.parameters(), "l2").record()
    clip_grads_with_norm_(other.parameters(), 0.1, found)
    assert exact(other)["l2"] == pytest.approx(exact(one)["l2"], rel=1e-6)


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph")
def test_gradients_with_a_graph_keep_none() -> None:
    model = net()
    loss_of(model, *batch()).backward(create_graph=True)
    assert not GradNormRecorder(model.parameters(), "l2").record().requires_grad


# ---- GradScaler -------------------------------------------------------------------------


def test_the_scale_of_a_grad_scaler_is_divided_out() -> None:
    model, plain = net(), net()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
    optimizer = sgd(model)
    recorder = GradNormRecorder(optimizer)
    scaler.scale(loss_of(model, *batch())).backward()
    recorder.record(scaler=scaler)
    scaler.unscale_(optimizer)
    recorder.record()
    backward(plain)
    assert recorder.norms().norms == pytest.approx([exact(plain)["l2"]] * 2, rel=1e-6)


def test_an_overflow_is_kept_as_not_finite_and_the_repeated_step_counts(tmp_path: Path) -> None:
    model = net()
    optimizer, scaler = sgd(model), torch.amp.GradScaler("cpu", init_scale=4.0)
    recorder, done = GradNormRecorder(optimizer, path=tmp_path / "log.jsonl"), 0
    for spoiled in (False, True, False):
        optimizer.zero_grad()
        scaler.scale(loss_of(model, *batch()) * (float("inf") if spoiled else 1)).backward()
        recorder.record(scaler=scaler)
        scaler.step(optimizer)
        scaler.update()
    assert np.isfinite(recorder.norms().norms).tolist() == [True, False, True]
    # Counting the updates that were made instead: the update after the skipped one takes its place.
    for done in (3, 4, 4):
        recorder.record(done, scaler)
    assert recorder.norms().steps.tolist() == [0, 1, 2, 3, 4]


def test_a_disabled_scaler_changes_nothing() -> None:
    model = net()
    backward(model)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    found = GradNormRecorder(model.parameters(), "l2").record(scaler=scaler)
    assert found.item() == pytest.approx(exact(model)["l2"], rel=1e-6)


# ---- no waiting for the device ----------------------------------------------------------


class Watch(TorchDispatchMode):
    """Counts what makes the host wait for a device."""

    waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        if "_local_scalar_dense" in name or "is_nonzero" in name or "nonzero" in name:
            self.waits += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_step_asks_for_no_value(norm: Any) -> None:
    model = net()
    backward(model)
    recorder = GradNormRecorder(model.parameters(), norm, block=100)
    scaler = torch.amp.GradScaler("cpu")
    with Watch() as watch:
        for _ in range(99):
            recorder.record(scaler=scaler)
        assert watch.waits == 0
        recorder.record().item()
        assert watch.waits == 1, "the watch itself does not see"


def test_a_step_transfers_nothing() -> None:
    """On the meta device there are no values: whatever needs one raises."""
    with torch.device("meta"):
        model = net()
    for parameter in model.parameters():
        parameter.grad = torch.empty_like(parameter)
    recorder = GradNormRecorder(model.parameters(), "l2", block=100)
    for _ in range(99):
        recorder.record(scaler=torch.amp.GradScaler("cpu"))
    with pytest.raises(RuntimeError, match="meta"):
        recorder.record()


def test_blocks_reach_the_file_as_they_fill(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    recorder = GradNormRecorder([leaf(torch.ones(1))], "l2", path, block=3)
    lengths = list[int]()
    for _ in range(7):
        recorder.record()
        lengths.append(len(GradNorms.load(path)) if path.stat().st_size else 0)
    assert lengths == [0, 0, 3, 3, 3, 6, 6]
    recorder.flush()
    assert len(GradNorms.load(path)) == 7


# ---- attach -----------------------------------------------------------------------------


def test_attached_it_records_by_itself_until_detached() -> None:
    model = net()
    optimizer = sgd(model)
    recorder = GradNormRecorder(optimizer).attach().attach()
    expected = list[float]()
    for _ in range(3):
        optimizer.zero_grad()
        backward(model)
        expected.append(exact(model)["l2"])
        optimizer.step()
    recorder.detach()
    recorder.detach()
    optimizer.step()
    assert recorder.norms().norms == pytest.approx(expected, rel=1e-6)


def test_attached_it_sees_unscaled_gradients_of_the_updates_that_are_made() -> None:
    model, plain = net(), net()
    optimizer, scaler = sgd(model, lr=0.0), torch.amp.GradScaler("cpu", init_scale=2.0**14)
    recorder = GradNormRecorder(optimizer).attach()
    for factor in (1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale(factor * loss_of(model, *batch())).backward()
        scaler.step(optimizer)
        scaler.update()
    backward(plain)
    assert recorder.norms().norms == pytest.approx([exact(plain)["l2"]] * 2, rel=1e-6)


def test_a_closure_is_a_clear_error() -> None:
    model = net()
    optimizer = sgd(model)
    GradNormRecorder(optimizer).attach()
    backward(model)
    with pytest.raises(ValueError, match=r"step\(closure\) computes the gradients after"):
        optimizer.step(lambda: 0.0)


def test_parameters_cannot_be_attached_to() -> None:
    with pytest.raises(ValueError, match="source: parameters; expected an optimizer"):
        GradNormRecorder([leaf(torch.ones(1))], "l2").attach()


@pytest.mark.parametrize("attached", [True, False])
def test_it_keeps_no_optimizer_alive(attached: bool) -> None:
    model = net()
    optimizer = sgd(model)
    recorder = GradNormRecorder(optimizer)
    if attached:
        recorder.attach()
    gone = weakref.ref(optimizer)
    gc.collect()
    gc.disable()  # counting references alone must do
    try:
        del optimizer
        assert gone() is None
    finally:
        gc.enable()
    backward(model)
    with pytest.raises(ValueError, match="source: the optimizer is gone"):
        recorder.record()


# ---- position and state -----------------------------------------------------------------


@pytest.mark.parametrize("with_path", [True, False])
def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path: Path, with_path: bool) -> None:
    def run(until: int, name: str, state: Any = None) -> Any:
        path = tmp_path / name if with_path else None
        recorder = GradNormRecorder([parameter], "l2", path, block=4)
        recorder.load_state_dict(state or {"step": 0})
        while recorder.step < until:
            parameter.grad = torch.full((1,), 1.0 + recorder.step)
            recorder.record()
        return recorder

    parameter = leaf(torch.ones(1))
    torch.save(run(6, "half").state_dict(), tmp_path / "state.pt")
    run(9, "half", torch.load(tmp_path / "state.pt", weights_only=True))  # given up at 9
    rest = run(12, "half", torch.load(tmp_path / "state.pt", weights_only=True)).norms()
    whole = run(12, "whole").norms()
    assert rest.norms.tolist() == whole.norms.tolist() == [1.0 + t for t in range(12)]
    assert rest.steps.tolist() == list(range(12))


@pytest.mark.parametrize("with_path", [True, False])
@pytest.mark.parametrize("block", [1, 3, 512])
def test_a_rollback_in_one_process_leaves_nothing_of_the_attempt_given_up(
    tmp_path: Path, with_path: bool, block: int
) -> None:
    parameter = leaf(torch.ones(1))
    path = tmp_path / "log.jsonl" if with_path else None
    recorder = GradNormRecorder([parameter], "l2", path, block=block)

    def run(until: int, norm: float) -> None:
        while recorder.step < until:
            parameter.grad = torch.full((1,), norm)
            recorder.record()

    run(5, 1.0)
    state = recorder.state_dict()
    run(12, 2.0)
    recorder.norms()
    recorder.load_state_dict(state)
    run(7, 3.0)
    assert recorder.norms().norms.tolist() == [1.0] * 5 + [3.0] * 2
    recorder.load_state_dict(state)
    recorder.record(step=9)  # a step that the attempt before did not reach
    assert recorder.norms().steps.tolist() == [0, 1, 2, 3, 4, 9]


def test_a_rollback_while_the_disk_is_full_keeps_what_waits_from_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    recorder = GradNormRecorder([leaf(torch.ones(1))], "l2", tmp_path / "log.jsonl", block=2)
    for _ in range(4):
        recorder.record()
    with monkeypatch.context() as patch, pytest.warns(RuntimeWarning, match="wait in memory"):
        patch.setattr(_log, "_append", full)
        for _ in range(3):
            recorder.record()
        state = recorder.state_dict()
        for _ in range(3):
            recorder.record()
    recorder.load_state_dict(state)
    assert recorder.norms().steps.tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("went_on", [False, True])
def test_what_a_full_disk_did_not_take_is_saved_and_written_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, went_on: bool
) -> None:
    """Also where the run that saved it found room itself before it was given up."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    parameter, path = leaf(torch.ones(1)), tmp_path / "log.jsonl"

    def run(until: int, norm: float, recorder: GradNormRecorder) -> None:
        while recorder.step < until:
            parameter.grad = torch.full((1,), norm)
            recorder.record()

    first = GradNormRecorder([parameter], "l2", path, block=2)
    run(4, 1.0, first)
    with monkeypatch.context() as patch, pytest.warns(RuntimeWarning, match="wait in memory"):
        patch.setattr(_log, "_append", full)
        run(7, 2.0, first)
        torch.save(first.state_dict(), tmp_path / "state.pt")
    if went_on:
        run(10, 3.0, first)
        first.close()
    again = GradNormRecorder([parameter], "l2", path, block=2)
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    run(9, 4.0, again)
    assert again.norms().norms.tolist() == [1.0] * 4 + [2.0] * 3 + [4.0] * 2


def test_in_the_closure_of_lbfgs_the_last_evaluation_of_an_update_counts() -> None:
    weights = torch.nn.Parameter(torch.tensor([2.0, 3.0]))
    optimizer = torch.optim.LBFGS([weights], lr=0.5, max_iter=4)
    recorder, last = GradNormRecorder(optimizer), dict[int, float]()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (weights - 1).square().sum()
        loss.backward()
        assert weights.grad is not None
        recorder.record(step=update)
        last[update] = weights.grad.norm().item()
        return loss

    for update in range(5):  # noqa: B007  (the closure reads it)
        optimizer.step(closure)  # type: ignore[arg-type]
    assert recorder.norms().norms == pytest.approx(list(last.values()), rel=1e-6)
    assert recorder.norms().steps.tolist() == list(last)


def test_a_sparse_gradient_without_entries_and_a_nan_are_what_they_are() -> None:
    table = torch.nn.Embedding(4, 2, sparse=True)
    none = torch.zeros(1, 0, dtype=torch.long)
    table.weight.grad = torch.sparse_coo_tensor(
        none, torch.zeros(0, 2), (4, 2), check_invariants=True
    )
    recorder = GradNormRecorder(table.parameters(), "l1")
    assert recorder.record().item() == 0.0
    table.weight.grad = torch.tensor([[torch.nan, 1.0]] * 4)
    recorder.record()
    assert np.array_equal(recorder.norms().norms, [0.0, np.nan], equal_nan=True)


def test_precisions_that_change_from_update_to_update_fit_in_one_block() -> None:
    one, other = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(1).double())
    recorder = GradNormRecorder([one, other], "l1")
    one.grad = torch.ones(2)
    recorder.record()
    one.grad, other.grad = None, torch.tensor([1 + 1e-12], dtype=torch.float64)
    recorder.record()
    assert recorder.norms().norms.tolist() == [2.0, 1 + 1e-12]


def test_a_step_that_64_bits_do_not_hold_is_refused() -> None:
    recorder = GradNormRecorder([leaf(torch.ones(1))], "l2")
    with pytest.raises(ValueError, match="step=9223372036854775808: expected an int from 0 to"):
        recorder.record(2**63)
    with pytest.raises(ValueError, match="start=9223372036854775808: expected an int from 0 to"):
        GradNormRecorder([leaf(torch.ones(1))], "l2", start=2**63)
    assert len(recorder.norms()) == 0


def test_steps_may_be_given_and_start_anywhere() -> None:
    recorder = GradNormRecorder([leaf(torch.ones(1))], "l2", start=100)
    for step in (None, 150, None, 100):
        recorder.record(step)
    assert recorder.norms().steps.tolist() == [100, 150, 151]


def test_it_closes_as_a_context_also_on_errors(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    meta = {"task": "none"}
    with (
        pytest.raises(RuntimeError, match="diverged"),
        GradNormRecorder([leaf(torch.ones(1))], "l2", path, meta=meta) as recorder,
    ):
        recorder.record()
        raise RuntimeError("diverged")
    assert len(GradNorms.load(path)) == len(recorder.norms()) == 1
    assert GradNorms.load(path).meta == meta
    recorder.close()
    with pytest.raises(ValueError, match="the recorder is closed"):
        recorder.record()


def test_nothing_recorded_is_an_empty_log(tmp_path: Path) -> None:
    for path in (tmp_path / "log.jsonl", None):
        with GradNormRecorder([leaf(torch.ones(1))], "l1", path) as recorder:
            assert len(recorder.norms()) == 0
            assert recorder.norms().norm == "l1"


# ---- arguments --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "norm"),
    [("SGD", "l2"), ("RMSprop", "l2"), ("Adam", "l1"), ("AdamW", "l1"), ("NAdam", "l1")],
)
def test_the_usual_norm_of_an_optimizer(kind: str, norm: str) -> None:
    optimizer = getattr(torch.optim, kind)([leaf(torch.ones(1))], lr=0.1)
    assert GradNormRecorder(optimizer).norm == norm
    assert GradNormRecorder(optimizer, "l1").norms().optimizer == kind


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([leaf(torch.ones(1))],), {}, ValueError, "norm=None: parameters do not tell"),
        (([leaf(torch.ones(1))], "l3"), {}, ValueError, "norm='l3': expected 'l1' or 'l2'"),
        ((net(), "l2"), {}, TypeError, "source: Linear; expected an optimizer or tensors"),
        ((net().named_parameters(), "l2"), {}, TypeError, "source: tuple; expected"),
        (([], "l2"), {}, ValueError, "source: no parameters"),
        ((leaf(torch.ones(1)), "l2"), {"start": -1}, ValueError, "start=-1: expected an int >= 0"),
        ((leaf(torch.ones(1)), "l2"), {"block": 0}, ValueError, "block=0: expected an int >= 1"),
        ((leaf(torch.ones(1)), "l2"), {"block": 2.5}, TypeError, "block=2.5: expected an int"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_bad_arguments(arguments: Any, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        GradNormRecorder(*arguments, **options)


def test_no_gradient_at_all_is_a_clear_error() -> None:
    model = net()
    optimizer = sgd(model)
    recorder = GradNormRecorder(optimizer)
    with pytest.raises(ValueError, match=r"gradients: none of 4 parameters has one.*backward"):
        recorder.record()
    assert len(recorder.norms()) == 0
    backward(model)
    with pytest.raises(ValueError, match="step=-1: expected an int >= 0"):
        recorder.record(step=-1)


# ---- several processes ------------------------------------------------------------------


def _sharded(kind: str, rank: int) -> tuple[torch.nn.Module, Any]:
    """A network of both processes, and the group that shares its plain gradients."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
    from torch.nn.parallel import DistributedDataParallel

    model = net(width=3000)
    if kind == "ddp":
        return DistributedDataParallel(model), None
    if kind.startswith("fsdp1"):
        original = kind == "fsdp1-original"
        cpu = torch.device("cpu")
        model = FullyShardedDataParallel(model, device_id=cpu, use_orig_params=original)
        return model, dist.group.WORLD
    mesh = init_device_mesh("cpu", (2,))
    fully_shard(model[0], mesh=mesh)
    if kind == "fsdp2":
        fully_shard(model, mesh=mesh)
        return model, None
    # The last layer stays a plain one with global gradients, as in DDP.
    for parameter in model[2].parameters():
        parameter.register_hook(lambda g: dist.all_reduce(g := g / 2) or g)
    return model, None


def _measure(kind: str, rank: int) -> dict[str, float]:
    model, group = _sharded(kind, rank)
    x, y = batch()
    loss_of(model, x[rank::2], y[rank::2]).backward()
    optimizer = sgd(model)
    found = [GradNormRecorder(optimizer, n, group=group).record() for n in ("l1", "l2")]
    if kind == "fsdp1":  # one process without a gradient is an empty shard, and takes part
        if rank == 0:
            model.zero_grad()
        assert GradNormRecorder(optimizer, group=group).record() > 0
    return dict(zip(("l1", "l2"), (norm.item() for norm in found), strict=True))


def _measure_mesh() -> dict[str, float]:
    """A 2 x 1 mesh with each kind of placement; all have the values 1 to 6 in the end."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

    mesh, rank = init_device_mesh("cpu", (2, 1)), dist.get_rank()
    values = torch.arange(1.0, 7.0)
    parts: list[Any] = [
        (values[3 * rank :][:3], [Shard(0), Replicate()]),
        (values[3 * rank :][:3], [Shard(0), Shard(0)]),
        (values, [Replicate(), Shard(0)]),
        (values * (0.25 if rank else 0.75), [Partial(), Replicate()]),
    ]
    found = {}
    for norm in ("l1", "l2"):
        parameters = [torch.nn.Parameter(DTensor.from_local(t, mesh, k)) for t, k in parts]
        for parameter, (local, kinds) in zip(parameters, parts, strict=True):
            parameter.grad = DTensor.from_local(local, mesh, kinds)
        found[norm] = GradNormRecorder(parameters, norm).record().item()
    return found


KINDS = ("ddp", "fsdp2", "fsdp2-mixed", "fsdp1", "fsdp1-original")


def _worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    found = {kind: _measure(kind, rank) for kind in KINDS}
    found["mesh"] = _measure_mesh()
    Path(folder, f"{rank}.json").write_text(json.dumps(found))
    leave()


@pytest.fixture(scope="module")
def of_two_processes(tmp_path_factory: Any) -> list[Any]:
    folder = tmp_path_factory.mktemp("processes")
    mp.spawn(_worker, (str(folder),), nprocs=2)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_find_the_norm_of_the_global_batch(kind: str, of_two_processes: Any) -> None:
    model = net(width=3000)
    backward(model)
    for found in of_two_processes:
        assert found[kind] == pytest.approx(exact(model), rel=1e-6)


def test_every_placement_of_a_mesh_counts_once(of_two_processes: Any) -> None:
    for found in of_two_processes:
        assert found["mesh"] == pytest.approx({"l1": 84.0, "l2": 364**0.5}, rel=1e-6)
