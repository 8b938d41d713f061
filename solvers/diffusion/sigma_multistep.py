"""Multistep solvers outside the lambda-Taylor framework, made directly as tables.

All integrate d(x / alpha) = eps d kappa, kappa = sigma / alpha, with eps replaced by a combination
of the last noise predictions: x_t = alpha_t / alpha_s x_s + alpha_t sum_j W_j eps_j.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from ...schedules._checks import whole
from .noise import Node, NoiseSchedule, checked_times
from .schedule import MIN_GAP
from .table import CoefficientTable, Row

ADAMS_BASHFORTH = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
"""Weights for equal steps, latest output first, by order."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)

Weights = Callable[[Sequence[Node], Node], Sequence[float]]
"""Integral weights W of the outputs at the nodes, latest first, for the step to the other node."""


def ipndm(noise: NoiseSchedule, times: Sequence[float], order: int = 4) -> CoefficientTable:
    """IPNDM (PLMS without its warm-up): Adams-Bashforth weights whatever the steps, in sigma.

    The order rises from 1. Clean data may be the end.

    Source: Zhang & Chen (2023), arXiv:2204.13902; weights: Liu et al. (2022), arXiv:2202.09778.
    """

    def weights(known: Sequence[Node], t: Node) -> Sequence[float]:
        step = _kappa(t) - _kappa(known[0])
        return [step * c for c in ADAMS_BASHFORTH[len(known) - 1]]

    return _table(noise, times, order, weights)


def lms(noise: NoiseSchedule, times: Sequence[float], order: int = 4) -> CoefficientTable:
    """Linear multistep: eps a polynomial in sigma / alpha (DEIS "rho-AB", k-diffusion's LMS).

    Source: Crowson, k-diffusion (sample_lms); DEIS, arXiv:2204.13902, with rho.
    """

    def weights(known: Sequence[Node], t: Node) -> Sequence[float]:
        places = [_kappa(node) for node in known]
        kappas = _between(places[0], _kappa(t))
        half = (_kappa(t) - places[0]) / 2
        return [half * float(_WEIGHTS @ b) for b in _lagrange(places, kappas)]

    return _table(noise, times, order, weights)


def deis_tab(noise: NoiseSchedule, times: Sequence[float], order: int = 4) -> CoefficientTable:
    """DEIS "tAB": eps a polynomial in t; weights by Gauss-Legendre quadrature in lambda.

    A step to clean data is of order 1 (the polynomial has no lambda there).

    Source: Zhang & Chen (2023), arXiv:2204.13902, eq. 15.
    """

    def weights(known: Sequence[Node], t: Node) -> Sequence[float]:
        if _kappa(t) == 0:
            return [-_kappa(known[0])]
        lambdas = _between(float(known[0].lam), float(t.lam))
        at = np.array([float(noise.time_at(float(lam))) for lam in lambdas])
        slope = -np.exp(-lambdas) * (float(t.lam) - float(known[0].lam)) / 2
        return [float((_WEIGHTS * slope) @ b) for b in _lagrange([float(n.t) for n in known], at)]

    return _table(noise, times, order, weights)


def heun(noise: NoiseSchedule, times: Sequence[float]) -> CoefficientTable:
    """Heun's method in sigma: an Euler step, then the trapezoid with the output at its end.

    Two evaluations per step; a step to clean data stays Euler's. Each step has two nodes at one
    lambda, the state before and after.

    Source: Karras et al. (2022), arXiv:2206.00364, Algorithm 1 (S_churn = 0).
    """
    grid = _grid(noise, times)
    nodes, rows = [grid[0]], list[Row]()
    for t in grid[1:]:
        s, base = nodes[-1], len(nodes) - 1
        rows.append(_row(base + 1, base, nodes, t, {base: _kappa(t) - _kappa(s)}))
        nodes.append(t)
        if float(t.sigma) > 0:
            half = (_kappa(t) - _kappa(s)) / 2
            rows.append(_row(base + 2, base, nodes, t, {base: half, base + 1: half}))
            nodes.append(t)
    rows[-1] = rows[-1]._replace(evaluate=False)
    return CoefficientTable(noise, tuple(nodes), tuple(rows))


def _table(
    noise: NoiseSchedule, times: Sequence[float], order: int, weights: Weights
) -> CoefficientTable:
    """Rows of an order rising from 1, each from the last ``order`` outputs."""
    whole("order", order, low=1)
    if order > len(ADAMS_BASHFORTH):
        raise ValueError(f"order={order}: expected 1 to {len(ADAMS_BASHFORTH)}")
    nodes = _grid(noise, times)
    rows: list[Row] = []
    for i in range(1, len(nodes)):
        latest = list(range(i - 1, max(i - 1 - order, -1), -1))
        found = weights([nodes[j] for j in latest], nodes[i])
        rows.append(_row(i, i - 1, nodes, nodes[i], dict(zip(latest, found, strict=False))))
    rows[-1] = rows[-1]._replace(evaluate=False)
    return CoefficientTable(noise, tuple(nodes), tuple(rows))


def _row(target: int, base: int, nodes: Sequence[Node], t: Node, weights: dict[int, float]) -> Row:
    alpha = float(t.alpha)
    terms = tuple((j, alpha * w) for j, w in weights.items())
    return Row(target, base, "noise", alpha / float(nodes[base].alpha), terms)


def _grid(noise: NoiseSchedule, times: Sequence[float]) -> list[Node]:
    """The nodes of falling times that start where some data is left."""
    times = checked_times(noise, times)
    if len(times) < 2:
        raise ValueError(f"times: expected at least 2, got {len(times)}")
    nodes = [noise.node(t) for t in times]
    if math.isinf(float(nodes[0].lam)):
        raise ValueError(
            f"times[0]={times[0]:g}: alpha is 0 there; this solver needs some data left"
        )
    for i, (before, after) in enumerate(pairwise(nodes), 1):
        if not float(after.lam) - float(before.lam) >= MIN_GAP:
            raise ValueError(
                f"step {i}: times[{i}]={times[i]:g} after {times[i - 1]:g}: expected times that "
                f"fall, by at least {MIN_GAP:g} in lambda"
            )
    return nodes


def _kappa(node: Node) -> float:
    return float(node.sigma) / float(node.alpha)


def _between(start: float, end: float) -> np.ndarray:
    """The quadrature's places."""
    return start + (end - start) * (_NODES + 1) / 2


def _lagrange(places: Sequence[float], at: np.ndarray) -> list[np.ndarray]:
    """The Lagrange basis of the places, each at many points."""
    return [
        np.prod([(at - q) / (p - q) for k, q in enumerate(places) if k != j] or [at * 0 + 1], 0)
        for j, p in enumerate(places)
    ]
