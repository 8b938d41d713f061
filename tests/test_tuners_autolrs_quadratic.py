"""The improved mode on a noisy quadratic with exact moments: no noise in the result, no luck.

Forty curvatures h from 1e-3 to 1, gradient noise of variance h in each direction. SGD at rate r
takes the second moment m of a coordinate to (1 - r h)^2 m + r^2 h, and the loss is the sum of
h m / 2: what a stage should do, and what it did, can be computed.
"""

from typing import Any

import numpy as np
import pytest
import torch
from ritard.schedules import Constant, Schedule
from ritard.tuners.autolrs import AutoLRS
from ritard.tuners.autolrs.plan import Plan, ProbeShape
from torch import Tensor, nn

CURVATURES = np.geomspace(1e-3, 1.0, 40)
T = 20_000
TUNED = 0.0051
"""Loss of linear decay at its best rate, .067: by the first test."""


def linear_decay(rate: float) -> float:
    moments = np.ones(40)
    for r in rate * (1 - np.arange(T) / T):
        moments = (1 - r * CURVATURES) ** 2 * moments + r * r * CURVATURES
    return float(0.5 * (CURVATURES * moments).sum())


def searched(lr: float, base: Schedule, **options: Any) -> tuple[float, AutoLRS]:
    """The final loss of a run with a search, from a base rate."""
    model = nn.Module()
    model.moments = nn.Parameter(torch.ones(40, dtype=torch.float64), requires_grad=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    h = torch.from_numpy(CURVATURES)

    def loss(batch: Any = None) -> Tensor:
        del batch
        return 0.5 * (h * model.moments).sum()

    def step(batch: Any) -> Tensor:
        del batch
        before, rate = loss(), optimizer.param_groups[0]["lr"]
        with torch.no_grad():
            model.moments.mul_((1 - rate * h) ** 2).add_(rate * rate * h)
        return before

    tuner = AutoLRS(model, optimizer, loss, T, base=base, step=step, scored=2, **options)
    nothing = torch.zeros(1)
    for _ in tuner.train(iter(lambda: nothing, None)):
        pass
    return float(loss()), tuner


def test_the_yardstick() -> None:
    losses = [linear_decay(rate) for rate in np.geomspace(0.02, 0.2, 9)]
    assert min(losses) == pytest.approx(TUNED, abs=5e-5)
    assert 0 < int(np.argmin(losses)) < 8


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("lr", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("tau", [1000, 2000, 5000])
def test_long_probes_no_horizon(tau: int, lr: float) -> None:
    """Probes of tau / 10, no cooldown: not over 1.25 times the tuned linear decay."""
    stages, shape = T // tau, ProbeShape(5, 2, 0.6)
    plan = Plan.of(T, 0, 10.0, 0.0, stages, shape)
    overhead = (len(plan.starts) * shape.cost(tau // 10) + 1) / T
    loss, _ = searched(lr, Constant(), overhead=overhead, stages=stages, tail=0.0)
    assert loss <= 1.25 * TUNED


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("lr", [0.005, 0.05, pytest.param(0.5, marks=pytest.mark.slow)])
def test_at_the_usual_overhead_with_a_cooldown(lr: float) -> None:
    """Better than linear decay at its best rate, from a base rate that is far off."""
    loss, tuner = searched(lr, Constant().cooldown(0.2, "linear"))
    assert loss <= 0.0030
    assert tuner.ledger.overhead <= 0.1
    assert tuner.ledger.productive == T
