"""What GradNormRecorder.record() costs, as a part of a training step of a 10-million network.

Step and record() are timed in turns in one run, on a CPU or (with --device cuda, the device
awaited around each part, so that nothing overlaps: an upper bound) on a GPU. The goal is 1 %.
On a CPU record() reads 40 MB from memory whatever the batch, so that the ratio falls with it.

Run it: python recorder.py [--batch 64 256 1024] [--rounds 30] [--device cpu] [--threads 1]
(more threads than idle cores measure the wait for the busy ones)
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from ritard.schedules import GradNormRecorder

WIDTH, LAYERS, BLOCK = 1280, 6, 512
WARM = 3


def network(device: str) -> torch.nn.Sequential:
    """Six square layers: 9.8 million parameters in 12 tensors."""
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for _ in range(LAYERS):
        layers += [torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers).to(device)


def seconds(work: Callable[[], Any], device: str) -> float:
    """Time of one piece of work, the device awaited."""
    start = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(optimizer_type: Any, batch: int, rounds: int, device: str) -> tuple[str, list[float]]:
    """The norm's name, and medians in seconds of a step and of record(), with the ratio's."""
    model, x = network(device), torch.randn(batch, WIDTH, device=device)
    optimizer = optimizer_type(model.parameters(), lr=1e-4)
    recorder = GradNormRecorder(optimizer, block=BLOCK)

    def gradients() -> None:
        optimizer.zero_grad()
        model(x).square().mean().backward()

    rows: list[tuple[float, float]] = []
    for _ in range(WARM + rounds):
        forth = seconds(gradients, device)
        record = seconds(recorder.record, device)
        rows.append((forth + seconds(optimizer.step, device), record))
    steps, records = zip(*rows[WARM:], strict=True)
    low, middle, high = statistics.quantiles([r / s for s, r in rows[WARM:]], n=4)
    return recorder.norm, [statistics.median(steps), statistics.median(records), low, middle, high]


def block_cost(device: str) -> float:
    """Seconds a step of transferring and writing whole blocks."""
    parameter = torch.nn.Parameter(torch.zeros(1, device=device))
    parameter.grad = torch.ones(1, device=device)
    with tempfile.TemporaryDirectory() as folder:
        recorder = GradNormRecorder([parameter], "l2", Path(folder, "log"), block=BLOCK + 1)
        costs: list[float] = []
        for _ in range(5):
            for _ in range(BLOCK):
                recorder.record()
            costs.append(seconds(recorder.flush, device) / BLOCK)
        recorder.close()
    return statistics.median(costs)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    parameters = sum(p.numel() for p in network("cpu").parameters())
    machine = torch.cuda.get_device_name() if given.device == "cuda" else f"{os.cpu_count()} cores"
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.platform()}")
    print(f"{machine}, {given.threads} threads, {parameters / 1e6:.1f} million parameters\n")
    print(
        f"{'optimizer':<11}{'norm':<6}{'batch':>6}{'step ms':>10}{'record ms':>11}  record / step"
    )
    for kind in (torch.optim.SGD, torch.optim.AdamW):
        for batch in given.batch:
            norm, found = measure(kind, batch, given.rounds, given.device)
            step, record, low, middle, high = found
            ratio = f"{middle:.2%} [{low:.2%}, {high:.2%}]"
            times = f"{step * 1e3:>10.2f}{record * 1e3:>11.3f}"
            print(f"{kind.__name__:<11}{norm:<6}{batch:>6}{times}  {ratio}")
    cost = block_cost(given.device) * 1e6
    print(f"\ntransfer and writing, a block of {BLOCK} at a time: {cost:.1f} us a step")


if __name__ == "__main__":
    main()
