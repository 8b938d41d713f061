"""A plain PyTorch loop with ScheduleLR, stopped half way and resumed: the same rates, the same end.

Run it: python plain_loop.py
"""

import tempfile
from typing import Any

import torch
from ritard.schedules import REX, ScheduleLR
from sklearn.datasets import load_digits

digits: Any = load_digits()
x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)


def train(until: int, start: str | None = None, end: str | None = None) -> float:
    """Train to an update, from and to a checkpoint where they are given; returns the loss."""
    torch.manual_seed(0)
    model = torch.nn.Linear(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    scheduler = ScheduleLR(optimizer, REX().warmup(0.05), total_steps=200)
    parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    for name, state in torch.load(start, weights_only=True).items() if start else ():
        parts[name].load_state_dict(state)
    while scheduler.last_epoch < until:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        scheduler.step()
    if end:
        torch.save({name: part.state_dict() for name, part in parts.items()}, end)
    return torch.nn.functional.cross_entropy(model(x), y).item()


with tempfile.NamedTemporaryFile(suffix=".pt") as file:
    print(f"after 100 updates: loss {train(100, end=file.name):.6f}")
    print(f"resumed: loss {train(200, file.name):.6f}, never stopped: loss {train(200):.6f}")
