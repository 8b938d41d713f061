"""A training with every kind of state there is, and optimizers with unusual state."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class ScheduleFreeLike(torch.optim.Optimizer):
    """Schedule-Free SGD's state: ``z`` beside the parameters, scalars in the groups, two modes."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(
            params, {"lr": lr, "k": 0, "weight_sum": 0.0, "lr_max": -1.0, "train_mode": True}
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            group["lr_max"] = max(group["lr"], group["lr_max"])
            weight = (group["k"] + 1) * group["lr_max"] ** 2
            group["weight_sum"] += weight
            for p in (p for p in group["params"] if p.grad is not None):
                z = self.state[p].setdefault("z", p.detach().clone())
                z.sub_(p.grad, alpha=group["lr"])
                p.lerp_(z, weight / group["weight_sum"])
            group["k"] += 1


class ProdigyLike(torch.optim.Optimizer):
    """Prodigy's state: an estimated distance as floats in the groups, ``x0``, ``s``, a list."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(
            params, {"lr": lr, "d": 1e-2, "d_max": 1e-2, "d_numerator": 0.0, "history": []}
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            d, norm = group["d"], 0.0
            for p in (p for p in group["params"] if p.grad is not None):
                state = self.state[p]
                if not state:
                    state |= {"step": 0, "x0": p.detach().clone(), "s": torch.zeros_like(p)}
                state["step"] += 1
                group["d_numerator"] += d * torch.dot(p.grad.flatten(), (state["x0"] - p).flatten())
                state["s"] = 0.9 * state["s"] + d * p.grad  # another tensor each time
                norm += state["s"].abs().sum().item()
                p.sub_(p.grad, alpha=group["lr"] * d)
            group["d_numerator"] = float(group["d_numerator"])
            group["d_max"] = max(group["d_max"], group["d_numerator"] / max(norm, 1e-12))
            group["d"] = min(group["d_max"], 2 * d)
            group["history"].append(group["d"])


class MechanicLike(torch.optim.Optimizer):
    """Mechanic over another optimizer: one entry of ``state`` that is of no parameter, nested."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr})
        self.base = torch.optim.SGD(self.param_groups, lr=lr, momentum=0.9)
        self.updates = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        params = [p for group in self.param_groups for p in group["params"]]
        if "_mechanic" not in self.state:
            self.state["_mechanic"] = {
                "ref": {p: p.detach().clone() for p in params},
                "sums": (torch.zeros(6), torch.zeros(6)),
                "s": [1e-2],
            }
        mine = self.state["_mechanic"]
        before = [p.detach().clone() for p in params]
        self.base.step()
        h = sum(
            (((p - mine["ref"][p]) * p.grad).sum() for p in params if p.grad is not None),
            torch.zeros(()),
        )
        mine["sums"][0].mul_(0.99).add_(h)
        mine["sums"][1].mul_(0.999).add_(h * h)
        mine["s"].append(0.5 + 0.5 * float(torch.sigmoid(mine["sums"][0].sum())))
        for p, old in zip(params, before, strict=True):
            p.copy_(old + mine["s"][-1] * (p - old))
        self.updates += 1


class Heat:
    """What only the module's extra state tells of."""

    def __init__(self) -> None:
        self.value = 1.0


class Body(nn.Module):
    """BatchNorm and Dropout, and every way in which a module keeps state."""

    ema: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 12)
        self.norm = nn.BatchNorm1d(12)
        self.drop = nn.Dropout(0.3)
        self.outer = nn.Linear(12, 1)
        self.register_buffer("scale", torch.ones(3, 1).expand(3, 6), persistent=False)
        self.register_buffer("ema", torch.zeros(12), persistent=False)
        self.calls = 0
        self.hidden = torch.zeros(12)
        self.heat = Heat()
        self.generator = torch.Generator().manual_seed(5)

    def get_extra_state(self) -> Any:
        return {"heat": [self.heat.value]}

    def set_extra_state(self, state: Any) -> None:
        self.heat.value = state["heat"][0]

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.inner(x * self.scale[0]))
        if self.training:
            self.calls += 1
            self.heat.value *= 0.995
            with torch.no_grad():
                self.ema.mul_(0.9).add_(0.1 * h.mean(0))
                self.hidden = 0.5 * self.hidden + h.mean(0)  # another tensor each time
            h = h + 0.01 * torch.randn(12, generator=self.generator)
        h = self.drop(torch.relu(h)) + 0.1 * self.ema + 0.01 * self.hidden
        return self.outer(h) * self.heat.value / (1 + 1e-3 * self.calls)


