"""Train the small U-Net on Fashion-MNIST: ``python -m ritard.experiments.testbeds.train_unet``.

A killed run goes on where its last checkpoint was when the same command is given again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..data import images
from .fashion import padded
from .training import WINDOW, Settings, Training
from .weights import load, save, weights_path


def main(argv: Sequence[str] | None = None) -> None:
    """Train, or go on training, and write the averaged weights."""
    parser = argparse.ArgumentParser(description=__doc__, prog="train_unet")
    default = Settings()
    parser.add_argument("--steps", type=int, default=default.steps)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--out", type=Path, default=None, help="default: in the cache")
    parser.add_argument("--checkpoint", type=Path, default=None, help="default: beside --out")
    given = parser.parse_args(argv)
    torch.set_num_threads(1)
    out = given.out or weights_path()
    checkpoint = given.checkpoint or out.with_suffix(".checkpoint.pt")
    settings = Settings(steps=given.steps, seed=given.seed)
    train(settings, training_images(), out, checkpoint)


def training_images() -> Tensor:
    """The 60,000 training images as bytes, (60000, 1, 32, 32), padded with black."""
    return padded(torch.tensor(images("fashion_mnist")[0]))


def train(settings: Settings, data: Tensor, out: Path, checkpoint: Path) -> Training:
    """Run to the end, with a checkpoint every ``WINDOW`` steps; then write the weights.

    Raises:
        ValueError: the checkpoint is of other settings or data, or damaged.
    """
    training = Training(settings, data)
    if checkpoint.exists():
        training.load_state_dict(load(checkpoint))
        print(f"going on from step {training.step}", flush=True)
    while training.step < settings.steps:
        began, before = time.perf_counter(), training.step
        losses = list(training.run(WINDOW - before % WINDOW))
        training.losses.append(sum(losses) / len(losses))
        save(training.state_dict(), checkpoint)
        pace = (time.perf_counter() - began) / len(losses)
        print(
            f"step {training.step}/{settings.steps}  loss {training.losses[-1]:.4f}  "
            f"{pace:.3f} s/step  {pace * (settings.steps - training.step) / 60:.1f} min left",
            flush=True,
        )
    weights = {name: value.contiguous() for name, value in training.average.state_dict().items()}
    save({"record": training.record(), "weights": weights}, out)
    print(f"weights: {out}")
    return training


if __name__ == "__main__":
    main()
