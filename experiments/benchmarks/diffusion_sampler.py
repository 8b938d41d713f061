"""Cost of the sampler itself: the executor against diffusers' schedulers, on the same tensors.

Run it: ``python experiments/benchmarks/diffusion_sampler.py`` (a minute; ``--help`` for options).
The network is a null model that returns one fixed tensor, so that only the solver's arithmetic is
measured. Candidates run in turn in one process and a ratio compares two runs of the same round.
Peak memory is what a run holds above its start, the network's output included, by torch's own
allocator events. Goal: ours / theirs at or below 1.0 in time and in memory.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import diffusers
import torch

# pyright does not see the mapping of an editable install.
from ritard.solvers.diffusion import (  # pyright: ignore[reportMissingImports]
    CoefficientTable,
    Discrete,
    Model,
    dpmpp_2m,
    dpmpp_3m,
    lower,
    sample,
    unipc,
)
from torch import Tensor

Run = Callable[[Tensor], Tensor]
PAIRS: dict[str, tuple[Any, str, int]] = {
    "DPM-Solver++(2M)": (dpmpp_2m, "DPMSolverMultistepScheduler", 2),
    "DPM-Solver++(3M)": (dpmpp_3m, "DPMSolverMultistepScheduler", 3),
    "UniPC-2": (unipc, "UniPCMultistepScheduler", 2),
}


def pair(name: str, steps: int, output: Tensor) -> tuple[Run, Run]:
    """Our run and theirs: the same solver, grid and outputs (each with a tensor of its own)."""
    preset, cls, order = PAIRS[name]
    scheduler = getattr(diffusers, cls)(solver_order=order, lower_order_final=True)
    noise = Discrete(tuple(scheduler.alphas_cumprod.double().tolist()))
    scheduler.set_timesteps(steps)
    sigmas = scheduler.sigmas.double().tolist()
    times = [float(noise.time_at(-math.log(s))) if s else noise.clean for s in sigmas]

    def network(x: Tensor, t: Tensor) -> Tensor:
        return output.clone()

    model = Model(network, noise, "noise")

    def ours(x: Tensor) -> Tensor:
        table: CoefficientTable = lower(preset(noise, times).lower_final())
        return sample(model, x, table)

    @torch.no_grad()
    def theirs(x: Tensor) -> Tensor:
        scheduler.set_timesteps(steps)
        for t in scheduler.timesteps:
            x = scheduler.step(output.clone(), t, x, return_dict=False)[0]
        return x

    return ours, theirs


def seconds(run: Run, x: Tensor) -> float:
    """Time of one run."""
    start = time.perf_counter()
    run(x)
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def peak(run: Run, x: Tensor) -> int:
    """Bytes held at most above the start."""
    if x.is_cuda:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run(x)
        return torch.cuda.max_memory_allocated() - before
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        run(x)
    held, most = 0, 0
    events: Any = profiler.profiler.kineto_results.events()  # pyright: ignore[reportOptionalMemberAccess]
    for event in sorted(events, key=lambda e: e.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


def quartiles(values: list[float]) -> str:
    """The median and, in brackets, the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def report(name: str, shape: tuple[int, ...], steps: int, rounds: int, device: str) -> None:
    """Measure one solver and print its row."""
    generator = torch.Generator().manual_seed(0)
    x, output = (torch.randn(shape, generator=generator).to(device) for _ in range(2))
    ours, theirs = pair(name, steps, output)
    gap = float((ours(x) - theirs(x)).norm() / theirs(x).norm())
    assert gap < 1e-4, gap
    times = [(seconds(ours, x), seconds(theirs, x)) for _ in range(rounds)]
    memory = peak(ours, x) / x.nbytes, peak(theirs, x) / x.nbytes
    print(
        f"{name:<18}{'x'.join(map(str, shape)):<15}"
        f"{quartiles([1e3 * a / steps for a, _ in times]):>22}"
        f"{quartiles([1e3 * b / steps for _, b in times]):>22}"
        f"{quartiles([a / b for a, b in times]):>24}"
        f"{memory[0]:>8.1f}{memory[1]:>8.1f}{memory[0] / memory[1]:>7.2f}"
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore", FutureWarning)
    print(f"{platform.platform()}, {os.cpu_count()} cores, {options.threads} threads")
    print(f"Python {platform.python_version()}, torch {torch.__version__}, ", end="")
    print(f"diffusers {diffusers.__version__}; {options.steps} steps\n")
    print("ms per step: median [quartiles]; ratio ours / theirs; memory in tensors like x\n")
    print(f"{'solver':<18}{'batch':<15}{'ours':>22}{'diffusers':>22}{'ratio':>22}", end="")
    print(f"{'ours':>8}{'theirs':>8}{'ratio':>7}")
    for shape in ((4, 3, 512, 512), (8, 4, 64, 64)):
        for name in PAIRS:
            report(name, shape, options.steps, options.rounds, options.device)


if __name__ == "__main__":
    main()
