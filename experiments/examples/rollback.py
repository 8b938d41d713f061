"""Go back to an earlier state of a training, with the same batches. Run it: python rollback.py."""

import torch
from ritard.tuners.autolrs import ReplayBuffer, Snapshot
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y))
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
batches = ReplayBuffer(DataLoader(data, batch_size=32, shuffle=True))


def train(steps: int) -> float:
    """Some steps; returns their mean loss."""
    losses: list[float] = []
    for _, (images, labels) in zip(range(steps), batches, strict=False):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


print(f"first 10 steps: loss {train(10):.4f}")
batches.mark(20)  # keep the next 20 batches
origin = Snapshot(model, optimizer, batches)
for lr in (0.1, 1.0, 0.01, 0.1):
    origin.restore(lr=lr)  # the last line repeats the first to the last bit
    print(f"20 steps at {lr:<4}: loss {train(20):.10f}")
batches.release()
print(f"and on: loss {train(20):.4f}")
