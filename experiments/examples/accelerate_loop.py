"""ScheduleLR under accelerate, with gradient accumulation, right under any number of processes.

Run it: python accelerate_loop.py
or:     torchrun --nproc-per-node 2 accelerate_loop.py
"""

from typing import Any

import torch
from accelerate import Accelerator
from ritard.schedules import REX, ScheduleLR
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, ACCUMULATE = 2, 4
torch.manual_seed(0)
x = torch.randn(256, 8)
data = TensorDataset(x, x.sum(1, keepdim=True))
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=ACCUMULATE)
model: Any = torch.nn.Linear(8, 1)
optimizer: Any = torch.optim.SGD(model.parameters(), lr=0.1)
model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(data, batch_size=8))
updates = EPOCHS * -(-len(loader) // ACCUMULATE)  # after prepare: the loader of one process
scheduler: Any = accelerator.prepare(ScheduleLR(optimizer.optimizer, REX().warmup(0.05), updates))
scheduler.split_batches = True  # the one line: one step per update, not one per process
rates: list[float] = []
for _ in range(EPOCHS):
    for inputs, targets in loader:
        with accelerator.accumulate(model):
            accelerator.backward(torch.nn.functional.mse_loss(model(inputs), targets))
            if accelerator.sync_gradients:
                rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
ends = f"{len(rates)} updates (expected {updates}), rates {rates[0]:.3g} to {rates[-1]:.3g}"
accelerator.print(f"{accelerator.num_processes} processes: {ends}")
accelerator.end_training()
