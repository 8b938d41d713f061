"""ScheduleCallback in real Lightning Trainers, all in this process; new ones: test_…_processes."""

import copy
import csv
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.callbacks import (
    GradientAccumulationScheduler,
    LearningRateFinder,
    LearningRateMonitor,
    ModelCheckpoint,
    Timer,
)
from lightning.pytorch.loggers import CSVLogger
from ritard.schedules import (
    REX,
    WSD,
    Budget,
    Cosine,
    Linear,
    Schedule,
    ScheduleCallback,
    ScheduleLR,
)
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

BASE = 0.5
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
    pytest.mark.filterwarnings("ignore:.*tensorboardX.*"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no.*"),
    pytest.mark.filterwarnings("ignore:.*callbacks used to create the checkpoint.*"),
]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class _Recording:
    """Linear regression that notes the rates its optimizers really use, update by update."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Linear(3, 1)
        self.rates: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return self.net(batch[0]).square().mean()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val", self.net(batch[0]).square().mean())  # type: ignore[attr-defined]

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.rates.append(float(optimizer.param_groups[0]["lr"]))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.net.parameters(), lr=BASE, momentum=0.9)


class Module(_Recording, L.LightningModule):
    pass


class OldPathModule(_Recording, pytorch_lightning.LightningModule):
    pass


class TwoOptimizers(_Recording, L.LightningModule):
    """Manual optimization: the second optimizer takes a step at every second batch."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.other = torch.nn.Linear(3, 1)
        self.other_rates: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> None:
        schedulers = self.lr_schedulers()
        schedulers = schedulers if isinstance(schedulers, list) else [schedulers]
        by_optimizer = {id(s.optimizer): s for s in schedulers if s is not None}
        for i, (net, optimizer) in enumerate(
            zip((self.net, self.other), self.optimizers(), strict=True)
        ):
            if i == 1 and batch_idx % 2:
                continue
            optimizer.zero_grad()
            self.manual_backward(net(batch[0]).square().mean())
            optimizer.step()
            if id(optimizer.optimizer) in by_optimizer:
                by_optimizer[id(optimizer.optimizer)].step()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        first = optimizer is self.trainer.optimizers[0]
        (self.rates if first else self.other_rates).append(optimizer.param_groups[0]["lr"])

    def configure_optimizers(self) -> Any:
        nets = (self.net, self.other)
        return [torch.optim.SGD(net.parameters(), lr=BASE) for net in nets]


def loader(batches: int = 6) -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(1)
    return DataLoader(TensorDataset(torch.randn(2 * batches, 3, generator=generator)), batch_size=2)


def expected(schedule: Schedule, total: int, updates: int | None = None) -> list[float]:
    return [BASE * schedule(t, total) for t in range(total if updates is None else updates)]


def fit(module: Any, callbacks: list[Any], batches: int = 6, **options: Any) -> L.Trainer:
    trainer = L.Trainer(**(QUIET | options), callbacks=callbacks)
    trainer.fit(module, loader(batches))
    return trainer


# ---- the horizon ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "total", "updates"),
    [
        ({"max_epochs": 3}, 18, 18),
        ({"max_steps": 11}, 11, 11),
        ({"max_epochs": 3, "max_steps": 11}, 11, 11),
        ({"max_epochs": 1, "max_steps": 11}, 6, 6),
        ({"max_epochs": 3, "limit_train_batches": 0.5}, 9, 9),
        ({"max_epochs": 3, "accumulate_grad_batches": 2}, 9, 9),
        ({"max_epochs": 3, "accumulate_grad_batches": 4}, 6, 6),  # 4 + 2 batches an epoch
        ({"max_steps": 5, "accumulate_grad_batches": 3}, 5, 5),
        ({"max_epochs": 2, "max_time": "00:01:00:00"}, 12, 12),
        ({"fast_dev_run": True}, 1, 1),
        ({"max_epochs": 3, "barebones": True}, 18, 18),
    ],
    ids=str,
)
def test_the_trainer_knows_the_horizon(options: Any, total: int, updates: int) -> None:
    module, schedule = Module(), REX().warmup(2) if total > 4 else REX()
    barebones = dict.fromkeys(QUIET.keys() - {"accelerator"}) if "barebones" in options else {}
    trainer = fit(module, [ScheduleCallback(schedule)], **(options | barebones))
    (config,) = trainer.lr_scheduler_configs
    assert isinstance(config.scheduler, ScheduleLR)
    assert config.scheduler.budget == Budget.steps(total)
    assert module.rates == expected(schedule, total, updates)
    assert config.scheduler.last_epoch == updates


