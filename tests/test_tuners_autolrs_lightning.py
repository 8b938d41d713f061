"""AutoLRSCallback: the Trainer's run is that of its factor, and sees nothing of the search."""

import json
import logging
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, StochasticWeightAveraging
from ritard.schedules import Constant, Cosine, ScheduleCallback, Tabulated
from ritard.tuners.autolrs import AutoLRSCallback
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

T = 240
OPTIONS: dict[str, Any] = {"overhead": 0.7, "stages": 2, "candidates": 3, "scored": 4}


def dataset(n: int, seed: int) -> TensorDataset:
    x = torch.randn(n, 6, generator=torch.Generator().manual_seed(seed))
    return TensorDataset(x, (x[:, :1] * x[:, 1:2]).tanh())


def held_out() -> DataLoader[Any]:
    return DataLoader(dataset(256, seed=2), batch_size=64)


class Log:
    """What a snapshot does not put back: an object that is no data."""

    steps = 0


class Module(L.LightningModule):
    """Batch normalisation and dropout: both would show a state that was not put back."""

    def __init__(self, optimizer: str = "sgd", lr: float = 1 / 1024) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, 1)
        )
        self.kind, self.lr = optimizer, lr
        self.rates: list[float] = []  # put back with the rest: the run's alone
        self.every = Log()

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = (self.net(batch[0]) - batch[1]).square().mean()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val", (self.net(batch[0]) - batch[1]).square().mean())

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.rates.append(optimizer.param_groups[0]["lr"])
        self.every.steps += 1

    def configure_optimizers(self) -> Any:
        if self.kind == "adamw":
            return torch.optim.AdamW(self.parameters(), self.lr)
        return torch.optim.SGD(self.parameters(), self.lr, momentum=0.9)


def fit(module: Any, *callbacks: Callback, ckpt: Path | None = None, **options: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    saves = any(isinstance(callback, ModelCheckpoint) for callback in callbacks)
    usual = {"max_steps": T, "max_epochs": -1, "enable_checkpointing": saves}
    trainer = L.Trainer(
        accelerator="cpu", callbacks=list(callbacks), **{**quiet, **usual, **options}
    )
    torch.manual_seed(7)
    batches = DataLoader(dataset(480, seed=1), batch_size=16, shuffle=True, drop_last=True)
    trainer.fit(module, batches, held_out() if "val_check_interval" in options else None,
                ckpt_path=ckpt, weights_only=False)  # fmt: skip
    return trainer


def tuner(**options: Any) -> AutoLRSCallback:
    held = Constant().cooldown(0.2, "linear")
    return AutoLRSCallback(**{"base": held, "held_out": held_out(), **OPTIONS, **options})


def same(a: Module, b: Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {}),
    ("adamw", {"accumulate_grad_batches": 2}),
    ("sgd", {"gradient_clip_val": 0.05, "val_check_interval": 11}),
]


@pytest.mark.parametrize(("optimizer", "options"), SETTINGS)
def test_without_a_change_it_is_the_untuned_run_bit_for_bit(
    optimizer: str, options: dict[str, Any]
) -> None:
    tuned, plain = Module(optimizer), Module(optimizer)
    callback = tuner(switching_cost=1e9, base=Cosine().warmup(10))
    trainer = fit(tuned, callback, **options)
    fit(plain, ScheduleCallback(Cosine().warmup(10)), **options)
    assert len(callback.reports) == 2
    assert trainer.global_step == len(plain.rates) == callback.ledger.productive
    assert tuned.rates == plain.rates
    assert tuned.every.steps == callback.ledger.productive + callback.ledger.search
    assert same(tuned, plain)


@pytest.mark.parametrize(("optimizer", "options"), SETTINGS)
def test_the_learned_schedule_is_the_run_bit_for_bit(
    optimizer: str, options: dict[str, Any]
) -> None:
    tuned, plain = Module(optimizer), Module(optimizer)
    callback = tuner()
    fit(tuned, callback, **options)
    assert {report.scale for report in callback.reports} != {1.0}
    assert isinstance(callback.schedule(), Tabulated)
    fit(plain, ScheduleCallback(callback.schedule()), **options)
    assert same(tuned, plain)
    assert callback.ledger.overhead <= 0.7


class Watch(Callback):
    """What another callback gets to see."""

    def __init__(self) -> None:
        self.batches = self.steps = self.zeroed = 0
        self.metrics: set[str] = set()

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.batches += 1
        self.metrics |= set(trainer.callback_metrics)

    def on_before_optimizer_step(self, *_: Any) -> None:
        self.steps += 1

    def on_before_zero_grad(self, *_: Any) -> None:
        self.zeroed += 1


@pytest.mark.parametrize("first", [True, False])
def test_others_see_the_run_alone(first: bool) -> None:
    watch, callback, module = Watch(), tuner(), Module()
    trainer = fit(module, *((watch, callback) if first else (callback, watch)))
    assert watch.batches == watch.steps == watch.zeroed == trainer.global_step == T
    assert {"autolrs/scale", "autolrs/overhead", "loss"} <= watch.metrics
    assert trainer.callback_metrics["autolrs/scale"] == callback.scale
    assert "log" not in vars(module)


def test_groups_keep_their_ratios_and_the_run_ends_at_its_schedules_end() -> None:
    class Two(Module):
        def configure_optimizers(self) -> Any:
            first, *rest = self.net
            groups = [{"params": first.parameters(), "lr": 0.08}]
            groups += [{"params": [p for m in rest for p in m.parameters()], "lr": 0.01}]
            return torch.optim.SGD(groups, momentum=0.9)

        def on_before_optimizer_step(self, optimizer: Any) -> None:
            super().on_before_optimizer_step(optimizer)
            a, b = (group["lr"] for group in optimizer.param_groups)
            assert a / b == pytest.approx(8.0)

    module, callback = Two(), tuner()
    fit(module, callback, max_steps=233)
    end = Constant().cooldown(0.2, "linear")(232, 233)
    assert module.rates[-1] == pytest.approx(0.08 * callback.scale * end)


