"""What may be learned of a sampler: a vector of unknowns, 0 for the sampler as it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast, get_args

import torch
from torch import Tensor

from ...schedules._checks import number, whole
from ...solvers.diffusion import CoefficientTable, Node, Row, SolverSchedule, lower
from ...solvers.diffusion._scalar import Scalar, as_float
from ...solvers.diffusion.step import SolverStep, scale_of

Sampler = SolverSchedule | CoefficientTable
Group = Literal["times", "scaling", "weights", "sums", "network_times"]
GROUPS: tuple[Group, ...] = get_args(Group)

_START_ROOM = 4.0
"""How far below the first knot of finite lambda it may move, where the start is pure noise."""


class Unknowns:
    """A sampler as a differentiable function of an unconstrained float64 vector.

    Every value gives a valid sampler of the same NFE, and 0 gives the sampler itself. Unknowns of
    a step change nothing before it. The groups:

        times: the knots between the ends, in lambda. Each splits what is left between the knot
            before it and the end: lambda_k = lambda_(k-1) + gap + left * logistic(...).
        scaling: the number c of each first derivative's factor 1 + c h (schedules only).
        weights: the row's weights, of all outputs known there; their sum is kept, so that a
            constant output is integrated exactly (consistency).
        sums: those sums as well.
        network_times: the times told to the network, apart from those the steps are made with.

    The weights of a schedule follow its times, the offsets being relative to the row's sum; a
    table keeps its relative weights where its times move.

    Args:
        sampler: Where to start.
        free: The groups.
        min_gap: Least distance of two knots, as a fraction of the range of lambda; less where the
            sampler itself has less.
        history: How many outputs a row may use, the most recent; all of them if None.

    Raises:
        ValueError: an unknown group, "scaling" of a table, or nothing left to learn.
    """

    def __init__(
        self,
        sampler: Sampler,
        free: Sequence[Group],
        min_gap: float = 1e-3,
        history: int | None = None,
    ) -> None:
        self.free = check_groups(free)
        number("min_gap", min_gap, low=0, high=0.5, open_low=True, open_high=True)
        if history is not None:
            whole("history", history, low=1)
        if "scaling" in free and not isinstance(sampler, SolverSchedule):
            raise ValueError("free: 'scaling' is a decision of schedules; a table has weights only")
        self.start = sampler
        self.base = lower(sampler) if isinstance(sampler, SolverSchedule) else sampler.detach()
        self._knots = _Knots(self.base, min_gap)
        self._scaled = _scaled(sampler) if isinstance(sampler, SolverSchedule) else []
        self._terms = _known(self.base, history)
        self._told = [
            i for i in range(1, len(self.base.nodes)) if self.base.kinds[i] and self._knots.of(i)
        ]
        sizes = {
            "times": self._knots.count,
            "scaling": len(self._scaled),
            "weights": sum(len(others) for others in self._terms),
            "sums": len(self._terms),
            "network_times": len(self._told),
        }
        self.sizes: dict[Group, int] = {g: sizes[g] for g in GROUPS if g in free and sizes[g]}
        self.size = sum(self.sizes.values())
        if not self.size:
            raise ValueError(f"free={tuple(free)}: nothing of this sampler is left to learn")

    def split(self, values: Tensor) -> dict[Group, Tensor]:
        """The vector's part of each group."""
        return dict(zip(self.sizes, values.split(list(self.sizes.values())), strict=True))

    def table(self, values: Tensor) -> CoefficientTable:
        """The table at a value of the unknowns; differentiable."""
        parts = self.split(values)
        table = self._moved(parts)
        if "weights" in parts or "sums" in parts:
            table = self._reweighted(table, parts)
        if "network_times" in parts:
            table = self._retold(table, parts["network_times"])
        return table

    def sampler(self, values: Tensor) -> Sampler:
        """The sampler, in plain numbers: a schedule where only its times and scalings moved."""
        values = values.detach()
        if isinstance(self.start, SolverSchedule) and not self.sizes.keys() - {"times", "scaling"}:
            parts = self.split(values)
            steps = _rescaled(self.start, self._scaled, parts.get("scaling"))
            plain = tuple(
                replace(
                    s,
                    scaling=_plain(s.scaling),
                    corrector_scaling=_plain(s.corrector_scaling),
                )
                for s in steps
            )
            times = tuple(as_float(t) for t in self._times(parts.get("times")))
            return replace(self.start, times=times, steps=plain)
        return self.table(values).detach()

    # ---- the groups ----------------------------------------------------------------------

    def _times(self, values: Tensor | None) -> list[Scalar]:
        noise, nodes = self.base.noise, self.base.nodes
        if values is None:
            return [node.t for node in nodes]
        lambdas = self._knots.lambdas(values)
        moved = [self._knots.of(i) for i in range(len(nodes))]
        return [
            noise.time_at(lambdas[k - 1]) if k else node.t
            for node, k in zip(nodes, moved, strict=True)
        ]

    def _moved(self, parts: dict[Group, Tensor]) -> CoefficientTable:
        if isinstance(self.start, SolverSchedule):
            schedule = self.start
            if "scaling" in parts:
                steps = _rescaled(schedule, self._scaled, parts["scaling"])
                schedule = replace(schedule, steps=steps)
            return lower(schedule, times=self._times(parts.get("times")))
        if "times" not in parts:
            return self.base
        lambdas = self._knots.lambdas(parts["times"])
        return _moved_table(
            self.base, [self._knots.of(i) for i in range(len(self.base.nodes))], lambdas
        )

    def _reweighted(self, table: CoefficientTable, parts: dict[Group, Tensor]) -> CoefficientTable:
        offsets = iter(parts["weights"].unbind()) if "weights" in parts else iter(())
        sums = parts["sums"].unbind() if "sums" in parts else [0.0] * len(table.rows)
        rows: list[Row] = []
        for row, others, extra in zip(table.rows, self._terms, sums, strict=True):
            total = consistent(row, table.nodes)[1]
            terms: dict[int, Scalar] = dict(row.terms)
            anchor = row.base if row.base in terms else row.terms[0][0]
            terms[anchor] = terms[anchor] + total * extra
            for j in others if "weights" in parts else ():
                shift = total * next(offsets)
                terms[j] = terms.get(j, 0.0) + shift
                terms[anchor] = terms[anchor] - shift
            rows.append(row._replace(terms=tuple(terms.items())))
        return replace(table, rows=tuple(rows), checked=True)

    def _retold(self, table: CoefficientTable, values: Tensor) -> CoefficientTable:
        nodes, low, high = list(table.nodes), self._knots.low, self._knots.high
        for i, value in zip(self._told, values.unbind(), strict=True):
            lam = table.noise.lambda_at(nodes[i].t)
            place = torch.as_tensor((lam - low) / (high - low), dtype=torch.float64)
            logit = place.clamp(1e-9, 1 - 1e-9).logit() + value
            told = table.noise.time_at(low + (high - low) * logit.sigmoid())
            nodes[i] = nodes[i]._replace(t=told)
        return replace(table, nodes=tuple(nodes), checked=True)