def test_accumulation_that_changes_by_epoch() -> None:
    """Lightning's own estimate takes the factor of the start for the whole run."""
    module, accumulation = Module(), GradientAccumulationScheduler({1: 2, 2: 4})
    fit(module, [ScheduleCallback(REX()), accumulation], max_epochs=3)
    assert module.rates == expected(REX(), 6 + 3 + 2)


def test_a_given_horizon_wins() -> None:
    module = Module()
    fit(module, [ScheduleCallback(Cosine(), 100)], max_epochs=2)
    assert module.rates == expected(Cosine(), 100, 12)


def test_max_time_gives_a_budget_in_seconds() -> None:
    class Slow(Module):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            time.sleep(0.02)
            return super().training_step(batch, batch_idx)

    module = Slow()
    trainer = fit(module, [ScheduleCallback(Linear())], max_time={"seconds": 1}, max_epochs=-1)
    scheduler: Any = trainer.lr_scheduler_configs[0].scheduler
    assert scheduler.budget == Budget.seconds(1.0)
    assert module.rates[0] == BASE
    assert all(a > b for a, b in zip(module.rates, module.rates[1:], strict=False))
    # It ran until its time was up; the wide bounds are for machines that are busy.
    assert module.rates[-1] < 0.5 * BASE
    assert scheduler.position > 0.5


def test_a_timer_of_ones_own_gives_seconds_too() -> None:
    timer = Timer(duration={"hours": 1})
    trainer = fit(
        Module(), [timer, ScheduleCallback(Linear())], max_epochs=-1, limit_train_batches=0
    )
    scheduler: Any = trainer.lr_scheduler_configs[0].scheduler
    assert scheduler.budget.unit == "seconds"
    assert scheduler.budget.length == pytest.approx(3600)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[torch.Tensor]:
        while True:
            yield torch.ones(3)


@pytest.mark.parametrize("data", [Endless(), None], ids=["endless", "sized"])
def test_no_horizon_is_a_clear_error(data: Dataset[Any] | None) -> None:
    module = Module()
    trainer = L.Trainer(**QUIET, max_epochs=-1, callbacks=[ScheduleCallback(REX())])
    with pytest.raises(ValueError, match=r"total_steps=None.*max_epochs=-1.*give total_steps"):
        trainer.fit(module, loader() if data is None else DataLoader(data, batch_size=2))
    assert not trainer.lr_scheduler_configs
    assert "initial_lr" not in trainer.optimizers[0].param_groups[0]


def test_epochs_over_a_dataset_without_length_is_a_clear_error() -> None:
    trainer = L.Trainer(**QUIET, max_epochs=2, callbacks=[ScheduleCallback(REX())])
    with pytest.raises(ValueError, match="a dataset without a length"):
        trainer.fit(Module(), DataLoader(Endless(), batch_size=2))


def test_an_endless_dataset_with_max_steps() -> None:
    module = Module()
    trainer = L.Trainer(**QUIET, max_steps=7, callbacks=[ScheduleCallback(REX())])
    trainer.fit(module, DataLoader(Endless(), batch_size=2))
    assert module.rates == expected(REX(), 7)


# ---- who else drives --------------------------------------------------------------------


