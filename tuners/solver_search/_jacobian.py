"""The Jacobian of a sampler's result by its unknowns, without differentiating the network."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ...solvers.diffusion import CoefficientTable, Execution, Model
from ...solvers.diffusion.afs import first_output


class Stage(NamedTuple):
    """A run just before it takes the network's output at a place."""

    run: Execution
    place: int
    output: Tensor


@torch.no_grad()
def jacobian(
    model: Model,
    x: Tensor,
    table: Callable[[Tensor], CoefficientTable],
    values: Tensor,
    step: float = 1e-6,
) -> tuple[Tensor, Tensor]:
    """A sampler's result and its forward differences by the unknowns.

    Each run is resumed where it first departs from the base: the weights of a row ask for no
    network evaluation before that row, and those of the last row for none at all.

    Args:
        model: The model; its network is not differentiated.
        x: The start, shape (batch, ...).
        table: The sampler at a value of the unknowns, of the same structure for all values.
        values: Where, shape (p,).
        step: The difference in each unknown; larger for float32.

    Returns:
        The result, and its derivatives of shape (p, batch, ...).
    """
    base = table(values).detach()
    run = _begin(model, x, base)
    stages = _finish(model, run)
    columns: list[Tensor] = []
    for k in range(len(values)):
        shifted = values.clone()
        shifted[k] += step
        other = table(shifted).detach()
        resumed = _resume(model, stages, base, other) or _begin(model, x, other)
        _finish(model, resumed)
        columns.append((resumed.x - run.x) / step)
    return run.x, torch.stack(columns)


def _begin(model: Model, x: Tensor, table: CoefficientTable) -> Execution:
    """A run up to its first network call."""
    run = Execution(table, x)
    if table.first != "network":
        run.advance(first_output(table.first, run.x, table.nodes[0], model.mean), "noise")
    return run


def _finish(model: Model, run: Execution) -> list[Stage]:
    """Run to the end; what is returned are the network's calls."""
    stages: list[Stage] = []
    while (place := run.node) is not None:
        output = model(run.x, run.table.nodes[place].t)
        stages.append(Stage(run.fork(), place, output))
        run.advance(output, model.prediction)
    return stages


def _resume(
    model: Model, stages: list[Stage], base: CoefficientTable, other: CoefficientTable
) -> Execution | None:
    """A run of the other table from the last stage before which both are alike, if any."""
    pairs = zip(base.rows, other.rows, strict=True)
    alike = next((i for i, (a, b) in enumerate(pairs) if a != b), len(base.rows))
    if not stages or stages[0].run.row > alike:
        return None
    found = stages[0]
    for before, stage in pairwise(stages):
        if stage.run.row > alike or base.nodes[before.place] != other.nodes[before.place]:
            break
        found = stage
    run = found.run.fork(other)
    if base.nodes[found.place] == other.nodes[found.place]:
        run.advance(found.output, model.prediction)
    return run
