"""Features to compare samples by: a small classifier trained on the data that the model is of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 32
"""Penultimate features; few, so that their covariance is known from some hundred samples."""


class Classifier(nn.Module):
    """A perceptron of one hidden layer before the features, on standardised inputs.

    Args:
        data: What it is to be trained on; its mean and deviation standardise the inputs.
        classes: Number of classes.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, data: Tensor, classes: int) -> None:
        super().__init__()
        flat = data.flatten(1).float()
        self.register_buffer("mean", flat.mean(0))
        self.register_buffer("deviation", flat.std(0).clamp_min(0.1 * float(flat.std())))
        self.body = nn.Sequential(
            nn.Linear(flat.shape[1], 128), nn.ReLU(), nn.Linear(128, WIDTH), nn.ReLU()
        )
        self.head = nn.Linear(WIDTH, classes)

    def features(self, x: Tensor) -> Tensor:
        """The penultimate layer's output, shape (n, ``WIDTH``)."""
        return self.body((x.flatten(1).float() - self.mean) / self.deviation)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, shape (n, classes)."""
        return self.head(self.features(x))


def train_classifier(
    data: Tensor, labels: Tensor, steps: int = 1500, batch: int = 128, seed: int = 0
) -> Classifier:
    """Train it: Adam at 1e-3, falling to zero. Global random numbers are left as they were.

    Args:
        data: Shape (n, ...).
        labels: Classes 0, 1, ..., shape (n,).
        steps: Updates.
        batch: Samples of each, drawn with replacement.
        seed: Of the weights and the batches.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(data, int(labels.max()) + 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
        for _ in range(steps):
            rows = torch.randint(len(data), (batch,))
            loss = F.cross_entropy(model(data[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            falling.step()
    return model.eval().requires_grad_(False)
