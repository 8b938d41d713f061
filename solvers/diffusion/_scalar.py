"""Functions of one number that may be a float or a torch tensor.

Coefficients are Python floats (fast: a table of ten steps costs a fraction of a millisecond) or,
where they are to be learned, float64 tensors; the same code computes both.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Scalar = float | Tensor


def as_float(x: Scalar) -> float:
    """The number itself, whatever gradient it carries."""
    return x.detach().item() if isinstance(x, Tensor) else float(x)


def exp(x: Scalar) -> Scalar:
    """e^x; infinite where it overflows."""
    if isinstance(x, Tensor):
        return x.exp()
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def expm1(x: Scalar) -> Scalar:
    """e^x - 1; infinite where it overflows."""
    if isinstance(x, Tensor):
        return x.expm1()
    try:
        return math.expm1(x)
    except OverflowError:
        return math.inf


def log(x: Scalar) -> Scalar:
    """Ln x for x >= 0; -inf at 0."""
    if isinstance(x, Tensor):
        return x.log()
    return math.log(x) if x > 0 else -math.inf


def sqrt(x: Scalar) -> Scalar:
    """The square root."""
    return x.sqrt() if isinstance(x, Tensor) else math.sqrt(x)


def cos(x: Scalar) -> Scalar:
    """The cosine."""
    return x.cos() if isinstance(x, Tensor) else math.cos(x)


def sin(x: Scalar) -> Scalar:
    """The sine."""
    return x.sin() if isinstance(x, Tensor) else math.sin(x)


def atan2(y: Scalar, x: Scalar) -> Scalar:
    """The angle of the point (x, y)."""
    if isinstance(y, Tensor) or isinstance(x, Tensor):
        return torch.atan2(torch.as_tensor(y), torch.as_tensor(x))
    return math.atan2(y, x)


def softplus(x: Scalar) -> Scalar:
    """ln(1 + e^x), right for any x."""
    if isinstance(x, Tensor):
        return torch.nn.functional.softplus(x, threshold=40.0)
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
