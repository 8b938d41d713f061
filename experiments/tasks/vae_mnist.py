"""A variational autoencoder on MNIST."""

from functools import cache

import torch

from ..data import images
from .batches import Dataset
from .objectives import Objective
from .splits import examples, hold_out
from .task import Task
from .vae import VAE, each_negative_elbo, mean_negative_elbo

_BATCH, _EPOCHS = 128, 200
_VAL = 5_000
_TRAIN = 60_000 - _VAL


def _to_unit(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255.0


@cache
def _dataset() -> Dataset:
    pixels, labels, test_pixels, test_labels = images("mnist")
    train_rows, val_rows = hold_out(labels, _VAL)
    flat = pixels.reshape(len(pixels), -1)
    return Dataset(
        examples(flat, labels, train_rows),
        examples(flat, labels, val_rows),
        examples(test_pixels.reshape(len(test_pixels), -1), test_labels),
        prepare=_to_unit,
    )


VAE_MNIST = Task(
    name="vae-mnist",
    metric="loss",
    total_steps=_EPOCHS * (_TRAIN // _BATCH),
    batch_size=_BATCH,
    base_lrs={"sgd": 1e-3, "adamw": 1e-3},
    network=VAE,
    dataset=_dataset,
    objective=Objective(loss=mean_negative_elbo, score=each_negative_elbo),
)
"""784-400-20-400-784; the metric is the negative ELBO in nats an image; 200 epochs of 429."""
