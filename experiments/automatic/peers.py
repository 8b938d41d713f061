"""Optimizers and schedulers of other packages that need no tuned rate, at their defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.optim import SGD, AdamW

from ...schedules import Cosine, Linear, ScheduleLR
from ..data._extra import extra
from .method import Notes, Progress, updates
from .problem import Problem


def schedule_free(problem: Problem, lr: float, notes: Notes) -> Iterator[Progress]:
    """Schedule-Free AdamW at its package's default rate of 0.0025, without a warm-up.

    Source: Defazio et al. (2024), arXiv:2405.15682; package schedulefree.
    """
    del lr, notes
    with extra():
        from schedulefree import AdamWScheduleFree
    optimizer: Any = AdamWScheduleFree(
        problem.network.parameters(), weight_decay=problem.weight_decay
    )
    problem.optimizer = optimizer
    optimizer.train()
    yield from updates(problem, _nothing)


def prodigy(problem: Problem, lr: float, notes: Notes) -> Iterator[Progress]:
    """Prodigy at lr = 1 with the cosine decay that its authors recommend.

    Source: Mishchenko & Defazio (2024), arXiv:2306.06101; package prodigyopt.
    """
    del lr
    with extra():
        from prodigyopt import Prodigy
    decay: Any = problem.weight_decay  # its package says int
    optimizer: Any = Prodigy(problem.network.parameters(), lr=1.0, weight_decay=decay)
    problem.optimizer = optimizer
    scheduler = ScheduleLR(optimizer, Cosine(), problem.setting.steps)
    yield from updates(problem, lambda _: scheduler.step())
    notes["d"] = float(optimizer.param_groups[0]["d"])


def mechanic(problem: Problem, lr: float, notes: Notes) -> Iterator[Progress]:
    """Mechanic over the task's optimizer at a rate of 1 under linear decay.

    Source: Cutkosky, Defazio & Mehta (2023), arXiv:2306.00144; package mechanic-pytorch.
    """
    del lr
    with extra():
        from mechanic_pytorch import mechanize
    parameters, decay = problem.network.parameters(), problem.weight_decay
    optimizer: Any = (
        mechanize(SGD)(parameters, lr=1.0, momentum=0.9, weight_decay=decay)
        if problem.setting.optimizer == "sgd"
        else mechanize(AdamW)(parameters, lr=1.0, weight_decay=decay)
    )
    problem.optimizer = optimizer
    scheduler = ScheduleLR(optimizer, Linear(), problem.setting.steps)
    yield from updates(problem, lambda _: scheduler.step())
    notes["s"] = float(optimizer.state["_mechanic"]["s"].sum())


def greedy(problem: Problem, lr: float, notes: Notes) -> Iterator[Progress]:
    """GreedyLR on the training loss of every update, smoothed over 50.

    Its factor and patience are the package's; its bounds, which are absolute there (0.001 and 1),
    are a hundredth and ten times the rate it begins at.

    Source: arXiv:2512.14527; package transformers.
    """
    with extra():
        from transformers.optimization import GreedyLR
    problem.optimizer = problem.own_optimizer(lr)
    scheduler = GreedyLR(problem.optimizer, min_lr=lr / 100, max_lr=lr * 10, smooth=True)
    yield from updates(problem, lambda loss: scheduler.step(loss.item()))
    notes["lr at the end"] = float(problem.optimizer.param_groups[0]["lr"])


def _nothing(loss: Tensor) -> None:
    del loss
