"""What a probe should be scored by: how well each score ranks rates by what they lead to.

A training stands at a snapshot, after a part of its run at a constant rate. From there each of
several rates is probed, all on the same batches, and followed to the end of the run: a stage at
that rate, then linear decay to zero over what is left. The final validation loss is the truth;
a score is good if it orders the rates as the truth does, and if its best rate loses little.

The training-loss scores see the probe's batches, the validation scores the few held-out batches
that AutoLRS scores on; the truth is of the whole validation part.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from ...schedules import Linear
from ...tuners.autolrs import Released, Snapshot, varpro
from ...tuners.autolrs.plan import Plan, ProbeShape
from ..tasks.batches import Batch
from .problem import Problem
from .searched import OVERHEAD, SCORED
from .setting import Setting

REACH = 16.0
RATES = 7
SNAPSHOTS = (0.1, 0.5)
"""Parts of the run after which rates are probed."""

SCORES = (
    "forecast, released", "forecast, robust", "training loss, tail", "validation loss, probe end",
    "validation loss, cooled down", "perfect forecast",
)  # fmt: skip
"""``perfect forecast`` is the whole validation loss at the end of the stage, AutoLRS's target."""


@dataclass(frozen=True)
class Ranking:
    """One snapshot: what each score and the truth say of each rate; inf where it diverged.

    Attributes:
        seed: Of the training.
        start: Updates before the snapshot.
        probe: Updates of a probe.
        rates: The rates.
        truth: Final validation loss of each.
        scores: For each of :data:`SCORES`, one value a rate.
    """

    seed: int
    start: int
    probe: int
    rates: tuple[float, ...]
    truth: tuple[float, ...]
    scores: Mapping[str, tuple[float, ...]]

    def correlation(self, score: str) -> float:
        """Spearman's rank correlation with the truth."""
        from scipy.stats import spearmanr

        found: Any = spearmanr(self.scores[score], self.truth)
        return float(found.statistic)

    def regret(self, score: str) -> float:
        """Final loss of the rate that the score likes best, over the least there is."""
        return self.truth[int(np.argmin(self.scores[score]))] - min(self.truth)

    def bias(self, score: str) -> float:
        """log10 of the rate that the score likes best over the best."""
        liked, best = (self.rates[int(np.argmin(v))] for v in (self.scores[score], self.truth))
        return math.log10(liked / best)


def probe_length(setting: Setting) -> tuple[int, ProbeShape]:
    """Updates of a probe that AutoLRS's default budget allows in this setting, and its shape."""
    shape = ProbeShape(5, SCORED, 0.6)
    steps = math.floor(setting.steps / (1 + OVERHEAD))
    plan = Plan.of(steps, 0, OVERHEAD, 0.2, None, shape)
    return plan.probe(0, 0, 0.0), shape