def test_a_module_with_its_own_scheduler_is_a_clear_error() -> None:
    class Own(Module):
        def configure_optimizers(self) -> Any:
            optimizer = super().configure_optimizers()
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    module = Own()
    weights = module.net.weight.clone()
    trainer = L.Trainer(**QUIET, max_epochs=1, callbacks=[ScheduleCallback(REX().warmup(0.5))])
    with pytest.raises(ValueError, match="has a scheduler already; return optimizers alone"):
        trainer.fit(module, loader())
    assert len(trainer.lr_scheduler_configs) == 1
    assert trainer.optimizers[0].param_groups[0]["lr"] == BASE
    assert torch.equal(module.net.weight, weights)


class Returns(Module):
    """Hands Lightning a scheduler itself."""

    def __init__(self, total: int | Budget | None = None, **config: Any) -> None:
        super().__init__()
        self.total, self.config = total, config

    def configure_optimizers(self) -> Any:
        optimizer = super().configure_optimizers()
        total = self.total or int(self.trainer.estimated_stepping_batches)
        scheduler = ScheduleLR(optimizer, Linear(), total)
        given = {"scheduler": scheduler, **self.config} if self.config else scheduler
        return {"optimizer": optimizer, "lr_scheduler": given}


class Overrides(Returns):
    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        scheduler.step()


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (Returns(), {}),
        (Returns(interval="epoch"), {}),
        (Returns(18), {}),
        (Returns(Budget.epochs(3, steps_per_epoch=6)), {}),
        (Returns(), {"accumulate_grad_batches": 2}),
        (Returns(), {"max_steps": 14}),
        (Overrides(), {}),
    ],
)
def test_a_schedule_in_updates_that_is_stepped_by_the_epoch_is_said_once(
    module: Returns, options: dict[str, Any]
) -> None:
    with pytest.warns(UserWarning, match=r"steps it by the epoch.*ScheduleCallback") as caught:
        fit(module, [], max_epochs=3, **options)
    assert len([w for w in caught if "ScheduleLR" in str(w.message)]) == 1


@pytest.mark.parametrize(
    ("module", "options", "batches"),
    [
        (Returns(interval="step"), {}, 6),
        (Returns(interval="step"), {"accumulate_grad_batches": 4}, 6),
        (Returns(3), {}, 6),  # a horizon in epochs
        (Returns(40), {}, 6),  # likewise, of a longer run
        (Returns(100), {"fast_dev_run": 2}, 6),
        (Returns(), {}, 1),  # one update an epoch
        (Returns(Budget.seconds(60)), {}, 6),
    ],
)
@pytest.mark.filterwarnings("error:ScheduleLR")
def test_a_schedule_that_is_stepped_as_it_counts_is_not_warned_of(
    module: Returns, options: dict[str, Any], batches: int
) -> None:
    fit(module, [], batches, max_epochs=3, **options)


@pytest.mark.filterwarnings("error:ScheduleLR")
def test_a_new_schedule_in_a_further_fit_is_behind_by_right() -> None:
    module = Returns(interval="step")
    trainer = fit(module, [], max_epochs=2)
    trainer.fit_loop.max_epochs = 4
    trainer.fit(module, loader())
    assert trainer.lr_scheduler_configs[0].scheduler.budget == Budget.steps(24)


def test_two_callbacks_on_one_optimizer_are_a_clear_error() -> None:
    with pytest.raises(ValueError, match="has a scheduler already"):
        fit(
            Module(),
            [ScheduleCallback(REX()), ScheduleCallback(Cosine(), optimizer=0)],
            max_epochs=1,
        )


