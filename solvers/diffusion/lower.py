"""Lowering: the decisions of a schedule become the numbers of a table."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf

from ._scalar import Scalar, as_float, expm1
from .noise import Node, NoiseSchedule
from .phi import derivative_weights, phi
from .saved import Sampler, as_sampler
from .step import Scaling, SolverStep, scale_of, signed
from .table import CoefficientTable, Row


def lower(
    schedule: Sampler,
    noise: NoiseSchedule | None = None,
    times: Sequence[Scalar] | None = None,
) -> CoefficientTable:
    """The coefficient table of a schedule: one row per step, one more where it is corrected.

    Args:
        schedule: The decisions. A coefficient table is lowered already, and comes back as it is.
        noise: The noise schedule of the model; another one than the schedule's is refused
            (``schedule.on(noise)`` gives the same schedule under it).
        times: In place of the schedule's, N + 1 of them: float64 tensors of no dimension make
            the table differentiable with respect to its time grid.

    Raises:
        TypeError: neither a solver schedule nor a coefficient table.
        ValueError: one made for another noise schedule, times of the wrong number, or times for
            a table, whose coefficients do not follow them.

    Source: arXiv:2312.07243; update: exponential Taylor expansion as in arXiv:2211.01095.
    """
    as_sampler(schedule, "schedule")
    if noise is not None and noise != schedule.noise:
        raise ValueError(
            f"schedule: made for noise schedule {_short(schedule.noise)}, not for {_short(noise)}; "
            "schedule.on(noise) gives the same one under it"
        )
    if isinstance(schedule, CoefficientTable):
        if times is not None:
            raise ValueError("times: a coefficient table has its own; lower a schedule at others")
        return schedule
    nodes = schedule.nodes
    if times is not None:
        if len(times) != len(nodes):
            raise ValueError(f"times: expected {len(nodes)}, got {len(times)}")
        nodes = tuple(schedule.noise.node(t) for t in times)
    rows: list[Row] = []
    last = len(schedule.steps)
    for i, step in enumerate(schedule.steps, 1):
        rows.append(_predict(i, step, nodes)._replace(evaluate=i < last))
        if step.corrector != "none":
            rows.append(_correct(i, step, nodes)._replace(evaluate=step.corrector == "implicit"))
    return CoefficientTable(schedule.noise, nodes, tuple(rows), schedule.first, checked=True)


def order_one(target: int, base: int, nodes: Sequence[Node]) -> Row:
    """The row of a first-order step in the data (DDIM)."""
    return _row(target, base, SolverStep(), nodes, [], (0, 0), ("none", 1.0))


def _predict(i: int, step: SolverStep, nodes: Sequence[Node]) -> Row:
    base = i - step.start
    active = _active(i, base, step.order - 1)
    counts = (step.first_points, step.order - 1)
    return _row(i, base, step, nodes, active, counts, (step.scaling, step.d2_scale))


def _correct(i: int, step: SolverStep, nodes: Sequence[Node]) -> Row:
    """The same step with the output at its end, one order and one point more."""
    base = i - step.start
    active = [i, *_active(i, base, step.order - 1)]
    counts = (step.first_points + 1, step.order)
    row = _row(i, base, step, nodes, active, counts, (step.corrector_scaling, 1.0))
    return row._replace(role="correct")


def _active(i: int, base: int, count: int) -> list[int]:
    """The nodes of the most recent outputs before i but the base, latest first."""
    return [j for j in range(i - 1, -1, -1) if j != base][:count]


def _row(
    target: int,
    base: int,
    step: SolverStep,
    nodes: Sequence[Node],
    active: Sequence[int],
    counts: tuple[int, int],
    scales: tuple[Scaling, float],
) -> Row:
    """W = sum_k R_k h^(k+1) phi_(k+1)(z) (weights of m^(k)), times -sigma_t or alpha_t.

    ``counts``: how many of the active points the first and the higher derivatives use;
    ``scales``: what gives R_1, and R_2.
    """
    s, t = nodes[base], nodes[target]
    noise = step.prediction == "noise"
    scale = t.alpha / s.alpha if noise else t.sigma / s.sigma
    outer = -t.sigma if noise else t.alpha
    h = t.lam - s.lam
    z = signed(step.prediction, h)
    # h phi_1(z) = +-(e^z - 1): finite even for an infinite step.
    weights = {base: expm1(z) if noise else -expm1(z)}
    highest = len(active)
    if highest and not isinf(as_float(h)):
        phis = phi(highest + 1, z)
        factors = [scale_of(scales[0], step.prediction, h), scales[1], 1.0, 1.0]
        derivatives = _derivatives([nodes[j].lam - s.lam for j in active], counts, highest)
        power = h
        for k, derivative in enumerate(derivatives, 1):
            power = power * h
            c = factors[k - 1] * power * phis[k]
            for j, a in zip((base, *active), derivative, strict=False):
                weights[j] = weights.get(j, 0.0) + c * a
    terms = tuple((j, outer * w) for j, w in weights.items())
    return Row(target, base, step.prediction, scale, terms)


def _derivatives(deltas: list[Scalar], counts: tuple[int, int], highest: int) -> list[list[Scalar]]:
    """Weights of m', m'', ...: the first from its own number of points."""
    first, full = counts
    found = derivative_weights(deltas[:full], highest)
    if first != full:
        found[0] = derivative_weights(deltas[:first], 1)[0]
    return found


def _short(noise: NoiseSchedule) -> str:
    text = str(noise)
    return text if len(text) <= 60 else f"{text[:57]}..."