def check_groups(free: Sequence[Group]) -> tuple[Group, ...]:
    """The groups as a tuple; ValueError for one that does not exist, or none."""
    if isinstance(free, str) or not free or set(free) - set(GROUPS):
        raise ValueError(f"free={free!r}: expected some of {', '.join(GROUPS)}")
    return tuple(free)


def consistent(row: Row, nodes: Sequence[Node]) -> tuple[Scalar, Scalar]:
    """Scale of the state and sum of the weights of a step that is exact for a constant output."""
    s, t = nodes[row.base], nodes[row.target]
    if row.kind == "noise":
        scale = t.alpha / s.alpha
        return scale, t.sigma - scale * s.sigma
    scale = t.sigma / s.sigma
    return scale, t.alpha - scale * s.alpha


class _Knots:
    """The lambdas of a table's nodes that may move, by stick-breaking between two bounds."""

    def __init__(self, table: CoefficientTable, min_gap: float) -> None:
        lambdas = [as_float(node.lam) for node in table.nodes]
        knots = sorted({lam for lam in lambdas if math.isfinite(lam)})
        fixed = {lambdas[0], lambdas[-1]}
        moving = [lam for lam in knots if lam not in fixed]
        noise = table.noise
        self.low = lambdas[0] if math.isfinite(lambdas[0]) else knots[0] - _START_ROOM
        self.high = lambdas[-1]
        if math.isinf(self.high):
            self.high = max(as_float(noise.lambda_at(noise.t_min)), knots[-1])
            moving = [lam for lam in moving if lam < self.high]
        self.count = len(moving)
        self._index = [moving.index(lam) + 1 if lam in moving else 0 for lam in lambdas]
        edges = torch.tensor([self.low, *moving, self.high], dtype=torch.float64)
        gaps = edges.diff()
        self.gap = min(min_gap * (self.high - self.low), float(gaps.min()) / 2)
        left = (gaps - self.gap).flip(0).cumsum(0).flip(0)
        self._logits = ((gaps - self.gap) / left)[:-1].logit()

    def of(self, node: int) -> int:
        """1 + which moving knot a node lies at; 0 where it is fixed."""
        return self._index[node]

    def lambdas(self, values: Tensor) -> list[Tensor]:
        """The moving knots, rising."""
        left = self.high - self.low - (self.count + 1) * self.gap
        found, before = list[Tensor](), torch.tensor(self.low, dtype=torch.float64)
        remaining: Scalar = left
        for part in (self._logits.to(values.device) + values).sigmoid().unbind():
            before = before + self.gap + remaining * part
            remaining = remaining * (1 - part)
            found.append(before)
        return found


