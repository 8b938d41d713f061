"""Which learning rates a model can take, before and while it is trained.

Run it: python range_test.py (with matplotlib, ``found.plot()`` draws the curve).
"""

from typing import Any

import torch
from ritard.tuners.autolrs import ReplayBuffer, range_test
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y))
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
batches = ReplayBuffer(DataLoader(data, batch_size=32, shuffle=True))


def step(batch: Any) -> torch.Tensor:
    """One update of the training; a range test runs it as it is."""
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss.detach()


for epoch in range(2):
    found = range_test(step, model, optimizer, batches)  # at most 100 steps, and no trace
    print(f"epoch {epoch}: try {found.suggestion:.3g} ({found.reason})")
    if epoch == 0:
        optimizer.param_groups[0]["lr"] = found.suggestion
    losses = [step(batch).item() for batch in batches]
    print(f"epoch {epoch}: mean loss {sum(losses) / len(losses):.4f} in {len(losses)} steps")
