"""A compiled optimizer step: a tensor learning rate is filled in place, so nothing recompiles.

Run it: python compiled_step.py            (backend "eager": no C++ compiler needed)
or:     python compiled_step.py inductor
"""

import sys

import torch
from ritard.schedules import Cosine, ScheduleLR
from torch._dynamo.testing import CompileCounterWithBackend

STEPS = 50
torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
x = torch.randn(64, 8)
y = x.sum(1, keepdim=True)
optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.1))  # a tensor, not a float
scheduler = ScheduleLR(optimizer, Cosine().floor(0.01), total_steps=STEPS)
counter = CompileCounterWithBackend(sys.argv[1] if len(sys.argv) > 1 else "eager")


@torch.compile(backend=counter)
def update() -> None:
    """One compiled update."""
    optimizer.step()


for _ in range(STEPS):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(x), y)
    loss.backward()
    update()
    scheduler.step()
rate = optimizer.param_groups[0]["lr"]
print(f"{STEPS} rates, {counter.frame_count} compiled graphs, the last rate {rate.item():.3g}")
