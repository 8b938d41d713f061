"""A ScheduleLR in the Hugging Face Trainer: optimizers=(optimizer, scheduler), built from config.

Run it: python hf_trainer.py
"""

import tempfile
from typing import Any

import torch
from ritard.schedules import WSD, ScheduleLR
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

STEPS = 20  # counts updates, as max_steps does: gradient accumulation is not seen here
torch.manual_seed(0)
tokens = torch.randint(0, 50, (64, 16))
data: Any = [{"input_ids": row, "labels": row} for row in tokens]
config = GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=1, n_head=2)
model = GPT2LMHeadModel(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
scheduler = ScheduleLR(optimizer, WSD().warmup(2), STEPS)

with tempfile.TemporaryDirectory() as folder:
    args = TrainingArguments(
        folder,
        max_steps=STEPS,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = Trainer(model, args, train_dataset=data, optimizers=(optimizer, scheduler))
    trainer.train()
print("rates:", *(log["learning_rate"] for log in trainer.state.log_history if "loss" in log))
