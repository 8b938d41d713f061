"""ScheduleLR in the Hugging Face Trainer and under accelerate, in one process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin
from ritard.schedules import REX, WSD, Budget, Cosine, Schedule, ScheduleLR
from torch.utils.data import DataLoader, TensorDataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

BASE = 0.01


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def expected(schedule: Schedule, total: int, updates: int | None = None) -> list[float]:
    return [BASE * schedule(t, total) for t in range(total if updates is None else updates)]


# ---- Hugging Face Trainer ---------------------------------------------------------------


class _Recorder(TrainerCallback):
    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.rates.append(kwargs["optimizer"].param_groups[0]["lr"])


def _trainer(
    folder: Path, schedule: Schedule, total: int | Budget, **options: Any
) -> tuple[Trainer, _Recorder]:
    torch.manual_seed(0)
    tokens = torch.randint(0, 20, (32, 8))
    data = [{"input_ids": row, "labels": row} for row in tokens]
    sizes = {"vocab_size": 20, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 1}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=None, eos_token_id=None))
    optimizer = torch.optim.AdamW(model.parameters(), lr=BASE)
    scheduler = ScheduleLR(optimizer, schedule, total)
    given = {"per_device_train_batch_size": 4, "logging_steps": 1, "save_strategy": "no"} | options
    quiet = {"report_to": "none", "use_cpu": True, "disable_tqdm": True}
    recorder = _Recorder()
    trainer = Trainer(
        model,
        TrainingArguments(str(folder), **quiet, **given),
        train_dataset=data,
        optimizers=(optimizer, scheduler),
        callbacks=[recorder],
    )
    return trainer, recorder


def _logged(trainer: Trainer) -> list[float]:
    return [log["learning_rate"] for log in trainer.state.log_history if "loss" in log]


@pytest.mark.parametrize("accumulate", [1, 2, 3])  # 3: 8 batches an epoch make 3 + 3 + 2
def test_trainer_runs_the_schedule(tmp_path: Path, accumulate: int) -> None:
    schedule = REX().warmup(2)
    options = {"max_steps": 12, "gradient_accumulation_steps": accumulate}
    trainer, recorder = _trainer(tmp_path, schedule, 12, **options)
    trainer.train()
    assert recorder.rates == expected(schedule, 12)
    assert _logged(trainer) == recorder.rates
    assert trainer.lr_scheduler.last_epoch == 12


def test_trainer_epochs(tmp_path: Path) -> None:
    options = {"num_train_epochs": 2, "gradient_accumulation_steps": 3}
    trainer, recorder = _trainer(tmp_path, WSD(), Budget.epochs(2, 3), **options)
    trainer.train()
    assert recorder.rates == expected(WSD(), 6)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("done", [4, 5], ids=["epoch end", "within an epoch"])
def test_trainer_resumes(tmp_path: Path, accumulate: int, done: int) -> None:
    if accumulate == 1:
        done *= 2  # 8 updates an epoch
    schedule = REX().warmup(0.1)
    options = {"max_steps": 20, "gradient_accumulation_steps": accumulate}
    whole, rates = _trainer(tmp_path / "a", schedule, 20, **options)
    whole.train()
    saving = options | {"save_strategy": "steps", "save_steps": done}
    first, _ = _trainer(tmp_path / "b", schedule, 20, **saving)
    first.train()
    second, rest = _trainer(tmp_path / "c", schedule, 20, **options)
    second.train(resume_from_checkpoint=str(tmp_path / "b" / f"checkpoint-{done}"))
    assert rates.rates == expected(schedule, 20)
    assert rest.rates == rates.rates[done:]
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_trainer_resumes_with_another_horizon(tmp_path: Path) -> None:
    saving = {"max_steps": 8, "save_strategy": "steps", "save_steps": 8}
    first, _ = _trainer(tmp_path / "a", Cosine(), 8, **saving)
    first.train()
    second, rest = _trainer(tmp_path / "b", Cosine(), 20, max_steps=20)
    second.train(resume_from_checkpoint=str(tmp_path / "a" / "checkpoint-8"))
    assert rest.rates == expected(Cosine(), 20)[8:]


# ---- accelerate -------------------------------------------------------------------------


def _accelerate(
    total: int | Budget,
    schedule: Schedule,
    folder: Path | None = None,
    start: Path | None = None,
    until: int = 99,
    samples_at_once: int = 0,
    adjust: bool = True,
) -> tuple[list[float], torch.Tensor, Any]:
    """Train 2 epochs of 10 batches, 3 of them an update; returns rates, weights, the scheduler."""
    torch.manual_seed(0)
    plugin = GradientAccumulationPlugin(num_steps=3, adjust_scheduler=adjust)
    accelerator = Accelerator(cpu=True, gradient_accumulation_plugin=plugin)
    model: Any = torch.nn.Linear(3, 1)
    plain = torch.optim.SGD(model.parameters(), lr=BASE, momentum=0.9)
    scheduler = ScheduleLR(plain, schedule, total)
    data = DataLoader(TensorDataset(torch.randn(20, 3)), batch_size=2)
    model, optimizer, data, wrapped = accelerator.prepare(model, plain, data, scheduler)
    if start:
        accelerator.load_state(str(start))
    rates: list[float] = []
    for epoch in range(1 if start else 0, 2):
        for (x,) in data:
            with accelerator.accumulate(model):
                accelerator.backward(model(x).square().mean())
                if accelerator.sync_gradients:
                    rates.append(plain.param_groups[0]["lr"])
                    if samples_at_once:
                        scheduler.advance(samples_at_once)
                optimizer.step()
                wrapped.step()
                optimizer.zero_grad()
        if folder and epoch == 0:
            accelerator.save_state(str(folder))
        if len(rates) >= until:
            break
    accelerator.free_memory()
    return rates, accelerator.unwrap_model(model).weight.detach(), wrapped


@pytest.mark.parametrize("adjust", [True, False])
def test_accelerate_counts_updates_not_batches(adjust: bool) -> None:
    """It raises _step_count at batches without an update, for OneCycleLR: ours does not mind."""
    schedule = REX().warmup(2)
    rates, _, wrapped = _accelerate(8, schedule, adjust=adjust)  # an epoch: 3 + 3 + 3 + 1 batches
    assert rates == expected(schedule, 8)
    assert wrapped.scheduler.last_epoch == 8
    assert wrapped.get_last_lr() == [BASE * schedule(8, 8)]


def test_accelerate_saves_and_resumes(tmp_path: Path) -> None:
    whole, weights, _ = _accelerate(8, REX())
    first, _, _ = _accelerate(8, REX(), folder=tmp_path / "a", until=4)
    rest, resumed, wrapped = _accelerate(8, REX(), start=tmp_path / "a")
    assert first + rest == whole == expected(REX(), 8)
    assert torch.equal(resumed, weights)
    assert wrapped.scheduler.last_epoch == 8


def test_accelerate_with_a_budget_in_samples() -> None:
    rates, _, _ = _accelerate(Budget.samples(48), REX(), samples_at_once=6)
    assert rates == pytest.approx(expected(REX(), 8), rel=1e-12)


def test_accelerate_stepped_by_hand() -> None:
    """An unprepared scheduler is stepped by the one who trains."""
    torch.manual_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=3)
    model: Any = torch.nn.Linear(3, 1)
    plain = torch.optim.SGD(model.parameters(), lr=BASE, momentum=0.9)
    data = DataLoader(TensorDataset(torch.randn(20, 3)), batch_size=2)
    model, optimizer, data = accelerator.prepare(model, plain, data)
    scheduler, seen = ScheduleLR(plain, REX(), 8), []
    for _ in range(2):
        for (x,) in data:
            with accelerator.accumulate(model):
                accelerator.backward(model(x).square().mean())
                optimizer.step()
                if accelerator.sync_gradients:
                    seen.append(plain.param_groups[0]["lr"])
                    scheduler.step()
                optimizer.zero_grad()
    accelerator.free_memory()
    assert seen == expected(REX(), 8)
