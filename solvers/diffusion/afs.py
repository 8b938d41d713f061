"""The analytic first step: the first output without the network."""

from __future__ import annotations

from torch import Tensor

from ._scalar import sqrt
from .noise import Node
from .table import First


def first_output(first: First, x: Tensor, node: Node, mean: Tensor | None) -> Tensor:
    """The noise predicted at the start from what is known of the data beforehand.

    zero: x_0 = 0, so eps = x / sigma. mean: x_0 = the data's mean. unit: data of unit variance,
    eps = x / sqrt(alpha^2 + sigma^2), which has unit variance too.

    Source: Dockhorn et al. (2022), GENIE, arXiv:2210.05475, section 3 (the idea).
    """
    alpha, sigma = node.alpha, node.sigma
    if first == "unit":
        return x / sqrt(alpha * alpha + sigma * sigma)
    if first == "mean":
        assert mean is not None
        return (x - alpha * mean.to(x)) / sigma
    return x / sigma
