"""What may be learned of a sampler: a vector of unknowns, 0 for the sampler as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ...schedules._checks import number, whole
from ...solvers.diffusion import CoefficientTable, SolverSchedule, lower
from ...solvers.diffusion._scalar import Scalar, as_float
from ...solvers.diffusion.saved import Sampler
from ._knots import Knots
from ._rows import moved, reweighted, usable
from ._scaled import rescaled, scaled

Group = Literal["times", "scaling", "weights", "sums", "network_times"]
GROUPS: tuple[Group, ...] = get_args(Group)


class Unknowns:
    """A sampler as a differentiable function of an unconstrained float64 vector.

    Every value gives a valid sampler of the same NFE, and 0 gives the sampler itself. Unknowns of
    a step change nothing before it. The groups:

        times: the knots between the ends, in lambda; see :class:`~._knots.Knots`.
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
        self.base = lower(sampler).detach()
        self._knots = Knots(self.base, min_gap)
        self._scaled = scaled(sampler) if isinstance(sampler, SolverSchedule) else []
        self._others = usable(self.base, history)
        self._told = [
            i for i, place in enumerate(self._knots.places) if place and self.base.kinds[i]
        ]
        sizes = {
            "times": self._knots.count,
            "scaling": len(self._scaled),
            "weights": sum(len(others) for others in self._others),
            "sums": len(self._others),
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
            others = self._others if "weights" in parts else [[]] * len(table.rows)
            offsets = iter(parts["weights"].unbind() if "weights" in parts else ())
            sums = parts["sums"].unbind() if "sums" in parts else [0.0] * len(table.rows)
            table = reweighted(table, others, offsets, sums)
        if "network_times" in parts:
            table = self._retold(table, parts["network_times"])
        return table

    def sampler(self, values: Tensor) -> Sampler:
        """The sampler, in plain numbers: a schedule where only its times and scalings moved."""
        values = values.detach()
        if not isinstance(self.start, SolverSchedule) or self.sizes.keys() - {"times", "scaling"}:
            return self.table(values).detach()
        parts = self.split(values)
        schedule = self.start
        if "scaling" in parts:
            schedule = rescaled(schedule, self._scaled, parts["scaling"].tolist())
        return replace(schedule, times=tuple(map(as_float, self._times(parts.get("times")))))

    # ---- the groups ----------------------------------------------------------------------

    def _times(self, values: Tensor | None) -> list[Scalar]:
        noise, nodes = self.base.noise, self.base.nodes
        if values is None:
            return [node.t for node in nodes]
        lambdas = self._knots.lambdas(values)
        return [
            noise.time_at(lambdas[k - 1]) if k else node.t
            for node, k in zip(nodes, self._knots.places, strict=True)
        ]

    def _moved(self, parts: dict[Group, Tensor]) -> CoefficientTable:
        if isinstance(self.start, SolverSchedule):
            schedule = self.start
            if "scaling" in parts:
                schedule = rescaled(schedule, self._scaled, parts["scaling"].unbind())
            return lower(schedule, times=self._times(parts.get("times")))
        if "times" not in parts:
            return self.base
        return moved(self.base, self._knots.places, self._knots.lambdas(parts["times"]))

    def _retold(self, table: CoefficientTable, values: Tensor) -> CoefficientTable:
        nodes, low, high = list(table.nodes), self._knots.low, self._knots.high
        for i, value in zip(self._told, values.unbind(), strict=True):
            lam = table.noise.lambda_at(nodes[i].t)
            place = torch.as_tensor(
                (lam - low) / (high - low), dtype=value.dtype, device=value.device
            )
            logit = place.clamp(1e-9, 1 - 1e-9).logit() + value
            told = table.noise.time_at(low + (high - low) * logit.sigmoid())
            nodes[i] = nodes[i]._replace(t=told)
        return replace(table, nodes=tuple(nodes), checked=True)


def check_groups(free: Sequence[Group]) -> tuple[Group, ...]:
    """The groups as a tuple; ValueError for one that does not exist, or none."""
    if isinstance(free, str) or not free or set(free) - set(GROUPS):
        raise ValueError(f"free={free!r}: expected some of {', '.join(GROUPS)}")
    return tuple(free)