class Average:
    """An average of the parameters that is no module."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.values = model, [p.detach().clone() for p in model.parameters()]

    def update(self) -> None:
        for value, p in zip(self.values, self.model.parameters(), strict=True):
            value.lerp_(p.detach(), 0.1)

    def state_dict(self) -> dict[str, Any]:
        return {"values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.values = state["values"]  # keeps what it is given: the giver must have copied


Make = Callable[[Any], torch.optim.Optimizer]


class Training:
    """A run whose every step draws on all of its state. Two of the same seed are the same run."""

    def __init__(self, make: Make) -> None:
        torch.manual_seed(0)
        np.random.seed(1)  # noqa: NPY002  # the global one is meant
        random.seed(2)
        self.model = Body()
        self.optimizer = make(self.model.parameters())
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 400)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=16.0, growth_interval=7)
        self.average = Average(self.model)
        self.rng = np.random.default_rng(3)
        self.losses: list[float] = []

    @property
    def parts(self) -> tuple[Any, ...]:
        return (
            self.model, self.optimizer, self.scheduler, self.scaler, self.average, self.rng,
        )  # fmt: skip

    def step(self) -> None:
        x = torch.randn(16, 6) + 0.1 * float(np.random.rand())  # noqa: NPY002
        x = x + 0.1 * random.random() + 0.1 * self.rng.random()
        self.optimizer.zero_grad()
        loss = (self.model(x) - x.sum(1, keepdim=True)).square().mean()
        loss = loss + 0.1 * sum(
            ((p - a) ** 2).sum()
            for p, a in zip(self.model.parameters(), self.average.values, strict=True)
        )
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.scheduler.step()
        self.average.update()
        self.losses.append(loss.item())

    def steps(self, n: int) -> Training:
        for _ in range(n):
            self.step()
        return self

    def set_lr(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr

    def seen(self) -> dict[str, Any]:
        """Everything that can be looked at, copied; ``same`` compares two of them."""
        mode = self.model.training
        self.model.eval()
        output = self.model(torch.linspace(-1, 1, 24).view(4, 6))
        self.model.train(mode)
        numbers = np.random.get_state(legacy=False)  # noqa: NPY002
        return copy.deepcopy(
            {
                "losses": self.losses,
                "evaluation": output.detach(),
                "parameters": [p.detach() for p in self.model.parameters()],
                "buffers": list(self.model.buffers()),
                "attributes": [self.model.calls, self.model.hidden, self.model.heat.value, mode],
                "state": by_number(self.optimizer.state, list(self.model.parameters())),
                "groups": [
                    {k: v for k, v in group.items() if k != "params"}
                    for group in self.optimizer.param_groups
                ],
                "scheduler": self.scheduler.state_dict(),
                "scaler": self.scaler.state_dict(),
                "average": self.average.values,
                "random": [
                    torch.get_rng_state(), numbers, random.getstate(), self.rng.bit_generator.state,
                    self.model.generator.get_state(),
                ],
            }
        )  # fmt: skip


def by_number(value: Any, parameters: list[Tensor]) -> Any:
    """Nested state with the parameters' numbers for keys."""
    if not isinstance(value, dict):
        return value
    numbers = {id(p): i for i, p in enumerate(parameters)}
    return {numbers.get(id(k), k): by_number(v, parameters) for k, v in value.items()}


def same(a: Any, b: Any) -> bool:
    """Equal bit for bit, to any depth; NaN equals NaN."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and bool(torch.equal(a, b))
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)
