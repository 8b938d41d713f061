"""The constants of the faithful mode, checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer

from ...schedules._checks import number, whole
from .forecast import Forecaster
from .report import Report


@dataclass(frozen=True)
class FaithfulSettings:
    """The constants of the released algorithm; see :meth:`AutoLRS.faithful`."""

    lr_min: float
    lr_max: float
    k: int
    tau0: int
    ratio: float
    tau_max: int
    kappa: float
    warmup_steps: int
    warmup_lr: float
    val_fn: Callable[[], Any] | None
    forecast: Forecaster
    val_forecast: Forecaster
    replay: bool
    seed: int
    on_stage: Callable[[Report], Any] | None

    def __post_init__(self) -> None:
        """Keep Python's own numbers; refuse what cannot be (TypeError, ValueError)."""
        low = number("lr_min", self.lr_min, low=0, open_low=True)
        tau0 = whole("tau0", self.tau0, low=1)
        found = {
            "lr_min": low,
            "lr_max": number("lr_max", self.lr_max, low=low, open_low=True),
            "k": whole("k", self.k, low=1),
            "tau0": tau0,
            "ratio": number("ratio", self.ratio, low=0, high=1, open_low=True),
            "tau_max": whole("tau_max", self.tau_max, low=tau0),
            "kappa": number("kappa", self.kappa, low=0),
            "warmup_steps": whole("warmup_steps", self.warmup_steps),
            "warmup_lr": number("warmup_lr", self.warmup_lr, low=0, open_low=True),
            "seed": whole("seed", self.seed),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)


def first_rate(optimizer: Optimizer) -> float:
    """The base rate of the first group, which rates are taken relative to.

    Raises:
        ValueError: it is not positive.
    """
    group = optimizer.param_groups[0]
    base_lr = float(group.get("initial_lr", group["lr"]))
    if base_lr <= 0:
        raise ValueError(f"optimizer: the first group's rate is {base_lr!r}; expected > 0")
    return base_lr