def test_a_misfit_of_the_second_optimizer_changes_nothing() -> None:
    class SGDAndAdam(TwoOptimizers):
        def configure_optimizers(self) -> Any:
            return [
                torch.optim.SGD(self.net.parameters(), lr=BASE, momentum=0.9),
                torch.optim.Adam(self.other.parameters(), lr=BASE),
            ]

    callback = ScheduleCallback({"lr": REX().warmup(3), "momentum": REX()}, 12)
    trainer = L.Trainer(**QUIET, max_epochs=1, callbacks=[callback])
    with pytest.raises(ValueError, match="'momentum': parameter group 0 has no such entry"):
        trainer.fit(SGDAndAdam(), loader())
    assert not trainer.lr_scheduler_configs
    assert trainer.optimizers[0].param_groups[0]["lr"] == BASE


def test_an_optimizer_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(ValueError, match=r"optimizer=1: the module has 1; expected one of \[0\]"):
        fit(Module(), [ScheduleCallback(REX(), optimizer=1)], max_epochs=1)


# ---- manual optimization ----------------------------------------------------------------


def test_manual_optimization_with_two_callbacks() -> None:
    module = TwoOptimizers()
    callbacks = [ScheduleCallback(REX(), 12, optimizer=0), ScheduleCallback(WSD(), 6, optimizer=1)]
    fit(module, callbacks, max_epochs=2)
    assert module.rates == expected(REX(), 12)
    assert module.other_rates == expected(WSD(), 6)


def test_manual_optimization_with_one_callback_for_all() -> None:
    module = TwoOptimizers()
    trainer = fit(module, [ScheduleCallback(REX(), 12)], max_epochs=2)
    assert len(trainer.lr_scheduler_configs) == 2
    assert module.rates == expected(REX(), 12)
    assert module.other_rates == expected(REX(), 12, 6)


def test_manual_optimization_leaves_the_other_optimizer_alone() -> None:
    module = TwoOptimizers()
    fit(module, [ScheduleCallback(REX(), 6, optimizer=1)], max_epochs=2)
    assert module.rates == [BASE] * 12
    assert module.other_rates == expected(REX(), 6)


def test_manual_optimization_without_a_horizon_is_a_clear_error() -> None:
    with pytest.raises(ValueError, match=r"under manual optimization.*give total_steps"):
        fit(TwoOptimizers(), [ScheduleCallback(REX())], max_epochs=2)


def test_manual_optimization_resumes(tmp_path: Path) -> None:
    def callbacks() -> list[Any]:
        return [
            ScheduleCallback(REX(), 24, optimizer=0),
            ScheduleCallback(WSD(), 12, optimizer=1),
        ]

    whole, part, rest = TwoOptimizers(), TwoOptimizers(), TwoOptimizers()
    fit(whole, callbacks(), max_epochs=4)
    fit(part, callbacks(), max_epochs=2).save_checkpoint(tmp_path / "a.ckpt")
    trainer = L.Trainer(**QUIET, max_epochs=4, callbacks=callbacks())
    trainer.fit(rest, loader(), ckpt_path=tmp_path / "a.ckpt")
    assert part.rates + rest.rates == whole.rates == expected(REX(), 24)
    assert part.other_rates + rest.other_rates == whole.other_rates == expected(WSD(), 12)
    assert torch.equal(rest.net.weight, whole.net.weight)


# ---- checkpoint and resume --------------------------------------------------------------


def _interrupted(
    tmp_path: Path, max_epochs: int, horizon: int | None = None
) -> tuple[Module, Path]:
    module = Module()
    callback = ScheduleCallback(REX().warmup(0.2), horizon)
    trainer = fit(module, [callback], max_epochs=max_epochs)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    return module, tmp_path / "half.ckpt"


@pytest.mark.parametrize("weights_only", [None, True, False])
def test_resume_equals_the_uninterrupted_run(tmp_path: Path, weights_only: bool | None) -> None:
    whole, rest = Module(), Module()
    fit(whole, [ScheduleCallback(REX().warmup(0.2))], max_epochs=4)
    part, path = _interrupted(tmp_path, max_epochs=2, horizon=24)
    trainer = L.Trainer(**QUIET, max_epochs=4, callbacks=[ScheduleCallback(REX().warmup(0.2))])
    trainer.fit(rest, loader(), ckpt_path=path, weights_only=weights_only)
    assert part.rates + rest.rates == whole.rates
    assert torch.equal(rest.net.weight, whole.net.weight)


