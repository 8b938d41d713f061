"""What GradNormRecorder.record() costs, as a part of a training step of a 10-million network.

Run it: ``python experiments/benchmarks/recorder.py`` (a minute; ``--help`` for options). Step and
record() are timed in turns, on a CPU or (with ``--device cuda``, the device awaited around each
part, so that nothing overlaps: an upper bound) on a GPU. On a CPU record() reads 40 MB from memory
whatever the batch, so that the ratio falls with it. More threads than idle cores measure the wait
for the busy ones.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import report
import torch
from measure import Row, clock_of, interleaved
from ritard.schedules import GradNormRecorder

WIDTH, LAYERS, BLOCK, WARM = 1280, 6, 512, 3


def network(device: str) -> torch.nn.Sequential:
    """Six square layers: 9.8 million parameters in 12 tensors."""
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for _ in range(LAYERS):
        layers += [torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers).to(device)


def record_row(kind: Any, batch: int, repeats: int, device: str) -> Row:
    """record() beside the training step around it."""
    model, x = network(device), torch.randn(batch, WIDTH, device=device)
    optimizer = kind(model.parameters(), lr=1e-4)
    recorder = GradNormRecorder(optimizer, block=BLOCK)

    def awaited(work: Any) -> None:
        work()
        if device == "cuda":
            torch.cuda.synchronize()

    def gradients() -> None:
        optimizer.zero_grad()
        model(x).square().mean().backward()

    parts = {"forth": gradients, "record": recorder.record, "step": optimizer.step}
    works = {name: partial(awaited, part) for name, part in parts.items()}
    found = interleaved(works, repeats, warm=WARM, clock=clock_of(device))
    names = ("GradNormRecorder.record", f"{recorder.norm}, batch {batch}", f"{kind.__name__} step")
    return Row.of(names, "ms", found["record"], found["forth"] + found["step"], 1e3)


def block_row(device: str) -> Row:
    """A step's share of moving and writing a block, beside record() of a network of one number."""
    parameter = torch.nn.Parameter(torch.zeros(1, device=device))
    parameter.grad = torch.ones(1, device=device)
    with tempfile.TemporaryDirectory() as folder:
        recorder = GradNormRecorder([parameter], "l2", Path(folder, "log"), block=BLOCK + 1)

        def block() -> None:
            for _ in range(BLOCK):
                recorder.record()

        found = interleaved({"record": block, "flush": recorder.flush}, 5, clock=clock_of(device))
        recorder.close()
    names = ("GradNormRecorder.flush", f"a block of {BLOCK}", "record() of one number")
    return Row.of(names, "us", found["flush"], found["record"], 1e6 / BLOCK)


def measure(given: argparse.Namespace) -> Iterator[Row]:
    """A row for each optimizer and batch, and one of the transfer."""
    for kind in (torch.optim.SGD, torch.optim.AdamW):
        for batch in given.batch:
            yield record_row(kind, batch, given.repeats, given.device)
    yield block_row(given.device)


if __name__ == "__main__":
    parser = report.options(__doc__, repeats=30)
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    report.main(measure, parser)
