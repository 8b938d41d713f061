"""Ritard's own: AutoLRS in both modes, and a range test with linear decay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

from torch import Tensor

from ...schedules import Linear, ScheduleLR
from ...tuners.autolrs import AutoLRS, range_test
from ..tasks.batches import Batch
from .method import Notes, Progress
from .problem import Problem

OVERHEAD = 0.1
OCTAVES = 4
"""How far from the default rate is searched, up and down, in factors of two, by both modes."""
SCORED = 8


def improved(problem: Problem, lr: float, notes: Notes) -> Iterator[Progress]:
    """AutoLRS at its defaults, scored on 8 validation batches of 64 examples or more.

    Its ``total_steps`` are such that they and the overhead together are the setting's. The
    ledger counts a scored batch as a third of an update, whatever their sizes.
    """
    problem.optimizer = problem.own_optimizer(lr)
    steps = math.floor(problem.setting.steps / (1 + OVERHEAD))
    held_out = problem.held_out(SCORED)
    tuner = AutoLRS(
        problem.network, problem.optimizer, problem.loss, steps, held_out=held_out,
        overhead=OVERHEAD, first_octaves=OCTAVES, scored=SCORED,
    )  # fmt: skip
    yield from _progress(tuner, problem, notes)


def faithful(problem: Problem, lr: float, notes: Notes) -> Iterator[Progress]:
    """AutoLRS as released, in the interval that the other mode's first stage looks at.

    Stages double from the setting's tau0 to 8 tau0 (released: 1000 to 8000).
    """
    problem.optimizer = problem.own_optimizer(lr)
    setting, reach = problem.setting, 2.0**OCTAVES
    held_out = problem.held_out(10)
    tuner = AutoLRS.faithful(
        problem.network, problem.optimizer, problem.loss, setting.steps,
        lr_min=lr / reach, lr_max=lr * reach, tau0=setting.tau0, tau_max=8 * setting.tau0,
        val_fn=lambda: sum(float(problem.loss(batch)) for batch in held_out) / len(held_out),
    )  # fmt: skip
    yield from _progress(tuner, problem, notes)


def range_tested(problem: Problem, lr: float, notes: Notes) -> Iterator[Progress]:
    """A range test of 100 updates, or less where it diverges, then linear decay from there.

    From the default rate where the test suggests none.
    """
    optimizer = problem.optimizer = problem.own_optimizer(1e-3)
    batches, used = problem.batches(), 0

    def step(batch: Batch) -> Tensor:
        nonlocal used
        used += 1
        return problem.update(batch)

    found = range_test(step, problem.network, optimizer, islice(batches, 50), steps=100)
    peak = lr if found.suggestion is None else found.suggestion
    notes |= {"lr": peak, "search": used, "reason": found.reason}
    optimizer.param_groups[0]["lr"] = peak
    steps = problem.setting.steps - used
    scheduler = ScheduleLR(optimizer, Linear(), steps)
    for done, batch in zip(range(1, steps + 1), batches, strict=False):
        loss = problem.update(batch)
        scheduler.step()
        yield used + done, loss


def _progress(tuner: AutoLRS, problem: Problem, notes: Notes) -> Iterator[Progress]:
    ledger = tuner.ledger
    try:
        for loss in tuner.train(problem.batches()):
            yield ledger.productive + ledger.search, loss
    finally:
        notes |= _account(tuner)


def _account(tuner: AutoLRS) -> dict[str, Any]:
    ledger = tuner.ledger
    return {
        "productive": ledger.productive,
        "search": ledger.search,
        "scored": ledger.scored,
        "overhead": ledger.overhead,
        "search_seconds": ledger.search_seconds,
        "stages": [report.to_dict() for report in tuner.reports],
    }