def _moved_table(
    table: CoefficientTable, places: Sequence[int], lambdas: Sequence[Tensor]
) -> CoefficientTable:
    """The nodes elsewhere; rows in the same ratio to a consistent step's."""
    noise, nodes = table.noise, list[Node]()
    for node, place in zip(table.nodes, places, strict=True):
        if not place:
            nodes.append(node)
            continue
        lam = lambdas[place - 1]
        told = noise.lambda_at(node.t) - node.lam + lam  # what was told apart stays apart
        nodes.append(Node(noise.time_at(told), lam, *noise.alpha_sigma(lam)))
    rows: list[Row] = []
    for row in table.rows:
        (scale, total), (new_scale, new_total) = (
            consistent(row, where) for where in (table.nodes, nodes)
        )
        terms = tuple((j, c / total * new_total) for j, c in row.terms)
        ratio = row.scale / scale if as_float(scale) else 1.0
        rows.append(row._replace(scale=new_scale * ratio, terms=terms))
    return replace(table, nodes=tuple(nodes), rows=tuple(rows), checked=True)


def _known(table: CoefficientTable, history: int | None) -> list[list[int]]:
    """For each row the outputs it may use but the one that balances their sum."""
    known, found = [0], list[list[int]]()
    finite = [math.isfinite(as_float(node.lam)) for node in table.nodes]
    for row in table.rows:
        own = {j for j, _ in row.terms}
        anchor = row.base if row.base in own else row.terms[0][0]
        recent = known if history is None else known[-history:]
        usable = own | {j for j in recent if finite[j]}
        found.append(sorted(usable - {anchor}))
        if row.evaluate and row.target not in known:
            known.append(row.target)
    return found


def _scaled(schedule: SolverSchedule) -> list[tuple[int, str, float]]:
    """Step, which of its two scalings, and the number c that it amounts to."""
    found: list[tuple[int, str, float]] = []
    for i, step in enumerate(schedule.steps):
        s, t = schedule.nodes[i + 1 - step.start], schedule.nodes[i + 1]
        h = as_float(t.lam) - as_float(s.lam)
        if not math.isfinite(h):
            continue
        z = h if step.prediction == "noise" else -h
        if step.order > 1:
            found.append((i, "scaling", (as_float(scale_of(step.scaling, z, h)) - 1) / h))
        if step.corrector != "none":
            c = (as_float(scale_of(step.corrector_scaling, z, h)) - 1) / h
            found.append((i, "corrector_scaling", c))
    return found


def _rescaled(
    schedule: SolverSchedule, scaled: Sequence[tuple[int, str, float]], values: Tensor | None
) -> tuple[SolverStep, ...]:
    if values is None:
        return schedule.steps
    steps = list(schedule.steps)
    for (i, which, c), value in zip(scaled, values.unbind(), strict=True):
        new = cast(float, c + value)  # a tensor of no dimension, while it is learned
        steps[i] = replace(steps[i], **{which: new})
    return tuple(steps)


def _plain(scaling: str | Scalar) -> str | float:
    return scaling if isinstance(scaling, str) else as_float(scaling)
