"""Last-iterate bounds of schedules, without training."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._checks import number, whole
from ..refinement.norms import GradNorms
from ..refinement.refine import later_sums
from ..schedule import Array, Schedule, operand

Norms = float | Sequence[float] | Array | GradNorms
"""One norm for all updates, one for each, or a log (resampled to the run)."""

NOTHING = 1e-300
"""Rates at the end of a run that are below this part of the largest are zero."""


@dataclass(frozen=True)
class Bound:
    """What the last iterate's expected gap is at most, as a function of the base rate.

    Omega(gamma) = A/gamma + B gamma; least, 2 sqrt(AB), at gamma = sqrt(A/B). The last iterate
    is the point at which the last gradient is taken.

    Use it to compare schedules: for linear decay it is loose by a factor of about 2. It predicts
    no loss.

    Attributes:
        value: The bound at the best base rate, 2 sqrt(AB), in units of distance times norm.
        best_base_lr: The base rate that minimises it, sqrt(A/B), in units of distance / norm.
    """

    value: float
    best_base_lr: float

    @property
    def A(self) -> float:
        """D^2 / (2 sum s_t)."""
        return self.value / 2 * self.best_base_lr

    @property
    def B(self) -> float:
        """The two terms in the norms, at base rate 1."""
        return self.value / 2 / self.best_base_lr

    def at(self, base_lr: float) -> float:
        """The bound at a base rate > 0."""
        off = number("base_lr", base_lr, low=0, open_low=True) / self.best_base_lr
        return self.value / 2 * (off + 1 / off)


def bound(
    schedule: Schedule,
    total_steps: int,
    grad_norms: Norms = 1.0,
    distance: float = 1.0,
) -> Bound:
    """The last-iterate bound of a schedule for convex problems, valid for every positive one.

        Omega = D^2/(2 S_1) + sum_t eta_t^2 G_t^2 / (2 S_1)
                + 1/2 sum_{k<T} [eta_k / S_{k+1}] [sum_{t>=k} eta_t^2 G_t^2 / S_k],

    S_k = sum_{t>=k} eta_t, eta_t = gamma s(t, T), t = 0..T-1. It costs O(T). Rates that are zero
    at the end of the run are no updates and are left out.

    Args:
        schedule: Any schedule.
        total_steps: T >= 1.
        grad_norms: Norms of the gradients G_t.
        distance: D, from the start to a minimiser.

    Raises:
        TypeError: no schedule.
        ValueError: norms that are not finite and >= 0, all zero, or not T of them; a schedule
            that is zero throughout.

    Example:
        >>> from ritard.schedules import Linear
        >>> found = bound(Linear(), total_steps=4)
        >>> round(found.value, 7), round(found.best_base_lr, 7)
        (1.0327956, 0.3872983)

    Source: Schaipp et al. (2025), arXiv:2501.18965; Defazio et al. (2023), arXiv:2310.07831,
    Theorem 10.
    """
    T = whole("total_steps", total_steps, low=1)
    return bound_of_rates(
        operand("schedule", schedule).values(T), norms_of(grad_norms, T), distance
    )


def bound_of_rates(rates: Array, grad_norms: Array, distance: float = 1.0) -> Bound:
    """:func:`bound` of the multipliers themselves, shape (T,), with norms of shape (T,)."""
    D = number("distance", distance, low=0, open_low=True)
    top_rate = float(rates.max())
    acting = np.flatnonzero(rates > NOTHING * top_rate)
    if not acting.size:
        raise ValueError("schedule: it is zero throughout; there is nothing to bound")
    # Distance, rates and moves in units of their largest: neither squares nor sums overflow.
    eta = rates[: acting[-1] + 1] / top_rate
    moves = eta * grad_norms[: acting[-1] + 1]
    top = float(moves.max())
    if top == 0:
        raise ValueError("grad_norms: zero wherever the schedule moves; there is nothing to bound")
    A, B = _terms(eta, (moves / top) ** 2)
    return Bound(2 * math.sqrt(A * B) * D * top, math.sqrt(A / B) * D / top / top_rate)


def _terms(eta: Array, moved: Array) -> tuple[float, float]:
    """A for D = 1, and B, from eta_t and eta_t^2 G_t^2."""
    later = later_sums(eta)
    S, Q = later + eta, later_sums(moved) + moved
    spread = np.sum((eta[:-1] / later[:-1]) * (Q[:-1] / S[:-1])) / 2
    return float(1 / (2 * S[0])), float(Q[0] / (2 * S[0]) + spread)


def bound_of_weights(
    weights: Sequence[float] | Array, grad_norms: Norms = 1.0, distance: float = 1.0
) -> float:
    """The tight bound of schedules of the form eta_t = w_t sum_{p>t} w_p / sum_p w_p.

    (D^2 + sum_t w_t^2 G_t^2) / (2 sum_t w_t); the last update, whose rate is zero, still counts
    its G_T. Linear decay is w = D / (G sqrt(T)), with the bound D G / sqrt(T).

    Args:
        weights: w_t > 0, shape (T,).
        grad_norms: Norms of the gradients G_t.
        distance: D.

    Example:
        >>> round(bound_of_weights([1 / 20] * 400), 6)
        0.05

    Source: arXiv:2310.07831, Theorem 1.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim != 1 or not w.size or not np.all(np.isfinite(w) & (w > 0)):
        raise ValueError("weights: expected one or more finite numbers > 0")
    D = number("distance", distance, low=0, open_low=True)
    G = norms_of(grad_norms, len(w))
    return float((D**2 + np.sum((w * G) ** 2)) / (2 * w.sum()))


def norms_of(grad_norms: Norms, total_steps: int) -> Array:
    """Norms of every update, shape (T,); a log is resampled in normalised time."""
    if isinstance(grad_norms, GradNorms):
        return grad_norms.at_length(total_steps)
    try:
        found = np.asarray(grad_norms, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"grad_norms={reprlib.repr(grad_norms)}: expected numbers") from error
    if found.ndim == 0:
        found = np.full(total_steps, found)
    if found.shape != (total_steps,):
        raise ValueError(f"grad_norms: {found.size} of them; expected {total_steps}, one an update")
    bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if bad.size:
        raise ValueError(f"grad_norms[{bad[0]}]={found[bad[0]]}; expected finite numbers >= 0")
    return found
