"""Does a model predict what it is said to predict?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ._analytic import Drawn
from ._tensors import check_floating
from .model import PREDICTIONS, Model, Prediction, as_model
from .noise import Node

FITS = 0.7
"""A prediction fits where its relative squared error is below this; 1 is what zero reaches."""


def check_prediction(model: Model, data: Tensor, seed: int = 0) -> dict[str, float]:
    """Compare the network's outputs on noised data with what each prediction type would be.

    At five lambdas between -2 and 3 (within the noise schedule's range) the data are noised and
    the network asked. The error of a type is mean |output - target|^2 / mean |target|^2, averaged.

    Args:
        model: The model.
        data: Some clean samples, shape (batch, ...); 16 are plenty.
        seed: Of the noise.

    Returns:
        The error of each prediction type. Where none is below 0.7 the network is too poor to
        tell (an untrained one, say), and nothing is refused.

    Raises:
        TypeError: data that are no floating tensor.
        ValueError: no samples; or another type than the model's fits, and at most half as badly.
    """
    noise = as_model(model).noise
    check_floating(data=data)
    if data.ndim < 2 or not len(data):
        raise ValueError(f"data: shape {tuple(data.shape)}: expected (batch, ...), at least one")
    low, high = (float(noise.lambda_at(t)) for t in (noise.t_max, noise.t_min))
    drawn = Drawn(seed, data)
    errors = dict.fromkeys(PREDICTIONS, 0.0)
    with torch.no_grad():
        for lam in np.linspace(max(-2.0, low), min(3.0, high), 5).tolist():
            lam = min(max(lam, low), high)
            node = noise.node(float(noise.time_at(lam)))
            eps = drawn.normal(*data.shape)
            output = model(node.alpha * data + node.sigma * eps, node.t)
            for name in PREDICTIONS:
                target = _target(name, data, eps, node)  # pyright: ignore[reportArgumentType]
                errors[name] += (
                    float((output - target).square().mean() / target.square().mean()) / 5
                )
    best = min(errors, key=errors.__getitem__)
    if errors[best] < FITS and errors[best] < errors[model.prediction] / 2:
        raise ValueError(
            f"prediction={model.prediction!r}: the network predicts {best!r} (relative squared "
            f"error {errors[best]:.2g}, against {errors[model.prediction]:.2g})"
        )
    return errors


def _target(prediction: Prediction, data: Tensor, eps: Tensor, node: Node) -> Tensor:
    if prediction == "noise":
        return eps
    if prediction == "data":
        return data
    if prediction == "v":
        return node.alpha * eps - node.sigma * data
    return eps - data if prediction == "flow" else -eps / node.sigma