@pytest.mark.parametrize("epochs", [3, 8])
def test_resume_with_another_horizon(tmp_path: Path, epochs: int) -> None:
    schedule, module = REX().warmup(0.2), Module()
    _, path = _interrupted(tmp_path, max_epochs=2)
    trainer = L.Trainer(**QUIET, max_epochs=epochs, callbacks=[ScheduleCallback(schedule)])
    trainer.fit(module, loader(), ckpt_path=path)
    assert module.rates == expected(schedule, 6 * epochs)[12:]


def test_resume_with_another_schedule_is_an_error(tmp_path: Path) -> None:
    _, path = _interrupted(tmp_path, max_epochs=1)
    trainer = L.Trainer(**QUIET, max_epochs=2, callbacks=[ScheduleCallback(Cosine())])
    with pytest.raises(ValueError, match="saved with schedule"):
        trainer.fit(Module(), loader(), ckpt_path=path)


@pytest.mark.filterwarnings("ignore:.*ended before the epoch ended.*")
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_checkpoint_within_an_epoch(tmp_path: Path, accumulate: int) -> None:
    saver = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=2, save_top_k=-1)
    whole, total = Module(), 18 // accumulate
    options = QUIET | {"max_epochs": 3, "accumulate_grad_batches": accumulate}
    L.Trainer(
        **(options | {"enable_checkpointing": True}), callbacks=[ScheduleCallback(REX()), saver]
    ).fit(whole, loader())
    assert whole.rates == expected(REX(), total)
    for path in tmp_path.glob("*.ckpt"):
        done, rest = int(path.stem.partition("=")[2]), Module()
        trainer = L.Trainer(**options, callbacks=[ScheduleCallback(REX())])
        trainer.fit(rest, loader(), ckpt_path=path)
        assert rest.rates == whole.rates[done:], path.name


def test_resume_of_max_time_goes_on_from_its_clock(tmp_path: Path) -> None:
    def trainer(max_steps: int) -> L.Trainer:
        callbacks = [ScheduleCallback(Linear()), Timer({"hours": 1})]
        # Lightning prefers max_steps for the horizon, so that the steps are stopped by hand.
        return L.Trainer(**QUIET, max_epochs=-1, limit_train_batches=max_steps, callbacks=callbacks)

    class Stops(Module):
        def on_train_epoch_end(self) -> None:
            self.trainer.should_stop = True

    first, second = Stops(), Stops()
    before = trainer(3)
    before.fit(first, loader())
    scheduler: Any = before.lr_scheduler_configs[0].scheduler
    scheduler._clock.set(1800.0)
    before.save_checkpoint(tmp_path / "a.ckpt")
    after = trainer(3)
    after.fit(second, loader(), ckpt_path=tmp_path / "a.ckpt")
    scheduler = after.lr_scheduler_configs[0].scheduler
    assert scheduler.budget == Budget.seconds(3600.0)
    assert second.rates[0] == pytest.approx(BASE / 2, rel=1e-2)  # half the hour is over


# ---- fit again, validate ----------------------------------------------------------------


def test_the_same_callback_serves_two_trainers() -> None:
    callback = ScheduleCallback(REX())
    first, second = Module(), Module()
    fit(first, [callback], max_epochs=1)
    fit(second, [callback], max_epochs=2)
    assert first.rates == expected(REX(), 6)
    assert second.rates == expected(REX(), 12)


def test_fit_called_twice_goes_on() -> None:
    """The Trainer goes on from its own count of epochs, and the horizon is of all of them."""
    module = Module()
    trainer = fit(module, [ScheduleCallback(REX())], max_epochs=2)
    assert module.rates == expected(REX(), 12)
    trainer.fit_loop.max_epochs = 4
    trainer.fit(module, loader())
    assert module.rates[12:] == expected(REX(), 24)[12:]
    assert len(trainer.lr_scheduler_configs) == 1


