"""Record gradient norms, refine, run again. Run it: python record_and_refine.py."""

import tempfile
from typing import Any

import torch
from ritard import schedules as rs
from sklearn.datasets import load_digits

digits: Any = load_digits()
x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
cross_entropy = torch.nn.functional.cross_entropy


def train(schedule: Any, log: str | None = None) -> float:
    """Train by batches of 64; returns the loss over all digits after the last update."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    scheduler = rs.ScheduleLR(optimizer, schedule, total_steps=300)
    with rs.GradNormRecorder(optimizer, path=log) as recorder:
        for rows in torch.randint(len(x), (300, 64)):
            optimizer.zero_grad()
            cross_entropy(model(x[rows]), y[rows]).backward()
            recorder.record()  # after backward, before any clipping
            optimizer.step()
            scheduler.step()
    return cross_entropy(model(x), y).item()


with tempfile.TemporaryDirectory() as folder:
    print(f"linear: loss {train(rs.Linear(), log := f'{folder}/norms.jsonl'):.4f}")
    norms = rs.GradNorms.load(log)
print(f"{len(norms)} norms, predicted gain {rs.predicted_gain(norms):.3f}")
print(f"refined: loss {train(rs.refine(norms)):.4f}")
