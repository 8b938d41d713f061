"""What it costs to save and restore a training state, against a training step and the usual ways.

Run it: ``python experiments/benchmarks/rollback.py`` (a minute; ``--help`` for options). The state
is 25 million parameters under AdamW: 1,536 tensors, 301 MB. A training step comes before each
measurement, so that no way finds its memory warm. What a restore is of a step depends, on a CPU, on
the batch.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import report
import torch
from measure import Numbers, Row, Work, clock_of, interleaved
from ritard.tuners.autolrs import ReplayBuffer, Snapshot

WIDTH, LAYERS = 361, 192


class Network(torch.nn.Module):
    """Residual linear layers: 25.1 million parameters in 384 tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the layers' parts one by one."""
        for layer in self.layers:
            x = x + 0.05 * torch.relu(layer(x))
        return x


def training(batch: int, device: str) -> tuple[Network, torch.optim.Optimizer, Work]:
    """A model, its optimizer, and a training step."""
    torch.manual_seed(0)
    model = Network().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x = torch.randn(batch, WIDTH, device=device)

    def step() -> None:
        model(x).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    return model, optimizer, step


def ways(model: Network, optimizer: torch.optim.Optimizer, file: Path) -> dict[str, Work]:
    """Each way of saving or restoring, as it would be called in a search."""
    snapshot = Snapshot(model, optimizer)
    both = (model, optimizer)

    def save() -> Any:
        return copy.deepcopy([one.state_dict() for one in both])

    def load(held: Any) -> None:
        # The optimizer keeps the tensors it is given: a state to be used again must be copied.
        for one, state in zip(both, copy.deepcopy(held), strict=True):
            one.load_state_dict(state)

    def disk() -> None:
        torch.save([one.state_dict() for one in both], file)
        load(torch.load(file))

    held = save()
    return {
        "Snapshot.capture": snapshot.capture,
        "Snapshot.restore": snapshot.restore,
        "deepcopy of state dicts": save,
        "deepcopy and load_state_dict": lambda: load(held),
        "file and load_state_dict": disk,
    }


def timed(given: argparse.Namespace) -> dict[str, Numbers]:
    """Seconds of each way, and of the steps before "Snapshot.restore" and "Snapshot.capture"."""
    model, optimizer, step = training(given.batch, given.device)
    step()

    def awaited(work: Work) -> None:
        work()
        if given.device == "cuda":
            torch.cuda.synchronize()

    with tempfile.TemporaryDirectory() as folder:
        works: dict[str, Work] = {}
        for name, way in ways(model, optimizer, Path(folder, "state")).items():
            works[f"step before {name}"] = lambda: awaited(step)
            works[name] = lambda way=way: awaited(way)
        found = interleaved(works, given.repeats, clock=clock_of(given.device))
    return dict(found)


def rollback_rows(times: Mapping[str, Numbers], batch: int) -> Iterator[Row]:
    """Restoring and capturing beside a step; beside other ways of the same."""
    restore, capture = "Snapshot.restore", "Snapshot.capture"
    for name in (restore, capture):
        names = (name, f"batch {batch}", "a training step")
        yield Row.of(names, "ms", times[name], times[f"step before {name}"], 1e3)
    beside = ((restore, "deepcopy and load_state_dict"), (restore, "file and load_state_dict"))
    for name, peer in (*beside, (capture, "deepcopy of state dicts")):
        yield Row.of((f"{name}, other ways", "301 MB", peer), "ms", times[name], times[peer], 1e3)


def replay_row(batches: int = 200) -> Row:
    """What a batch costs while it is recorded, beside while it is replayed."""
    buffer = ReplayBuffer([torch.zeros(64, 784) for _ in range(batches)])
    buffer.mark(batches)

    def read() -> None:
        for _ in range(batches):
            next(buffer)
        buffer.rewind()

    recorded = interleaved({"": read}, 1, warm=0)[""]
    replayed = interleaved({"": read}, 5, warm=0)[""]
    names = ("ReplayBuffer, a batch", "recorded, 64 x 784", "replayed")
    return Row.of(names, "us", recorded.repeat(5), replayed, 1e6 / batches)


def measure(given: argparse.Namespace) -> Iterator[Row]:
    """Snapshots, then the buffer."""
    yield from rollback_rows(timed(given), given.batch)
    yield replay_row()


if __name__ == "__main__":
    parser = report.options(__doc__, repeats=7)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    report.main(measure, parser)
