"""The refined schedule without a first run. Run it: python online_refinement.py."""

from typing import Any

import torch
from ritard.schedules import Linear
from ritard.tuners import OnlineRefinement
from sklearn.datasets import load_digits

STEPS = 400
digits: Any = load_digits()
x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
scheduler = OnlineRefinement(optimizer, STEPS)
for rows in torch.randint(len(x), (STEPS, 64)):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
    scheduler.record()  # after backward, before any clipping
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()

learned = scheduler.schedule()  # a Tabulated: to_dict() saves it, ScheduleLR runs it again
print("update  online  linear")
for t in range(0, STEPS, 50):
    print(f"{t:6d}  {learned(t, STEPS):6.2f}  {Linear()(t, STEPS):6.2f}")
