"""A learning rate found while training, in a plain loop. Run it: python autolrs_loop.py."""

import torch
from ritard.tuners.autolrs import AutoLRS
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

x, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y))
train, held_out, test = random_split(data, [1000, 400, 397], torch.Generator().manual_seed(0))
cross_entropy = nn.functional.cross_entropy

for lr in (0.001, 0.03, 1.0):  # far too small, and about right, and too large
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)

    def loss(batch: list[torch.Tensor], model: nn.Module = model) -> torch.Tensor:
        """Of one batch."""
        return cross_entropy(model(batch[0]), batch[1])

    scoring = DataLoader(held_out, batch_size=50)
    tuner = AutoLRS(model, optimizer, loss, total_steps=2000, held_out=scoring)
    while not tuner.done:
        for _ in tuner.train(DataLoader(train, batch_size=32, shuffle=True)):
            pass  # each is the loss of an update; validate or save here as you like
    with torch.no_grad():
        images, labels = next(iter(DataLoader(test, batch_size=len(test))))
        error = (model(images).argmax(1) != labels).float().mean()
    rates = " ".join(f"{lr * report.scale:.3g}" for report in tuner.reports)
    print(f"from {lr:<5}: rates {rates}, overhead {tuner.ledger.overhead:.1%}, error {error:.1%}")