def test_a_checkpoint_from_before_the_callback(tmp_path: Path) -> None:
    """A run that gets its schedule only on resuming stands where its Trainer stands."""
    trainer = fit(Module(), [], max_epochs=2)
    trainer.save_checkpoint(tmp_path / "plain.ckpt")
    module = Module()
    trainer = L.Trainer(**QUIET, max_epochs=4, callbacks=[ScheduleCallback(REX())])
    trainer.fit(module, loader(), ckpt_path=tmp_path / "plain.ckpt")
    assert module.rates == expected(REX(), 24)[12:]


def test_validation_does_not_disturb() -> None:
    module, callback = Module(), ScheduleCallback(REX())
    trainer = L.Trainer(**QUIET, max_epochs=2, val_check_interval=2, callbacks=[callback])
    trainer.validate(module, loader(), verbose=False)
    trainer.fit(module, loader(), loader(2))
    scheduler = trainer.lr_scheduler_configs[0].scheduler
    state = scheduler.state_dict()
    trainer.validate(module, loader(), verbose=False)
    assert scheduler.state_dict() == state
    assert module.rates == expected(REX(), 12)


# ---- what stands beside it --------------------------------------------------------------


def _logged(folder: Path, column: str) -> list[float]:
    with next(folder.rglob("metrics.csv")).open() as file:
        return [float(row[column]) for row in csv.DictReader(file) if row.get(column)]


def test_learning_rate_monitor_shows_the_rates(tmp_path: Path) -> None:
    module = Module()
    options = {"logger": CSVLogger(tmp_path), "log_every_n_steps": 1, "max_epochs": 3}
    fit(module, [ScheduleCallback(REX()), LearningRateMonitor("step")], **options)
    assert _logged(tmp_path, "lr-SGD") == pytest.approx(module.rates, rel=1e-6)  # logged in float32


def test_learning_rate_monitor_tells_two_optimizers_apart(tmp_path: Path) -> None:
    module = TwoOptimizers()
    options = {"logger": CSVLogger(tmp_path), "log_every_n_steps": 1, "max_epochs": 1}
    monitor = LearningRateMonitor("step")
    both = [ScheduleCallback(REX(), 6, optimizer=0), ScheduleCallback(WSD(), 3, optimizer=1)]
    fit(module, [*both, monitor], **options)
    assert len(monitor.lrs) == 2
    header = next(tmp_path.rglob("metrics.csv")).read_text().splitlines()[0].split(",")
    assert len([name for name in header if "lr-" in name or "schedule" in name]) == 2


@pytest.mark.parametrize("finder_first", [True, False])
def test_learning_rate_finder_sets_the_base(tmp_path: Path, finder_first: bool) -> None:
    class WithRate(Module):
        lr = BASE

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.net.parameters(), lr=self.lr)

    finder = LearningRateFinder(1e-4, 0.3, num_training_steps=60, early_stop_threshold=None)
    both = [finder, ScheduleCallback(REX())][:: 1 if finder_first else -1]
    module = WithRate()
    fit(module, both, batches=60, max_epochs=1, default_root_dir=tmp_path)
    assert module.lr != BASE
    assert module.rates[-60:] == [module.lr * REX()(t, 60) for t in range(60)]


def test_momentum_and_groups() -> None:
    class Groups(Module):
        def configure_optimizers(self) -> Any:
            groups = [
                {"params": [p], "lr": BASE / (i + 1)} for i, p in enumerate(self.parameters())
            ]
            return torch.optim.SGD(groups, lr=BASE, momentum=0.9)

    seen: list[tuple[float, ...]] = []

    class Look(L.Callback):
        def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
            seen.append(tuple(g["lr"] for g in optimizer.param_groups))
            seen.append(tuple(g["momentum"] for g in optimizer.param_groups))

    schedule = {"lr": [REX(), Cosine()], "momentum": Linear()}
    fit(Groups(), [ScheduleCallback(schedule), Look()], max_epochs=1)
    rates = [(BASE * REX()(t, 6), BASE / 2 * Cosine()(t, 6)) for t in range(6)]
    momenta = [(0.9 * Linear()(t, 6),) * 2 for t in range(6)]
    assert seen[::2] == rates
    assert seen[1::2] == momenta


