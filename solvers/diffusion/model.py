"""The model: a network, what it predicts, and the noise schedule it was trained for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ...schedules._checks import one_of, shown
from ._scalar import Scalar, as_float
from .noise import Node, NoiseSchedule, as_noise
from .step import Kind

Network = Callable[[Tensor, Tensor], Tensor]
Prediction = Literal["noise", "data", "v", "score", "flow"]
PREDICTIONS: tuple[str, ...] = get_args(Prediction)


@dataclass(frozen=True)
class Model:
    """A network ``network(x, t) -> output`` with what its output means.

    x has shape (batch, ...), t shape (batch,) in the units of the noise schedule, and the output
    the shape of x. In terms of x = alpha x_0 + sigma eps the output is

        noise: eps      data: x_0      v: alpha eps - sigma x_0
        score: -eps / sigma            flow: eps - x_0

    Args:
        network: The callable. It must leave x as it is. It may return a tensor that it reuses
            only if nothing of it is needed later: outputs are kept as they are.
        noise: The noise schedule.
        prediction: What it predicts.
        mean: Mean of the data, broadcast against x; needed by tables whose first is "mean".

    Raises:
        TypeError: ``network`` is not callable, ``noise`` no noise schedule, ``mean`` no tensor.
        ValueError: an unknown prediction.
    """

    network: Network
    noise: NoiseSchedule
    prediction: Prediction = "noise"
    mean: Tensor | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check the settings."""
        check_network(self.network)
        as_noise(self.noise)
        one_of("prediction", self.prediction, PREDICTIONS)
        if self.mean is not None and not isinstance(self.mean, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"mean={shown(self.mean)}: expected a tensor")

    def __call__(self, x: Tensor, t: Scalar) -> Tensor:
        """The output at one time for the whole batch.

        Raises:
            TypeError: an output that is no tensor.
            ValueError: one of another shape than x's.
        """
        output = self.network(x, times_like(x, t))
        if not isinstance(output, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"network: output is a {type(output).__name__}: expected a tensor (from_diffusers "
                "makes a Model of a diffusers network)"
            )
        if output.shape != x.shape:
            raise ValueError(
                f"network: output of shape {tuple(output.shape)} for x of {tuple(x.shape)}; "
                "expected the same"
            )
        return output


def as_model(model: Any) -> Model:
    """A model as it is; TypeError for anything else."""
    if not isinstance(model, Model):
        name = type(model).__name__
        raise TypeError(f"model={name}: expected a Model(network, noise, prediction)")
    return model


def check_network(network: Any) -> None:
    """TypeError where it cannot be called."""
    if not callable(network):
        raise TypeError(f"network={shown(network)}: expected a callable (x, t) -> output")


def times_like(x: Tensor, t: Scalar) -> Tensor:
    """A time as the network takes it: shape (batch,), in float32 or better."""
    dtype = torch.float64 if x.dtype == torch.float64 else torch.float32
    if isinstance(t, Tensor):
        return t.to(x.device, dtype).expand(len(x))
    return torch.full((len(x),), t, dtype=dtype, device=x.device)


def conversion(prediction: Prediction, kind: Kind, node: Node) -> tuple[Scalar, Scalar]:
    """(p, q) such that the noise or the data predicted is p x + q output.

    Raises:
        ValueError: it is undefined there: data from predicted noise at alpha = 0, or noise from
            predicted data at sigma = 0.
    """
    alpha, sigma = node.alpha, node.sigma
    if prediction == kind:
        return 0.0, 1.0
    if kind == "data":
        if prediction == "v":
            norm = alpha * alpha + sigma * sigma
            return alpha / norm, -sigma / norm
        if prediction == "flow":
            return 1 / (alpha + sigma), -sigma / (alpha + sigma)
        if as_float(alpha) == 0:
            raise ValueError(
                f"t={as_float(node.t):g}: alpha is 0, and a model that predicts {prediction} says "
                "nothing about the data there; start later, or use a v or flow model"
            )
        return 1 / alpha, -sigma / alpha if prediction == "noise" else sigma * sigma / alpha
    if prediction == "v":
        norm = alpha * alpha + sigma * sigma
        return sigma / norm, alpha / norm
    if prediction == "flow":
        return 1 / (alpha + sigma), alpha / (alpha + sigma)
    if prediction == "score":
        return 0.0, -sigma
    if as_float(sigma) == 0:
        raise ValueError(
            f"t={as_float(node.t):g}: sigma is 0; predicted data says nothing of noise"
        )
    return 1 / sigma, -alpha / sigma


def convert(
    output: Tensor,
    x: Tensor,
    prediction: Prediction,
    kind: Kind,
    node: Node,
) -> Tensor:
    """The noise or the data that an output at x means, in the dtype of x.

    Where the network predicts just that, the output itself is returned, not a copy.
    """
    p, q = conversion(prediction, kind, node)
    output = output.to(x.dtype)
    if p == 0:
        return output if q == 1 else output * q
    if torch.is_grad_enabled():
        return x * p + output * q
    return torch.mul(x, as_float(p)).add_(output, alpha=as_float(q))


class Counted:
    """A network that counts its calls.

    Example:
        >>> network = Counted(lambda x, t: x)
        >>> _ = network(torch.ones(1), torch.ones(1))
        >>> network.calls
        1
    """

    def __init__(self, network: Callable[..., Tensor]) -> None:
        check_network(network)
        self.network = network
        self.calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Call the network, and count."""
        self.calls += 1
        return self.network(*args, **kwargs)