def rank(setting: Setting, lr: float, seed: int, part: float) -> Ranking:
    """Probe rates around ``lr`` after a part of a run at ``lr``, and follow each to its end."""
    problem = Problem(setting, seed)
    problem.optimizer = problem.own_optimizer(lr)
    batches = problem.batches()
    start, (probe, shape) = round(part * setting.steps), probe_length(setting)
    _follow(problem, list(islice(batches, start)), [lr] * start)
    ahead = list(islice(batches, setting.steps - start))
    held_out = problem.held_out(SCORED)
    rates = [float(rate) for rate in np.geomspace(lr / REACH, lr * REACH, RATES)]
    rows, truth = list[dict[str, float]](), list[float]()
    with Snapshot(problem.network, problem.optimizer) as origin:
        for rate in rates:
            row = _probed(problem, ahead[:probe], rate, shape.held(probe), held_out, setting)
            origin.restore()
            at_stage_end, final = _followed(problem, ahead, rate, setting.steps // 8)
            origin.restore()
            rows.append(row | {"perfect forecast": at_stage_end})
            truth.append(final)
    scores = {name: tuple(row[name] for row in rows) for name in SCORES}
    return Ranking(seed, start, probe, tuple(rates), tuple(truth), scores)


def _probed(
    problem: Problem,
    batches: Sequence[Batch],
    rate: float,
    held: int,
    held_out: Sequence[Batch],
    setting: Setting,
) -> dict[str, float]:
    """All scores of a rate, and the state moved on."""
    assert problem.optimizer is not None
    n = len(batches)
    with Snapshot(problem.network, problem.optimizer):
        _follow(problem, batches[:held], [rate] * held)
        cooling = [rate * (n - i) / (n - held + 1) for i in range(held, n)]
        _follow(problem, batches[held:], cooling)
        cooled = _mean_loss(problem, held_out)
    losses = _follow(problem, batches, [rate] * n)
    horizon = setting.steps // 8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where the released fit would raise
        released = Released()(losses, horizon).value if np.isfinite(losses).all() else math.inf
    found = {
        "forecast, released": released,
        "forecast, robust": varpro(losses, horizon).value,
        "training loss, tail": float(np.mean(losses[-max(1, n // 4) :])),
        "validation loss, probe end": _mean_loss(problem, held_out),
        "validation loss, cooled down": cooled,
    }
    return {name: value if math.isfinite(value) else math.inf for name, value in found.items()}


def _followed(
    problem: Problem, batches: Sequence[Batch], rate: float, stage: int
) -> tuple[float, float]:
    """Validation loss at the end of a stage at a rate, and after the decay that follows."""
    stage = min(stage, len(batches) // 2)
    _follow(problem, batches[:stage], [rate] * stage)
    at_stage_end = problem.mean_loss()
    left = len(batches) - stage
    decay = [rate * float(multiplier) for multiplier in Linear().values(left)]
    losses = _follow(problem, batches[stage:], decay)
    final = problem.mean_loss() if all(map(math.isfinite, losses)) else math.inf
    return (_or_inf(at_stage_end), _or_inf(final))


def _follow(problem: Problem, batches: Sequence[Batch], rates: Sequence[float]) -> list[float]:
    """Updates at given rates; their losses, until one is not finite."""
    assert problem.optimizer is not None
    losses = list[float]()
    for batch, rate in zip(batches, rates, strict=True):
        for group in problem.optimizer.param_groups:
            group["lr"] = rate
        losses.append(float(problem.update(batch)))
        if not math.isfinite(losses[-1]):
            break
    return losses


def _mean_loss(problem: Problem, batches: Sequence[Batch]) -> float:
    with problem.evaluating():
        return sum(float(problem.loss(batch)) for batch in batches) / len(batches)


def _or_inf(value: float) -> float:
    return value if math.isfinite(value) else math.inf


@dataclass(frozen=True)
class Pairing:
    """What replaying the same batches is worth to a comparison of two rates.

    Attributes:
        probe: Updates of a probe.
        train: Variance of the difference in training loss (last quarter) with fresh batches for
            the second rate, over that with the first one's batches again.
        val: Likewise of the loss on held-out batches after the probe.
    """

    probe: int
    train: float
    val: float


def pair(setting: Setting, lr: float, probe: int, count: int = 24, part: float = 0.35) -> Pairing:
    """Compare ``lr`` with 1.6 lr from one snapshot, ``count`` times each way.

    The fresh differences take the second rate's losses from the next pair's batches.
    """
    problem = Problem(setting, seed=0)
    problem.optimizer = problem.own_optimizer(lr)
    batches = problem.batches()
    start = round(part * setting.steps)
    _follow(problem, list(islice(batches, start)), [lr] * start)
    held_out = problem.held_out(SCORED)
    found = np.empty((2, count, 2))
    with Snapshot(problem.network, problem.optimizer) as origin:
        for i in range(count):
            drawn = list(islice(batches, probe))
            for j, rate in enumerate((lr, 1.6 * lr)):
                losses = _follow(problem, drawn, [rate] * probe)
                tail = float(np.mean(losses[-max(1, probe // 4) :]))
                found[j, i] = tail, _mean_loss(problem, held_out)
                origin.restore()
    replayed = (found[1] - found[0]).var(0, ddof=1)
    fresh = (np.roll(found[1], 1, axis=0) - found[0]).var(0, ddof=1)
    train, val = fresh / replayed
    return Pairing(probe, float(train), float(val))