def test_a_score_of_ones_own() -> None:
    seen = []

    def score(module: Any, batch: Any) -> Tensor:
        assert not module.net.training
        assert not torch.is_grad_enabled()
        seen.append(len(batch[0]))
        return (module.net(batch[0]) - batch[1]).abs()

    callback = tuner(score=score)
    fit(Module(), callback)
    assert len(seen) == callback.ledger.scored
    assert set(seen) == {64}


def test_without_held_out_batches_it_scores_on_training_batches() -> None:
    callback = tuner(held_out=None)
    fit(Module(), callback)
    assert [report.start for report in callback.reports] == [4, 120]


# ---- saving, resuming, errors ----------------------------------------------------------------


@pytest.mark.parametrize("at", [100, 130])  # between stages; while the second is recorded
def test_resuming_from_a_checkpoint(at: int, tmp_path: Path) -> None:
    saves = ModelCheckpoint(tmp_path, every_n_train_steps=at, save_top_k=-1)
    whole = tuner()
    fit(Module(), whole, saves)
    (path, *_) = sorted(tmp_path.glob(f"*step={at}.ckpt"))
    plain = torch.load(path, weights_only=True)  # plain values
    (key,) = (k for k in plain["callbacks"] if "AutoLRS" in k)
    json.dumps(plain["callbacks"][key], allow_nan=False)
    module, resumed = Module(), tuner()
    trainer = fit(module, resumed, ckpt=path)
    assert trainer.global_step == T == resumed.ledger.productive
    assert resumed.reports[0] == whole.reports[0]
    assert resumed.reports[1].start == max(120, at)
    assert module.rates[0] == pytest.approx(resumed.schedule()(at, T) / 1024)
    assert resumed.ledger.overhead <= 0.7


def test_a_second_fit_goes_on_and_another_run_begins_anew() -> None:
    module, callback = Module(), tuner(total_steps=T)
    trainer = fit(module, callback, max_steps=100)
    (report,) = callback.reports
    assert report.scale != 1.0
    trainer.fit_loop.epoch_loop.max_steps = T
    trainer.fit(module, trainer.train_dataloader)
    assert callback.reports[0] == report and len(callback.reports) == 2
    assert module.rates[100] == pytest.approx(report.scale / 1024)
    assert callback.ledger.productive == T == len(module.rates)
    other = Module()
    fit(other, callback, max_steps=3)
    assert other.rates == [1 / 1024] * 3
    assert callback.ledger.productive == 3 and not callback.reports and callback.scale == 1.0


def test_no_checkpoint_is_taken_inside_a_probe(tmp_path: Path) -> None:
    """One after every update: each holds rates of the run, at the scale that held then."""
    callback = tuner(switching_cost=1e9)
    fit(Module(), callback, ModelCheckpoint(tmp_path, every_n_train_steps=1, save_top_k=-1))
    paths = list(tmp_path.glob("*.ckpt"))
    assert len(paths) == T
    base = Constant().cooldown(0.2, "linear")
    for path in paths:
        saved = torch.load(path, weights_only=True)
        step = saved["global_step"]
        (rate,) = (group["lr"] for group in saved["optimizer_states"][0]["param_groups"])
        assert rate == pytest.approx(base(step, T) / 1024)
        (key,) = (k for k in saved["callbacks"] if "AutoLRS" in k)
        assert saved["callbacks"][key]["ledger"]["productive"] == step


def test_an_error_inside_a_probe_leaves_the_run_itself() -> None:
    class Stop(Exception):
        pass

    class Failing(Module):
        callback: Any = None

        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            if self.callback is not None and self.callback._mode.probing and self.every.steps > 260:
                raise Stop
            return super().training_step(batch, batch_idx)

    tuned, plain, callback = Failing(), Module(), tuner(switching_cost=1e9)
    tuned.callback = callback
    with pytest.raises(Stop):
        fit(tuned, callback)
    done = callback.ledger.productive
    fit(plain, ScheduleCallback(Constant().cooldown(0.2, "linear"), T), max_steps=done)
    assert same(tuned, plain)


def test_what_cannot_be_tuned_is_refused() -> None:
    class Manual(Module):
        def __init__(self, optimizers: int) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.optimizers_made = optimizers

        def configure_optimizers(self) -> Any:
            return [torch.optim.SGD(self.parameters(), 0.1) for _ in range(self.optimizers_made)]

    for optimizers in (1, 2):
        message = rf"automatic_optimization=False, {optimizers} optimizer\(s\): expected"
        with pytest.raises(ValueError, match=message):
            fit(Manual(optimizers), tuner())

    class Scheduled(Module):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), 0.1)
            return [optimizer], [torch.optim.lr_scheduler.ConstantLR(optimizer)]

    with pytest.raises(ValueError, match="has a scheduler already"):
        fit(Scheduled(), tuner())
    with pytest.raises(ValueError, match="held_out: it has 0 batches"):
        fit(Module(), tuner(held_out=[]))
    averaging = StochasticWeightAveraging(swa_lrs=1e-2)
    with pytest.raises(ValueError, match="StochasticWeightAveraging takes over the learning rate"):
        fit(Module(), averaging, tuner(), max_steps=-1, max_epochs=4)
    with pytest.raises(ValueError, match="candidates=1"):
        tuner(candidates=1)
    with pytest.raises(RuntimeError, match="no fit yet"):
        tuner().schedule()
