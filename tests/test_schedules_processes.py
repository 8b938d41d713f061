"""What only new processes can show: resuming in one, and training in two at once.

The file is also the program that those processes run: ``python <this file> WORKER FOLDER ...``.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from ranks import leave
from ritard.schedules import REX, Budget, Cosine, Linear, Schedule, ScheduleLR

BASE = 0.5
SCHEDULE = REX().warmup(2)
ENV = {
    "OMP_NUM_THREADS": "1",
    "GLOO_SOCKET_IFNAME": "lo",
    "CUDA_VISIBLE_DEVICES": "",
    "TOKENIZERS_PARALLELISM": "false",
}


def expected(schedule: Schedule, total: int, updates: int | None = None) -> list[float]:
    return [BASE * schedule(t, total) for t in range(total if updates is None else updates)]


def start(worker: str, *args: object, processes: int = 0) -> None:
    """Run a worker of this file to its end, in one new process or in several under torchrun."""
    several = ["-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
    launcher = [*several, "--nproc-per-node", str(processes)] if processes else []
    command = [sys.executable, *launcher, __file__, worker, *map(str, args)]
    done = subprocess.run(command, env=os.environ | ENV, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def results(folder: Path, name: str) -> list[Any]:
    """What each rank reported."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{name}-rank*.json"))]


def report(folder: Path, name: str, **values: Any) -> None:
    rank = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))
    (folder / f"{name}-rank{rank}.json").write_text(json.dumps(values))


# ---- Lightning: resumed in a new process ------------------------------------------------


