"""GradNormCallback in real Lightning Trainers, beside a module that notes the norms itself."""

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.plugins import MixedPrecision
from ritard.schedules import GradNormCallback, GradNorms, refine
from ritard.schedules.refinement import _log
from torch.utils.data import DataLoader, TensorDataset

QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*num_workers.*"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*training_step. returned .None.*"),
]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def norm_of(optimizer: Any) -> float:
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"]]
    return torch.cat([g.double().flatten() for g in gradients]).norm().item()


STARTED: dict[str, Any] = {"updates": None, "steps": [], "norms": []}


class _Recording:
    """Regression that notes the norm where clipping begins."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Linear(3, 1)
        self.seen: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self.net(batch[0]).square().mean()

    def configure_gradient_clipping(self, optimizer: Any, *given: Any, **named: Any) -> None:
        self.seen.append(norm_of(optimizer))
        super().configure_gradient_clipping(optimizer, *given, **named)  # type: ignore[misc]

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)


class Module(_Recording, L.LightningModule):
    pass


class OldPathModule(_Recording, pytorch_lightning.LightningModule):
    pass


def loader(batches: int = 6) -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(1)
    return DataLoader(TensorDataset(torch.randn(2 * batches, 3, generator=generator)), batch_size=2)


def fit(module: Any, callbacks: Any, ckpt: Path | None = None, **options: Any) -> L.Trainer:
    callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
    trainer = L.Trainer(**(QUIET | options), callbacks=callbacks)
    trainer.fit(module, loader(), ckpt_path=ckpt)
    return trainer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "norms.jsonl"


# ---- what is recorded -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "updates"),
    [
        ({}, 12),
        ({"accumulate_grad_batches": 2}, 6),
        ({"accumulate_grad_batches": 4}, 4),  # 4 + 2 batches an epoch
        ({"gradient_clip_val": 1e-3}, 12),
        ({"gradient_clip_val": 1e-3, "gradient_clip_algorithm": "value"}, 12),
        ({"precision": "bf16-mixed", "gradient_clip_val": 1e-3}, 12),
        ({"precision": "64-true"}, 12),
    ],
    ids=str,
)
def test_once_per_update_before_clipping(path: Path, options: Any, updates: int) -> None:
    module = Module()
    if options.get("precision") == "64-true":
        module = module.double()
    trainer = fit(module, GradNormCallback(path), max_epochs=2, **options)
    found = GradNorms.load(path)
    assert found.steps.tolist() == list(range(updates)) == list(range(trainer.global_step))
    assert found.norms == pytest.approx(module.seen, rel=1e-6)
    assert (found.norm, found.optimizer) == ("l2", "SGD")
    assert module.seen[0] > 0.01  # clipping would have shown
    assert len(refine(found).table) == updates


@pytest.mark.parametrize("fused", [False, True])
def test_unscaled_under_a_grad_scaler(path: Path, fused: bool) -> None:
    """A fused optimizer unscales within its step: its gradients still carry the scale here."""

    class Adam(Module):
        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.net.parameters(), lr=0.0, fused=fused)

        def configure_gradient_clipping(self, *given: Any, **named: Any) -> None:
            pass

    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    mixed = MixedPrecision("16-mixed", "cpu", scaler)
    fit(Adam(), GradNormCallback(path, "l2"), max_epochs=1, plugins=[mixed])
    plain = Adam()
    fit(plain, GradNormCallback(path.with_suffix(".plain"), "l2"), max_epochs=1)
    expected = GradNorms.load(path.with_suffix(".plain"))
    # Half precision inside the network
    assert GradNorms.load(path).norms == pytest.approx(expected.norms, rel=1e-2)


def test_a_step_without_a_loss_leaves_a_gap(path: Path) -> None:
    class Skips(Module):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return None if batch_idx == 2 else super().training_step(batch, batch_idx)

        def configure_gradient_clipping(self, *given: Any, **named: Any) -> None:
            pass

    trainer = fit(Skips(), GradNormCallback(path), max_epochs=1)
    assert trainer.global_step == 6
    assert GradNorms.load(path).steps.tolist() == [0, 1, 3, 4, 5]


class TwoOptimizers(Module):
    """Manual optimization: the second optimizer takes a step at every second batch."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.other = torch.nn.Linear(3, 1)
        self.of: list[list[float]] = [[], []]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        pairs = zip((self.net, self.other), self.optimizers(), strict=True)
        for i, (net, optimizer) in enumerate(pairs):
            if i == 1 and batch_idx % 2:
                continue
            optimizer.zero_grad()
            self.manual_backward(net(batch[0]).square().mean())
            self.of[i].append(norm_of(optimizer))
            optimizer.step()

    def configure_optimizers(self) -> Any:
        one = torch.optim.SGD(self.net.parameters(), lr=0.1)
        return [one, torch.optim.AdamW(self.other.parameters(), lr=0.1)]