def test_lightning_data_module() -> None:
    class Data(L.LightningDataModule):
        def train_dataloader(self) -> Any:
            return loader(4)

    module = Module()
    trainer = L.Trainer(**QUIET, max_epochs=2, callbacks=[ScheduleCallback(REX())])
    trainer.fit(module, datamodule=Data())
    assert module.rates == expected(REX(), 8)


def test_precision_bf16_mixed() -> None:
    module = Module()
    fit(module, [ScheduleCallback(REX())], max_epochs=2, precision="bf16-mixed")
    assert module.rates == expected(REX(), 12)


def test_tensor_rate() -> None:
    class WithTensor(Module):
        def configure_optimizers(self) -> Any:
            self.held = torch.tensor(BASE)
            return torch.optim.Adam(self.parameters(), lr=self.held)

    module = WithTensor()
    trainer = fit(module, [ScheduleCallback(REX())], max_epochs=2)
    assert trainer.optimizers[0].param_groups[0]["lr"] is module.held
    assert module.rates == pytest.approx(expected(REX(), 12), rel=1e-6)  # held in float32


def test_groups_thawed_late_follow() -> None:
    class Thaws(L.Callback):
        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch == 1:
                group = {"params": [pl_module.net.bias], "lr": BASE / 10}
                trainer.optimizers[0].add_param_group(group)

    class Frozen(Module):
        def configure_optimizers(self) -> Any:
            return torch.optim.SGD([self.net.weight], lr=BASE)

        def on_before_optimizer_step(self, optimizer: Any) -> None:
            self.rates += [group["lr"] for group in optimizer.param_groups]

    module = Frozen()
    fit(module, [ScheduleCallback(REX()), Thaws()], max_epochs=2)
    late = [r for t in range(6, 12) for r in (BASE * REX()(t, 12), BASE / 10 * REX()(t, 12))]
    assert module.rates == [*expected(REX(), 12, 6), *late]


def test_a_module_and_trainer_of_the_old_import_path() -> None:
    module = OldPathModule()
    trainer = pytorch_lightning.Trainer(**QUIET, max_epochs=3, callbacks=[ScheduleCallback(REX())])
    trainer.fit(module, loader())
    assert module.rates == expected(REX(), 18)
    config = trainer.lr_scheduler_configs[0]
    assert isinstance(config, pytorch_lightning.utilities.types.LRSchedulerConfig)


@pytest.mark.parametrize("package", [L, pytorch_lightning], ids=["lightning", "pytorch_lightning"])
def test_a_subclassed_trainer(package: Any) -> None:
    class MyTrainer(package.Trainer):
        pass

    module = Module() if package is L else OldPathModule()
    MyTrainer(**QUIET, max_epochs=3, callbacks=[ScheduleCallback(REX())]).fit(module, loader())
    assert module.rates == expected(REX(), 18)


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))], ids=["copy", "pickle"]
)
def test_the_callback_copies_and_pickles(again: Callable[[Any], Any]) -> None:
    callback = ScheduleCallback(REX().warmup(0.1), Budget.epochs(3, 6))
    before = again(callback)
    module = Module()
    trainer = fit(module, [before], max_epochs=3)
    after = again(before)
    again(trainer.lr_scheduler_configs[0].scheduler)
    for one in (before, after):
        assert (one.schedule, one.total_steps) == (callback.schedule, callback.total_steps)
        assert one.state_key == callback.state_key
    assert module.rates == expected(REX().warmup(0.1), 18)
