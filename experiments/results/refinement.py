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
import tempfile
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from ritard.experiments.compare.grid import updates
from ritard.experiments.figures import picture
from ritard.experiments.tasks import get_task
from ritard.schedules import (
    GradNormCallback,
    GradNorms,
    Linear,
    ScheduleCallback,
    plot_schedules,
    refine,
)
from ritard.tuners import OnlineRefinementCallback

HERE = Path(__file__).resolve().parent
SEED = 1000
"""Of the recorded run: none of the seeds that are compared."""


def compare(schedules: str, options: list[str], out: Path) -> Any:
    """Run ``ritard compare`` and return its report."""
    words = ["compare", "--schedules", schedules, *options, "--plot", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "ritard.experiments", *words], check=True)
    return json.loads((out / "report.json").read_text())


def best_rate(report: Any, schedule: str) -> float:
    """The base rate chosen for a schedule."""
    return next(cell["lr"] for cell in report["table"] if cell["schedule"] == schedule)


def train(given: argparse.Namespace, lr: float, *callbacks: pl.Callback) -> Any:
    """One run, with a seed of its own; returns its scheduler."""
    task = get_task(given.task)
    torch.set_num_threads(1)  # as in every run that is compared
    pl.seed_everything(SEED, verbose=False)
    module = task.module(given.optimizer, lr)
    trainer = pl.Trainer(
        max_steps=updates(given.task, given.budget),
        callbacks=list(callbacks),
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, task.loaders(SEED).train)
    return trainer.lr_scheduler_configs[0].scheduler


def draw_online(given: argparse.Namespace, lr: float, norms: Path, out: Path) -> None:
    """What one online run made of its rate, beside the schedule refined from a first run."""
    learned = train(given, lr, OnlineRefinementCallback()).schedule()
    curves = {"linear": Linear(), "refined": refine(GradNorms.load(norms)), "online": learned}
    with picture(out / "online.png", (8.0, 5.0)) as (ax,):
        plot_schedules(curves, updates(given.task, given.budget), ax)


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
        lr = best_rate(compare(given.schedules, options, out), "linear")
        unfinished = out / "unfinished.jsonl"  # a killed run leaves no norms.jsonl
        unfinished.unlink(missing_ok=True)
        train(given, lr, ScheduleCallback(Linear()), GradNormCallback(unfinished))
        unfinished.replace(norms)
    command = [sys.executable, "-m", "ritard.experiments", "refine", str(norms)]
    with tempfile.TemporaryDirectory(dir=out) as folder:  # beside it stands compare's report
        subprocess.run([*command, "--plot", "--out", folder], check=True)
        (Path(folder) / "refined.png").replace(out / "refined.png")
    known = f"{given.schedules},refined({norms})"
    report = compare(f"{known},{given.also}" if given.also else known, options, out)
    if given.also == "online":
        draw_online(given, best_rate(report, "online"), norms, out)


if __name__ == "__main__":
    main()
