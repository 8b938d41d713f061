"""The exact solutions that samples are compared with, no finer than each sample needs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...solvers.diffusion import Model, grids, lower, sample, unipc

FEWEST, MOST = 64, 8192

Run = Callable[[Tensor, int], Tensor]
"""``run(rows, steps)``: the solution of those samples with so many steps."""


def refined(run: Run, count: int, tol: float) -> Tensor:
    """Solutions with ever more steps, until each sample's last two agree.

    As :func:`ritard.solvers.diffusion.reference`, sample by sample: the few that start near the
    border of two basins need many steps, most need few.

    Raises:
        RuntimeError: some do not agree within 8192 steps.
    """
    rows, steps = torch.arange(count, device="cpu"), FEWEST
    found = run(rows, steps)
    while len(rows):
        steps *= 2
        if steps > MOST:
            raise RuntimeError(
                f"tol={tol:g}: {len(rows)} of {count} reference solutions still move by more at "
                f"{MOST} steps; use float64 noises, or allow a larger tol"
            )
        finer = run(rows, steps)
        at = rows.to(found.device)
        gaps = (finer - found[at]).abs().flatten(1).amax(1) / found.abs().max()
        found[at] = finer
        rows = rows[(gaps > tol).cpu()]
    return found


@torch.no_grad()
def solution(model: Model, x: Tensor, start: float, end: float, steps: int) -> Tensor:
    """UniPC-3 with equal steps in lambda."""
    times = grids.uniform_lambda(model.noise, steps, start, end)
    return sample(model, x, lower(unipc(model.noise, times, order=3)))
