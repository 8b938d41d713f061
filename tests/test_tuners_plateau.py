"""Plateau against torch's own rule, and composed with warm-up and a schedule."""

import math

import numpy as np
import pytest
import torch
from ritard.schedules import REX, ScheduleLR
from ritard.tuners import Plateau, Tuner


def _torch_rates(metrics: list[float], **settings: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    rule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    rates = []
    for metric in metrics:
        rule.step(metric)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@pytest.mark.parametrize(("metric", "scale"), [(1.7999, 1.0), (1.8001, 0.5)])
def test_the_threshold_is_relative_to_the_best(metric: float, scale: float) -> None:
    plateau = Plateau(0.5, 0, threshold=0.1)
    for cost in (2.0, metric):
        plateau.tell(plateau.ask(), cost)
    assert plateau.ask() == scale


@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize("threshold", [0.0, 1e-4, 0.05])
@pytest.mark.parametrize("factor", [0.1, 0.5])
def test_equals_torchs_rule(patience: int, threshold: float, factor: float) -> None:
    rng = np.random.default_rng(0)
    metrics = list(np.exp(-np.arange(60) / 9) + rng.normal(0, 0.02, 60) + 0.2)
    metrics[20] = math.nan
    plateau: Tuner[float] = Plateau(factor, patience, threshold)
    ours = []
    for metric in metrics:
        plateau.tell(plateau.ask(), metric)
        ours.append(plateau.ask())
    theirs = _torch_rates(
        metrics, factor=factor, patience=patience, threshold=threshold, min_lr=0, eps=0
    )
    assert ours == pytest.approx(theirs, rel=1e-12)
    assert min(ours) < 1


def test_composes_with_warmup_and_any_schedule() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.3)
    schedule, plateau = REX().warmup(5), Plateau(factor=0.5, patience=0)
    scheduler = ScheduleLR(optimizer, schedule, 50)
    for t in range(50):
        scale = 1.0 if t < 21 else 0.5
        assert optimizer.param_groups[0]["lr"] == 0.3 * (scale * schedule(t, 50))
        optimizer.step()
        scheduler.step()
        if t in (10, 20):  # the second tell brings no improvement
            plateau.tell(plateau.ask(), 1.0)
            scheduler.scale = plateau.ask()


def test_resumes_and_refuses() -> None:
    first, second = Plateau(patience=1), Plateau(patience=1)
    for metric in (1.0, 1.0):
        first.tell(1.0, metric)
    second.load_state_dict(first.state_dict())
    for plateau in (first, second):
        plateau.tell(1.0, 1.0)
        assert plateau.ask() == 0.1
    with pytest.raises(ValueError, match="of another than Plateau"):
        first.load_state_dict({"scale": 1.0})
    for bad in ({"factor": 1.0}, {"factor": 0.0}, {"patience": -1}, {"threshold": math.nan}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Plateau(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("cost", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_no_improvement(cost: float) -> None:
    plateau, other = Plateau(patience=1), Plateau(patience=1)
    for metric in (2.0, cost, cost):
        plateau.tell(1.0, metric)
    assert plateau.ask() == 0.1
    other.load_state_dict(plateau.state_dict())
    for one in (plateau, other):
        one.tell(1.0, 1.5)  # an improvement on 2.0
        one.tell(1.0, 1.6)
        assert one.ask() == 0.1


def test_the_scale_stops_falling() -> None:
    plateau, scales = Plateau(factor=0.5, patience=0, min_scale=0.3), []
    for _ in range(4):
        plateau.tell(1.0, 1.0)
        scales.append(plateau.ask())
    assert scales == [1.0, 0.5, 0.3, 0.3]