def lightning_module() -> Any:
    import lightning as L

    class Module(L.LightningModule):
        """Its data hang on epoch and batch alone: a resumed epoch goes on where it stopped."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.net = torch.nn.Linear(8, 1)
            self.rates: list[float] = []

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            seed = 1000 * self.current_epoch + batch_idx
            x = torch.randn(4, 8, generator=torch.Generator().manual_seed(seed))
            return (self.net(x) - x.sum(1, keepdim=True)).square().mean()

        def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
            self.rates.append(optimizer.param_groups[0]["lr"])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=BASE)

    return Module()


def lightning_fit(module: Any, total_steps: int | Budget | None = None, **options: Any) -> Any:
    import lightning as L
    from ritard.schedules import ScheduleCallback
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    schedule, ckpt_path = options.pop("schedule", SCHEDULE), options.pop("ckpt_path", None)
    quiet: dict[str, Any] = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "enable_checkpointing": "callbacks" in options}
    callbacks = [ScheduleCallback(schedule, total_steps), *options.pop("callbacks", [])]
    trainer = L.Trainer(**(quiet | options), callbacks=callbacks)
    data = DataLoader(TensorDataset(torch.zeros(24)), batch_size=2)
    trainer.fit(module, data, ckpt_path=ckpt_path, weights_only=None if ckpt_path is None else True)
    return trainer


def weights(module: Any) -> dict[str, Any]:
    return {name: value.tolist() for name, value in module.state_dict().items()}


def resume_worker(folder: Path) -> None:
    """Resume every checkpoint; each stands in a folder named after its accumulation."""
    for path in folder.glob("*/*.ckpt"):
        module, accumulate = lightning_module(), int(path.parent.name)
        lightning_fit(module, ckpt_path=path, max_epochs=3, accumulate_grad_batches=accumulate)
        report(path.parent, path.stem, rates=module.rates, weights=weights(module))


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*", "ignore:.*num_workers.*")
def test_lightning_resumed_in_a_new_process(tmp_path: Path) -> None:
    """Bit for bit, from within epochs and from their ends, and under weights_only=True."""
    from lightning.pytorch.callbacks import ModelCheckpoint

    wholes: dict[int, Any] = {}
    for accumulate in (1, 2):
        folder, whole = tmp_path / str(accumulate), lightning_module()
        within: dict[str, Any] = {"filename": "{step}", "every_n_train_steps": 4 // accumulate}
        ends: dict[str, Any] = {"filename": "end-{step}"}
        save = [ModelCheckpoint(folder, save_top_k=-1, **which) for which in (within, ends)]
        options = {"max_epochs": 3, "accumulate_grad_batches": accumulate, "callbacks": save}
        lightning_fit(whole, **options)
        assert whole.rates == expected(SCHEDULE, 36 // accumulate)
        wholes[accumulate] = whole

    start("resume", tmp_path)
    checkpoints = list(tmp_path.glob("*/*.ckpt"))
    assert len(checkpoints) == 2 * (9 + 3)
    for path in checkpoints:
        (got,) = results(path.parent, path.stem)
        whole, done = wholes[int(path.parent.name)], int(path.stem.rpartition("=")[2])
        assert got["rates"] == whole.rates[done:], path
        assert got["weights"] == weights(whole), path


# ---- a wall-clock budget that is killed -------------------------------------------------


def _seconds() -> tuple[Any, Any]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=BASE)
    return optimizer, ScheduleLR(optimizer, Linear(), Budget.seconds(100))


def clock_worker(folder: Path) -> None:
    optimizer, scheduler = _seconds()
    if (folder / "state.pt").exists():
        scheduler.load_state_dict(torch.load(folder / "state.pt", weights_only=True))
        report(folder, "second", position=scheduler.position, rate=optimizer.param_groups[0]["lr"])
        return
    for _ in range(4):
        time.sleep(0.05)
        scheduler.step()
    torch.save(scheduler.state_dict(), folder / "state.pt")
    report(folder, "first", position=scheduler.position)
    os.kill(os.getpid(), 9)


def test_a_killed_run_goes_on_where_its_clock_stood(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):  # killed
        start("clock", tmp_path)
    time.sleep(1)  # time that does not count
    start("clock", tmp_path)
    (first,), (second,) = results(tmp_path, "first"), results(tmp_path, "second")
    assert 0.2 <= first["position"] <= second["position"] < first["position"] + 0.5
    assert second["rate"] == BASE * Linear()(second["position"], 100.0)


# ---- Lightning on two ranks -------------------------------------------------------------


def ddp_worker(folder: Path, strategy: str = "ddp") -> None:
    runs: dict[str, dict[str, Any]] = {
        "epochs": {"max_epochs": 2},
        "accumulate": {"max_epochs": 2, "accumulate_grad_batches": 4},
        "seconds": {"max_epochs": 2, "total_steps": Budget.seconds(5), "schedule": Linear()},
    }
    for name, options in runs.items():
        module = lightning_module()
        trainer = lightning_fit(module, devices=2, strategy=strategy, **options)
        scheduler = trainer.lr_scheduler_configs[0].scheduler
        values = {"rates": module.rates, "total": scheduler.budget.total}
        report(folder, name, **values, weights=module.net.weight.tolist())
        if strategy != "ddp" or "TORCHELASTIC_RUN_ID" not in os.environ:
            break  # Lightning's own launcher starts the other process once
    leave()


@pytest.fixture(scope="module")
def ddp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ddp")
    start("ddp", folder, processes=2)
    return folder


@pytest.mark.parametrize(("name", "total"), [("epochs", 12), ("accumulate", 4)])
def test_lightning_ddp(ddp: Path, name: str, total: int) -> None:
    """12 batches an epoch are 6 on each of two ranks."""
    first, second = results(ddp, name)
    assert first == second
    assert first["total"] == total
    assert first["rates"] == expected(SCHEDULE, total)


def test_lightning_ddp_under_a_wall_clock(ddp: Path) -> None:
    """Ranks at different rates, for their clocks differ, would let the replicas drift apart."""
    first, second = results(ddp, "seconds")
    assert first["rates"] == second["rates"]
    assert first["weights"] == second["weights"]


@pytest.mark.slow
def test_lightning_ddp_by_its_own_launcher(tmp_path: Path) -> None:
    start("ddp", tmp_path)
    first, second = results(tmp_path, "epochs")
    assert first == second
    assert first["rates"] == expected(SCHEDULE, 12)


# ---- accelerate and the Hugging Face Trainer on two ranks -------------------------------


def accelerate_worker(folder: Path) -> None:
    torch.set_num_threads(1)
    from accelerate import Accelerator, DataLoaderConfiguration
    from torch.utils.data import DataLoader, TensorDataset

    def run(name: str, schedule: Schedule, split: bool = False, **how: Any) -> None:
        torch.manual_seed(0)
        config = DataLoaderConfiguration(split_batches=split)
        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2, dataloader_config=config)
        model: Any = torch.nn.Linear(3, 1)
        plain = torch.optim.SGD(model.parameters(), lr=BASE)
        data = DataLoader(TensorDataset(torch.randn(22, 3)), batch_size=2 * (1 + split))
        model, optimizer, data = accelerator.prepare(model, plain, data)
        updates = 2 * -(-len(data) // accelerator.gradient_accumulation_steps)
        processes = accelerator.num_processes
        total = {
            "as it is": updates,
            "times": updates * processes,
            "samples": Budget.samples(8 * updates),
        }[how.get("horizon", "as it is")]
        scheduler = ScheduleLR(plain, schedule, total)
        wrapped: Any = accelerator.prepare(scheduler)
        if how.get("one_step"):
            wrapped.split_batches = True
        rates: list[float] = []
        for _ in range(2):
            for (x,) in data:
                with accelerator.accumulate(model):
                    accelerator.backward(model(x).square().mean())
                    if accelerator.sync_gradients:
                        rates.append(plain.param_groups[0]["lr"])
                        if how.get("horizon") == "samples":
                            scheduler.advance(8)
                    optimizer.step()
                    wrapped.step()
                    optimizer.zero_grad()
        report(folder, name, rates=rates, updates=updates, steps=scheduler.last_epoch)
        accelerator.free_memory()
        Accelerator().state._reset_state()
        type(accelerator.gradient_state)._reset_state()

    run("plain", Cosine())
    run("times", Cosine(), horizon="times")
    run("times-int", SCHEDULE, horizon="times")
    run("one-step", SCHEDULE, one_step=True)
    run("split", SCHEDULE, split=True)
    run("samples", Cosine(), horizon="samples")
    hf_run(folder)
    leave()


def hf_run(folder: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    torch.manual_seed(0)
    data: Any = [{"input_ids": row, "labels": row} for row in torch.randint(0, 20, (24, 8))]
    sizes = {"vocab_size": 20, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 1}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=None, eos_token_id=None))
    optimizer = torch.optim.SGD(model.parameters(), lr=BASE)
    scheduler = ScheduleLR(optimizer, SCHEDULE, 6)  # 24 samples: 2 ranks * 2 * 2 batches an update
    args = TrainingArguments(
        str(folder / "hf"),
        num_train_epochs=2,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        ddp_backend="gloo",
        disable_tqdm=True,
    )
    trainer = Trainer(model, args, train_dataset=data, optimizers=(optimizer, scheduler))
    trainer.train()
    rates = [log["learning_rate"] for log in trainer.state.log_history if "loss" in log]
    report(folder, "hf", rates=rates, steps=scheduler.last_epoch)


@pytest.fixture(scope="module")
def accelerated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("accelerate")
    start("accelerate", folder, processes=2)
    return folder


def ranks(folder: Path, name: str) -> Any:
    """The result of both ranks, which is one and the same."""
    first, second = results(folder, name)
    assert first == second
    return first


UPDATES = 6  # 11 batches an epoch are 6 on each of two ranks, 2 of them an update; two epochs


def test_accelerate_steps_a_scheduler_once_per_process(accelerated: Path) -> None:
    """So a horizon in updates is reached half way: this is what the docs warn of."""
    got = ranks(accelerated, "plain")
    assert (got["updates"], got["steps"]) == (UPDATES, 2 * UPDATES)
    assert got["rates"] == [BASE * Cosine()(2 * t, UPDATES) for t in range(UPDATES)]
    assert got["rates"][UPDATES // 2 :] == [0] * (UPDATES // 2)


def test_accelerate_with_the_horizon_times_processes(accelerated: Path) -> None:
    got = ranks(accelerated, "times")
    assert got["steps"] == 2 * UPDATES
    assert got["rates"] == pytest.approx(expected(Cosine(), UPDATES), rel=1e-12)
    # Lengths in updates count twice then, and a warm-up enters at its position 0, 2, 4, ...
    by_steps = [BASE * SCHEDULE(2 * t, 2 * UPDATES) for t in range(UPDATES)]
    assert ranks(accelerated, "times-int")["rates"] == by_steps != expected(SCHEDULE, UPDATES)


def test_accelerate_with_one_step_per_update(accelerated: Path) -> None:
    """``scheduler.split_batches = True`` on the prepared scheduler: exactly what was asked for."""
    got = ranks(accelerated, "one-step")
    assert got["steps"] == UPDATES
    assert got["rates"] == expected(SCHEDULE, UPDATES)


def test_accelerate_with_split_batches(accelerated: Path) -> None:
    got = ranks(accelerated, "split")
    assert got["steps"] == got["updates"] == UPDATES
    assert got["rates"] == expected(SCHEDULE, UPDATES)


def test_accelerate_with_a_budget_in_samples(accelerated: Path) -> None:
    """Samples over all processes, told once per update: nothing else to mind."""
    got = ranks(accelerated, "samples")
    assert got["rates"] == pytest.approx(expected(Cosine(), UPDATES), rel=1e-12)


def test_hugging_face_trainer_on_two_ranks(accelerated: Path) -> None:
    """It steps once per update, whatever accelerate does."""
    got = ranks(accelerated, "hf")
    assert got["steps"] == 6
    assert got["rates"] == expected(SCHEDULE, 6)


WORKERS = {
    "resume": resume_worker,
    "clock": clock_worker,
    "ddp": ddp_worker,
    "accelerate": accelerate_worker,
}

if __name__ == "__main__":
    _, _worker, _folder, *_rest = sys.argv
    WORKERS[_worker](Path(_folder), *_rest)
