"""Refinement on a task, by the paper's two runs: ``python experiments/results/refinement.py TASK``.

1. ``ritard compare`` of the schedules known in advance, each at its best rate.
2. One more linear run at its best rate, with a seed of its own (SEED), that records gradient norms.
3. ``ritard compare`` with the refined schedule added, and what ``--also`` names (``online`` needs
   no first run); what 1. has run is not run again.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from ritard.experiments.compare.grid import updates
from ritard.experiments.tasks import get_task
from ritard.schedules import GradNormCallback, Linear, ScheduleCallback

HERE = Path(__file__).resolve().parent
SEED = 1000
"""Of the recorded run: none of the seeds that are compared."""


def compare(schedules: str, options: list[str], out: Path) -> Any:
    """Run ``ritard compare`` and return its report."""
    words = ["compare", "--schedules", schedules, *options, "--out", str(out)]
    subprocess.run([sys.executable, "-m", "ritard.experiments", *words], check=True)
    return json.loads((out / "report.json").read_text())


def best_linear_rate(report: Any) -> float:
    """The base rate chosen for linear decay."""
    return next(cell["lr"] for cell in report["table"] if cell["schedule"] == "linear")


def record(task_name: str, optimizer: str, budget: float, lr: float, path: Path) -> None:
    """A linear run whose gradient norms go to ``path``."""
    task = get_task(task_name)
    torch.set_num_threads(1)  # as in every run that is compared
    pl.seed_everything(SEED, verbose=False)
    module = task.module(optimizer, lr)
    path.unlink(missing_ok=True)
    trainer = pl.Trainer(
        max_steps=updates(task_name, budget),
        callbacks=[ScheduleCallback(Linear()), GradNormCallback(path)],
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, task.loaders(SEED).train)


def main() -> None:
    """Do the three steps, and what the norms say in between."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--optimizer", default="sgd")
    parser.add_argument("--budget", type=float, default=25)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--schedules", default="linear,cosine", help="with linear among them")
    parser.add_argument("--also", default="", help="what is compared in the end too, as online")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    out = HERE / f"refine-{given.task.replace(':', '-')}"
    out.mkdir(exist_ok=True)
    options = ["--task", given.task, "--optimizer", given.optimizer]
    options += ["--budgets", f"{given.budget:g}", "--seeds", str(given.seeds)]
    options += ["--jobs", str(given.jobs)]
    norms = out / "norms.jsonl"
    if not norms.exists():
        lr = best_linear_rate(compare(given.schedules, options, out))
        record(given.task, given.optimizer, given.budget, lr, norms)
    command = [sys.executable, "-m", "ritard.experiments", "refine", str(norms)]
    subprocess.run([*command, "--plot", str(out / "refined.png")], check=True)
    known = f"{given.schedules},refined({norms})"
    compare(f"{known},{given.also}" if given.also else known, options, out)


if __name__ == "__main__":
    main()
