"""The constants of the faithful mode, checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer

from ...schedules._checks import number, whole
from .forecast import Forecaster
from .report import Report
from .search import RateSearch


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
        """Refuse what cannot be (TypeError, ValueError)."""
        number("lr_min", self.lr_min, low=0, open_low=True)
        number("lr_max", self.lr_max, low=self.lr_min, open_low=True)
        RateSearch(self.lr_min, self.lr_max, kappa=self.kappa, seed=self.seed)
        whole("k", self.k, low=1)
        whole("tau0", self.tau0, low=1)
        number("ratio", self.ratio, low=0, high=1, open_low=True)
        whole("tau_max", self.tau_max, low=self.tau0)
        whole("warmup_steps", self.warmup_steps)
        number("warmup_lr", self.warmup_lr, low=0, open_low=True)


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
