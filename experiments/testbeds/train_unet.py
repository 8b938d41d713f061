"""Train the small U-Net on Fashion-MNIST: ``python -m ritard.experiments.testbeds.train_unet``.

A killed run goes on where its last checkpoint was when the same command is given again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..data import images
from .fashion import padded
from .training import Settings, Training
from .weights import load, save, weights_path

WINDOW = 250
"""Steps between two checkpoints."""


def main(argv: Sequence[str] | None = None) -> None:
    """Train, or go on training, and write the averaged weights."""
    parser = argparse.ArgumentParser(description=__doc__, prog="train_unet")
    default = Settings()
    parser.add_argument("--steps", type=int, default=default.steps)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--out", type=Path, default=None, help="default: in the cache")
    parser.add_argument("--checkpoint", type=Path, default=None, help="default: beside --out")
    parser.add_argument("--device", default="cpu", help="as cuda; by default %(default)s")
    given = parser.parse_args(argv)
    torch.set_num_threads(1)
    out = given.out or weights_path()
    checkpoint = given.checkpoint or out.with_suffix(".checkpoint.pt")
    settings = Settings(steps=given.steps, seed=given.seed)
    train(
        settings,
        training_images(),
        out,
        checkpoint,
        given.device,
        report=partial(print, flush=True),
    )


def training_images() -> Tensor:
    """The 60,000 training images as bytes, (60000, 1, 32, 32), padded with black."""
    return padded(torch.tensor(images("fashion_mnist")[0]))


def train(
    settings: Settings,
    data: Tensor,
    out: Path,
    checkpoint: Path,
    device: str = "cpu",
    every: int = WINDOW,
    report: Callable[[str], object] = print,
) -> Training:
    """Run to the end, with a checkpoint every so many steps; then write the averaged weights.

    Args:
        settings: The settings.
        data: Images as bytes, (n, 1, side, side).
        out: File of the weights.
        checkpoint: File of the state: read where it is there, and left for the record.
        device: Where the network is.
        every: Steps between checkpoints, over which the recorded losses are averaged.
        report: Called with a line after each.

    Raises:
        ValueError: the checkpoint is of other settings or data, or damaged.
    """
    training = Training(settings, data, device)
    if checkpoint.exists():
        training.load_state_dict(load(checkpoint))
        report(f"going on from step {training.step}")
    while training.step < settings.steps:
        began, before = time.perf_counter(), training.step
        losses = list(training.run(every - before % every))
        training.losses.append(sum(losses) / len(losses))
        save(training.state_dict(), checkpoint)
        report(_line(training, (time.perf_counter() - began) / len(losses)))
    save({"record": training.record(), "weights": training.average.cpu().state_dict()}, out)
    report(f"weights: {out}")
    return training


def _line(training: Training, pace: float) -> str:
    steps = training.settings.steps
    left = pace * (steps - training.step) / 60
    return (
        f"step {training.step}/{steps}  loss {training.losses[-1]:.4f}  "
        f"{pace:.3f} s/step  {left:.1f} min left"
    )


if __name__ == "__main__":
    main()
