"""Samples of a sampler, judged by both families of metrics."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .distributions import (
    energy_distance,
    frechet_distance,
    kernel_distance,
    sliced_wasserstein,
)
from .features import WIDTH
from .ground import Ground

Distances = dict[str, float]
"""By metric and what is compared with: "SWD data", "FD_clf reference"..."""

PLAIN: dict[str, Callable[[Tensor, Tensor], float]] = {
    "SWD": sliced_wasserstein,
    "energy": energy_distance,
}
ON_FEATURES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "FD_clf": frechet_distance,
    "KD_clf": kernel_distance,
}


def compare_distributions(ground: Ground, samples: Tensor) -> Distances:
    """From held-out data and from independent exact samples.

    The features are those of a classifier trained on the testbed's own data: no figure of theirs
    can be compared with one from elsewhere. Where there are too few samples for a covariance of
    the features, or no classes, they are left out.
    """
    targets = {"data": ground.bed.held_out, "reference": ground.independent}
    found = {
        f"{name} {target}": of(samples, others)
        for target, others in targets.items()
        for name, of in PLAIN.items()
    }
    model = ground.classifier
    if model is None or min(len(samples), *map(len, targets.values())) <= WIDTH:
        return found
    features = model.features(samples)
    for target, others in targets.items():
        theirs = model.features(others)
        found |= {f"{name} {target}": of(features, theirs) for name, of in ON_FEATURES.items()}
    return found


def floor_of(ground: Ground) -> Distances:
    """What the exact solutions of the test noises have: no sampler can be told from them."""
    return compare_distributions(ground, ground.test().reference)
