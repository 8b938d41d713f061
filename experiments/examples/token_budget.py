"""A horizon in tokens: batches of any length, one schedule, and the run ends where it should.

Run it: python token_budget.py
"""

import torch
from ritard.schedules import WSD, Budget, ScheduleLR

TOKENS, WIDTH = 20_000, 16
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Embedding(50, WIDTH), torch.nn.Linear(WIDTH, 50))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
scheduler = ScheduleLR(optimizer, WSD().warmup(1000), Budget.tokens(TOKENS))  # 1000 tokens

seen = updates = 0
while seen < TOKENS:
    batch = torch.randint(50, (8, int(torch.randint(16, 65, ()))))  # lengths differ
    loss = torch.nn.functional.cross_entropy(model(batch).flatten(0, 1), batch.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.advance(batch.numel())  # over all processes, where there are several
    scheduler.step()
    seen, updates = seen + batch.numel(), updates + 1
    if updates % 15 == 0:
        print(f"{seen:6d} tokens: rate {scheduler.get_last_lr()[0]:.5f}, loss {loss.item():.3f}")
print(f"{seen:6d} tokens in {updates} updates: rate {scheduler.get_last_lr()[0]:.5f}")
