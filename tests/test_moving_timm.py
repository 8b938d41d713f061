"""timm's rows of docs/moving.md, against timm itself where it is installed."""

import numpy as np
import pytest
import torch
from ritard.schedules import WSD, Cosine, Polynomial, ScheduleLR, Step, Tabulated

pytestmark = pytest.mark.slow  # timm brings torchvision, which must be built for the torch at hand
T, W, LR = 120, 20, 0.1


def rates(make, total_steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=LR)
    scheduler, found = make(optimizer), []
    for t in range(total_steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if isinstance(scheduler, ScheduleLR):
            scheduler.step()
        else:
            scheduler.step_update(t + 1)
    return np.array(found)


def tanh():
    """The rates over the base rate, as a user lists them."""
    x = np.arange(T + 1) / T
    return Tabulated(tuple(np.append(0.5 * (1 - np.tanh(-7 * (1 - x) + 3 * x))[:-1], 0.0)))


@pytest.mark.parametrize("warmup", [0, W])
@pytest.mark.parametrize(
    ("name", "schedule", "options"),
    [
        ("Cosine", Cosine().floor(0.05), {"t_initial": T, "lr_min": 0.05 * LR}),
        ("Poly", Polynomial(2.0).floor(0.05), {"t_initial": T, "power": 2.0, "lr_min": 0.05 * LR}),
        ("Poly", Polynomial(0.5), {"t_initial": T}),
        ("Step", Step(0.3, at=(30, 60, 90)), {"decay_t": 30, "decay_rate": 0.3}),
        ("MultiStep", Step(0.3, at=(49, 79)), {"decay_t": [50, 80], "decay_rate": 0.3}),
        ("Tanh", tanh(), {"t_initial": T}),
        ("WSD", WSD(30), {"t_initial": T, "decay_t": 30}),
    ],
)
def test_the_rates_are_those_of_timm(name, schedule, options, warmup):
    timm = pytest.importorskip("timm.scheduler")
    if warmup:
        options = (
            options | {"warmup_t": warmup} | ({} if name == "WSD" else {"warmup_prefix": True})
        )
        schedule = schedule.warmup(warmup)
    total = T + warmup
    make = getattr(timm, f"{name}LRScheduler")
    theirs = rates(lambda o: make(o, t_in_epochs=False, **options), total)
    ours = rates(lambda o: ScheduleLR(o, schedule, total_steps=total), total)
    since = max(warmup, 1)  # before its first step timm leaves the base rate, whatever the shape
    np.testing.assert_allclose(ours[since:], theirs[since:], rtol=1e-12, atol=1e-15)
