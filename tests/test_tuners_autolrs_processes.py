"""What only processes can show: two that train together, and one that is killed.

The file is also the program that they run: ``python <this file> WORKER FOLDER ...``.
"""

import json
import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from ranks import leave
from torch import Tensor, nn

ENV = {
    "OMP_NUM_THREADS": "1",
    "GLOO_SOCKET_IFNAME": "lo",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONWARNINGS": "ignore",
}


def start(worker: str, *args: object, rank: int = 0, **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, worker, *map(str, args)]
    env = os.environ | ENV | {"RANK": str(rank)} | {key: str(more[key]) for key in more}
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-3000:]


def results(folder: Path, name: str) -> list[Any]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{name}-rank*.json"))]


def report(folder: str, name: str, **values: Any) -> None:
    rank = os.environ.get("RANK", "0")
    (Path(folder) / f"{name}-rank{rank}.json").write_text(json.dumps(values))


# ---- two processes, plain loop ---------------------------------------------------------------


def ddp(folder: str, *runs: str) -> None:
    """Ranks with data of their own. Collectives of Python are counted; DDP's own are in C++."""
    import torch.distributed as dist

    meeting = f"file://{folder}/meeting"
    dist.init_process_group(
        "gloo", meeting, timedelta(minutes=4), world_size=2, rank=int(os.environ["RANK"])
    )
    calls = {"all_reduce": 0, "broadcast": 0}
    for name in calls:
        setattr(dist, name, counted(getattr(dist, name), calls, name))
    for run in runs:
        mode, _, length = run.partition("-")
        calls.update(all_reduce=0, broadcast=0)
        report(folder, run, **trained(mode, int(length), dist.get_rank(), calls))
    leave()


def trained(mode: str, steps: int, rank: int, calls: dict[str, int]) -> dict[str, Any]:
    from ritard.tuners.autolrs import AutoLRS
    from torch.nn.parallel import DistributedDataParallel

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
    model = DistributedDataParallel(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-4, momentum=0.9)
    rates: list[float] = []
    optimizer.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))

    def loss(batch: Tensor) -> Tensor:
        return (model(batch) - batch[:, :1] * (1 + rank)).square().mean()

    generator = torch.Generator().manual_seed(100 + rank)
    data = torch.randn(steps, 4, 6, generator=generator)
    if mode == "improved":
        held_out = list(torch.randn(4, 64, 6, generator=generator))
        tuner = AutoLRS(
            model, optimizer, loss, steps, overhead=300 / steps, stages=2, candidates=4, scored=4,
            held_out=held_out,
        )  # fmt: skip
    else:
        tuner = AutoLRS.faithful(
            model, optimizer, loss, steps, lr_min=1e-4, lr_max=0.02, k=4, tau0=50, tau_max=100,
            forecast=last_five,
        )  # fmt: skip
    losses = [loss.item() for loss in tuner.train(data)]
    return {
        "rates": rates,
        "calls": dict(calls),
        "last": losses[-1],
        "reports": [r.to_dict() for r in tuner.reports],
        "weights": [p.sum().item() for p in net.parameters()],
        "ledger": [tuner.ledger.productive, tuner.ledger.search, len(rates)],
    }


def counted(function: Any, calls: dict[str, int], name: str) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        calls[name] += 1
        return function(*args, **kwargs)

    return call


def last_five(losses: Any, horizon: float) -> Any:
    from ritard.tuners.autolrs import Forecast

    del horizon
    return Forecast(sum(losses[-5:]) / 5, float("-inf"), float("inf"), False, float("nan"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    wanted = ("improved-600", "improved-900", "faithful-600")
    ranks = [start("ddp", folder, *wanted, rank=rank) for rank in range(2)]
    try:
        for process in ranks:
            finish(process)
    finally:
        for process in ranks:
            process.kill()  # where the other one failed; it does nothing to one that has ended
    return folder


@pytest.mark.parametrize("mode", ["improved", "faithful"])
def test_two_ranks_never_disagree(mode: str, runs: Path) -> None:
    first, second = results(runs, f"{mode}-600")
    assert first["last"] != second["last"]  # their losses differ
    for key in ("rates", "reports", "weights", "ledger", "calls"):
        assert first[key] == second[key]
    assert len(first["reports"]) >= 2
    assert {r["scale"] for r in first["reports"]} != {1.0}
    productive, search, steps = first["ledger"]
    assert productive + search == steps


def test_no_step_adds_a_collective(runs: Path) -> None:
    """A stage has its own, and a raised scale that is watched one for each probe's length."""
    short, long = (results(runs, f"improved-{n}")[0] for n in (600, 900))
    for run in (short, long):
        stages = run["reports"]
        trials = [t for r in stages for t in r["trials"]]
        assert len(stages) == 2
        assert all(t["score"] is not None for t in trials)  # none was left early
        # A stage: the recorded losses, the scores of its beginning and of the present scale; for
        # each other three looks and a score. A scale above the first: the losses to measure by,
        # and each part watched. One broadcast for each scale that is asked for, and one of the
        # decision.
        watched = 0
        for stage, until in zip(stages, (stages[1]["start"], run["ledger"][0]), strict=True):
            if stage["scale"] > 1:
                watched += 1 + (until - stage["start"] - stage["probe"]) // stage["probe"]
        assert run["calls"]["all_reduce"] == 3 * 2 + 4 * (len(trials) - 2) + watched
        assert 0 <= run["calls"]["broadcast"] - (len(trials) + 2) <= 2 * 2
    assert long["ledger"][0] == 900


# ---- two processes, Lightning ----------------------------------------------------------------


def lightning(folder: str) -> None:
    """A fit under DDP, each rank with data of its own."""
    import lightning as L
    from ritard.tuners.autolrs import AutoLRSCallback
    from torch.utils.data import DataLoader

    rank = int(os.environ["RANK"])
    rates: list[float] = []

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))

        def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
            del batch_idx
            return (self.net(batch) - batch[:, :1] * (1 + rank)).square().mean()

        def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
            rates.append(optimizer.param_groups[0]["lr"])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=2e-4, momentum=0.9)

    generator = torch.Generator().manual_seed(100 + rank)
    held_out = list(torch.randn(4, 64, 6, generator=generator))
    tuner = AutoLRSCallback(
        total_steps=300, held_out=held_out, overhead=1.0, stages=2, candidates=4, scored=4
    )
    trainer = L.Trainer(
        max_steps=300, max_epochs=-1, accelerator="cpu", devices=2, strategy="ddp",
        callbacks=[tuner], logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, use_distributed_sampler=False,
    )  # fmt: skip
    module = Module()
    data = DataLoader(torch.randn(300, 4, 6, generator=generator), batch_size=None)  # type: ignore[arg-type]
    trainer.fit(module, data)
    report(
        folder, "lightning", rates=rates, reports=[r.to_dict() for r in tuner.reports],
        weights=[p.sum().item() for p in module.parameters()], world=trainer.world_size,
        ledger=[tuner.ledger.productive, tuner.ledger.search, tuner.ledger.scored],
        steps=trainer.global_step,
    )  # fmt: skip
    leave()