def test_manual_optimization_with_a_callback_for_each(path: Path) -> None:
    module, other = TwoOptimizers(), path.with_suffix(".other")
    both = [GradNormCallback(path), GradNormCallback(other, "l2", optimizer=1)]
    fit(module, both, max_epochs=2)
    assert GradNorms.load(path).norms == pytest.approx(module.of[0], rel=1e-6)
    assert GradNorms.load(other).norms == pytest.approx(module.of[1], rel=1e-6)
    assert GradNorms.load(other).steps.tolist() == list(range(6))
    assert GradNorms.load(other).optimizer == "AdamW"


def test_the_usual_norm_is_the_optimizers(path: Path) -> None:
    fit(TwoOptimizers(), GradNormCallback(path, optimizer=1), max_epochs=1)
    assert GradNorms.load(path).norm == "l1"


def test_a_module_and_trainer_of_the_old_import_path(path: Path) -> None:
    module = OldPathModule()
    trainer = pytorch_lightning.Trainer(**QUIET, max_epochs=2, callbacks=[GradNormCallback(path)])
    trainer.fit(module, loader())
    assert GradNorms.load(path).norms == pytest.approx(module.seen, rel=1e-6)


# ---- resuming ---------------------------------------------------------------------------


def test_a_resumed_run_repeats_steps_and_equals_the_uninterrupted_one(
    path: Path, tmp_path: Path
) -> None:
    class SavesThenFails(L.Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == 6:
                trainer.save_checkpoint(tmp_path / "a.ckpt")
            if trainer.global_step == 10:
                raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        fit(Module(), [GradNormCallback(path), SavesThenFails()], max_epochs=4)
    assert GradNorms.load(path).steps.tolist() == list(range(10))  # closed on the exception
    fit(Module(), GradNormCallback(path), tmp_path / "a.ckpt", max_epochs=3)
    whole = Module()
    fit(whole, GradNormCallback(tmp_path / "whole.jsonl"), max_epochs=3)
    found = GradNorms.load(path)
    assert found.steps.tolist() == list(range(18))
    assert found.norms == pytest.approx(whole.seen, rel=1e-6)


def test_a_resumed_run_with_two_optimizers(path: Path, tmp_path: Path) -> None:
    """The Trainer's global_step counts the steps of both: each callback keeps its own count."""
    other = path.with_suffix(".other")

    def both() -> list[Any]:
        return [GradNormCallback(path), GradNormCallback(other, optimizer=1)]

    fit(TwoOptimizers(), both(), max_epochs=1).save_checkpoint(tmp_path / "a.ckpt")
    fit(TwoOptimizers(), both(), tmp_path / "a.ckpt", max_epochs=2)
    assert GradNorms.load(path).steps.tolist() == list(range(12))
    assert GradNorms.load(other).steps.tolist() == list(range(6))


def test_what_came_before_a_checkpoint_is_in_the_file(path: Path, tmp_path: Path) -> None:
    """A kill after a checkpoint must not leave a gap before it, whatever the block."""

    class Saves(L.Callback):
        lengths: list[int]

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == 4:
                trainer.save_checkpoint(tmp_path / "a.ckpt")
                self.lengths = GradNorms.load(path).steps.tolist()

    saves = Saves()
    fit(Module(), [GradNormCallback(path), saves], max_epochs=1)
    assert saves.lengths == [0, 1, 2, 3]


def test_added_when_a_run_is_resumed_it_knows_where(path: Path, tmp_path: Path) -> None:
    fit(Module(), [], max_epochs=1).save_checkpoint(tmp_path / "a.ckpt")
    fit(Module(), GradNormCallback(path), tmp_path / "a.ckpt", max_epochs=2)
    assert GradNorms.load(path).steps.tolist() == list(range(6, 12))


def test_a_new_run_with_the_same_path_takes_the_old_ones_place(path: Path) -> None:
    fit(Module(), GradNormCallback(path), max_epochs=2)
    module = Module()
    fit(module, GradNormCallback(path), max_epochs=1)
    assert GradNorms.load(path).norms == pytest.approx(module.seen, rel=1e-6)


def test_an_interrupt_closes_the_log(path: Path) -> None:
    class Interrupts(L.Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == 3:
                raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(Module(), [GradNormCallback(path), Interrupts()], max_epochs=1)
    assert GradNorms.load(path).steps.tolist() == [0, 1, 2]


def test_a_full_disk_ends_no_training() -> None:
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        trainer = fit(Module(), GradNormCallback("/dev/full"), max_epochs=1)
    assert trainer.global_step == 6


# ---- bad input --------------------------------------------------------------------------


def test_a_full_disk_leaves_what_it_did_not_take_to_the_checkpoint(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that resumes with room writes it: nothing is missing from the log."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    first, last = Module(), Module()
    with monkeypatch.context() as patch, pytest.warns(RuntimeWarning, match="No space left"):
        patch.setattr(_log, "_append", full)
        trainer = fit(first, GradNormCallback(path), max_epochs=1)
        trainer.save_checkpoint(tmp_path / "end.ckpt")
    assert not path.read_bytes()
    fit(last, GradNormCallback(path), tmp_path / "end.ckpt", max_epochs=2)
    found = GradNorms.load(path)
    assert found.steps.tolist() == list(range(12))
    assert found.norms == pytest.approx(first.seen + last.seen, rel=1e-6)


def test_another_file_is_refused_before_training_and_left_alone(path: Path) -> None:
    GradNorms.of([1, 2], "l1").save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"norm='l2': .* is a log of l1 norms"):
        fit(Module(), GradNormCallback(path), max_epochs=1)
    assert path.read_bytes() == before


def test_a_shared_path_is_a_clear_error(path: Path) -> None:
    both = [GradNormCallback(path), GradNormCallback(path, optimizer=1)]
    with pytest.raises(ValueError, match="another GradNormCallback writes there"):
        fit(TwoOptimizers(), both, max_epochs=1)


def test_an_optimizer_that_is_not_there_is_a_clear_error(path: Path) -> None:
    index = 1
    message = rf"optimizer={index}: the module has 1; expected one of \[0\]"
    with pytest.raises(ValueError, match=message):
        fit(Module(), GradNormCallback(path, optimizer=index), max_epochs=1)


def test_hybrid_sharding_is_a_clear_error(path: Path) -> None:
    from ritard.schedules.refinement.lightning import sharding_group
    from torch.distributed.fsdp import ShardingStrategy

    class Strategy:
        sharding_strategy = ShardingStrategy.HYBRID_SHARD

    class Trainer:
        strategy = Strategy()

    with pytest.raises(ValueError, match="sharding_strategy=HYBRID_SHARD: expected FULL_SHARD"):
        sharding_group(Trainer())


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))], ids=["copy", "pickle"]
)
def test_the_callback_copies_and_pickles(path: Path, again: Any) -> None:
    callback = again(GradNormCallback(path, "l1", optimizer=0))
    fit(Module(), callback, max_epochs=1)
    after = again(callback)
    assert (after.path, after.norm, after.state_dict()) == (path, "l1", STARTED | {"updates": 6})
    assert np.isfinite(GradNorms.load(path, "l1").norms).all()
