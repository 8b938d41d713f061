"""What it costs to save and restore a training state, against the usual ways and a training step.

25 million parameters under AdamW: 1,536 tensors, 301 MB. A training step comes before each
measurement, so that no way finds its memory warm, and the ways are timed in turns in one run.
The goal is a restore within 0.15 of a step, which on a CPU depends on the batch.

Run it: python rollback.py [--batch 256] [--rounds 7] [--device cpu] [--threads 1]
"""

import argparse
import copy
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from ritard.tuners.autolrs import ReplayBuffer, Snapshot

WIDTH, LAYERS = 361, 192
Way = Callable[[], Any]


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


def training(batch: int, device: str) -> tuple[Network, torch.optim.Optimizer, Way]:
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


def ways(model: Network, optimizer: torch.optim.Optimizer, file: Path) -> dict[str, Way]:
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


def seconds(work: Way, device: str) -> float:
    """Time of one piece of work, the device awaited."""
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(given: argparse.Namespace, file: Path) -> dict[str, tuple[float, float]]:
    """Median seconds of each way, and the median of its ratio to the step before it."""
    model, optimizer, step = training(given.batch, given.device)
    step()
    todo = ways(model, optimizer, file)
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in todo}
    for _ in range(1 + given.rounds):
        for name, work in todo.items():
            before = seconds(step, given.device)
            pairs[name].append((seconds(work, given.device), before))
    table = {"a training step": (statistics.median(s for p in pairs.values() for _, s in p), 1.0)}
    for name, found in pairs.items():
        times = found[1:]
        table[name] = (
            statistics.median(took for took, _ in times),
            statistics.median(took / step for took, step in times),
        )
    return table


def recording(batches: int = 200) -> tuple[float, float]:
    """Seconds that a batch costs more while it is recorded, and while it is replayed."""
    source = [torch.zeros(64, 784) for _ in range(batches)]
    buffer = ReplayBuffer(source)
    buffer.mark(batches)
    costs: list[float] = []
    for _ in range(2):
        start = time.perf_counter()
        for _ in range(batches):
            next(buffer)
        costs.append((time.perf_counter() - start) / batches)
        buffer.rewind()
    return costs[0], costs[1]


def main() -> None:
    """Measure, and print the table."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    machine = torch.cuda.get_device_name() if given.device == "cuda" else f"{os.cpu_count()} cores"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.platform()}")
    print(f"{machine}, {given.threads} threads, batch {given.batch}\n")
    with tempfile.TemporaryDirectory() as folder:
        table = measure(given, Path(folder, "state"))
    print(f"{'':<32}{'ms':>8}{'of a step':>11}{'of restore':>12}")
    restore = table["Snapshot.restore"][0]
    for name, (took, ratio) in table.items():
        print(f"{name:<32}{took * 1e3:>8.0f}{ratio:>11.3f}{took / restore:>12.2f}")
    record, replay = recording()
    print(f"\nReplayBuffer: a batch costs {record * 1e6:.0f} us while recorded, ", end="")
    print(f"{replay * 1e6:.0f} us while replayed")


if __name__ == "__main__":
    main()