def test_two_ranks_of_a_lightning_trainer_never_disagree(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "MASTER_PORT": port}
    common |= {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "test"}
    ranks = [
        start("lightning", tmp_path, rank=rank, **common, LOCAL_RANK=rank) for rank in range(2)
    ]
    try:
        for process in ranks:
            finish(process)
    finally:
        for process in ranks:
            process.kill()
    first, second = results(tmp_path, "lightning")
    assert first == second
    assert first["world"] == 2
    assert first["steps"] == first["ledger"][0] == 300
    assert len(first["rates"]) == sum(first["ledger"][:2])
    assert len(first["reports"]) >= 2
    assert {r["scale"] for r in first["reports"]} != {1.0}


# ---- killed in a probe -----------------------------------------------------------------------


def killed(folder: str, name: str, mark: str) -> None:
    """Fit under Lightning, from the last checkpoint if there is one.

    With a mark, stop inside the second stage's probes, say so, and wait to be killed.
    """
    import lightning as L
    from lightning.pytorch.callbacks import ModelCheckpoint
    from ritard.tuners.autolrs import AutoLRSCallback
    from torch.utils.data import DataLoader

    class Module(L.LightningModule):
        """Its data hang on the update alone."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.net = nn.Linear(8, 1)

        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            del batch_idx
            mode = tuner._mode
            if mark and mode is not None and mode.probing and tuner.ledger.productive > 100:
                Path(folder, mark).touch()
                time.sleep(300)
            return (self.net(batch) - batch.sum(1, keepdim=True)).square().mean()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=1e-4)

    def batches(first: int) -> list[Tensor]:
        generators = [torch.Generator().manual_seed(i) for i in range(first, 240)]
        return [torch.randn(4, 8, generator=generator) for generator in generators]

    held_out = list(torch.randn(4, 64, 8, generator=torch.Generator().manual_seed(999)))
    tuner = AutoLRSCallback(
        total_steps=240, held_out=held_out, overhead=0.7, stages=2, candidates=3, scored=4
    )
    last = Path(folder, name, "last.ckpt")
    first = torch.load(last, weights_only=True)["global_step"] if last.exists() else 0
    saves = ModelCheckpoint(last.parent, every_n_train_steps=20, save_last=True)
    trainer = L.Trainer(
        max_steps=240, max_epochs=-1, accelerator="cpu", callbacks=[tuner, saves], logger=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    module = Module()
    data = DataLoader(batches(first), batch_size=None)  # type: ignore[arg-type]
    trainer.fit(module, data, ckpt_path=last if last.exists() else None)
    report(
        folder, name, first=first, steps=trainer.global_step,
        reports=[r.to_dict() for r in tuner.reports],
        weight=module.net.weight.flatten().tolist(),
        rate=trainer.optimizers[0].param_groups[0]["lr"], overhead=tuner.ledger.overhead,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_killed_in_a_probe_it_resumes_from_before_the_stage(tmp_path: Path) -> None:
    process = start("killed", tmp_path, "killed", "inside")
    deadline = time.monotonic() + 280
    try:
        killed(str(tmp_path), "whole", "")
        while not (tmp_path / "inside").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.kill()  # SIGKILL: nothing can be tidied up
        process.communicate()
    killed(str(tmp_path), "killed", "")
    (uninterrupted,), (resumed,) = results(tmp_path, "whole"), results(tmp_path, "killed")
    assert 100 < resumed["first"] < 240
    assert resumed["steps"] == 240
    assert resumed["rate"] == 0.0  # the scheduled end
    assert len(resumed["reports"]) == 2
    assert resumed["reports"][0] == uninterrupted["reports"][0]
    assert resumed["overhead"] <= 0.7
    assert all(map(torch.isfinite, torch.tensor(resumed["weight"])))
    assert (resumed["reports"][1]["start"] == resumed["first"]) or (
        resumed["weight"] == uninterrupted["weight"]
    )


if __name__ == "__main__":
    {"ddp": ddp, "lightning": lightning, "killed": killed}[sys.argv[1]](*sys.argv[2:])
