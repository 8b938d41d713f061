"""Cost of the sampler itself: the executor against diffusers' schedulers, on the same tensors.

Run it: ``python experiments/benchmarks/diffusion_sampler.py`` (a minute; ``--help`` for options).
The network is a null model that returns one fixed tensor, so that only the solver's arithmetic is
measured; both give the same samples. Peak memory is what a run holds above its start, the network's
output included, by torch's own allocator events, in tensors like x.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import diffusers
import report
import torch
from measure import Row, clock_of, interleaved
from ritard.solvers.diffusion import Discrete, Model, dpmpp_2m, dpmpp_3m, lower, sample, unipc
from torch import Tensor

Run = Callable[[Tensor], Tensor]
PAIRS: dict[str, tuple[Any, str, int]] = {
    "DPM-Solver++(2M)": (dpmpp_2m, "DPMSolverMultistepScheduler", 2),
    "DPM-Solver++(3M)": (dpmpp_3m, "DPMSolverMultistepScheduler", 3),
    "UniPC-2": (unipc, "UniPCMultistepScheduler", 2),
}
SHAPES = ((4, 3, 512, 512), (8, 4, 64, 64))


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
        return sample(model, x, lower(preset(noise, times).lower_final()))

    @torch.no_grad()
    def theirs(x: Tensor) -> Tensor:
        scheduler.set_timesteps(steps)
        for t in scheduler.timesteps:
            x = scheduler.step(output.clone(), t, x, return_dict=False)[0]
        return x

    return ours, theirs


def awaited(run: Run, x: Tensor) -> None:
    """One run, the device awaited."""
    run(x)
    if x.is_cuda:
        torch.cuda.synchronize()


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


def solver_rows(name: str, shape: tuple[int, ...], given: argparse.Namespace) -> Iterator[Row]:
    """Time a step, and peak memory, of one solver on one batch."""
    generator = torch.Generator().manual_seed(0)
    x, output = (torch.randn(shape, generator=generator).to(given.device) for _ in range(2))
    ours, theirs = pair(name, given.steps, output)
    gap = float((ours(x) - theirs(x)).norm() / theirs(x).norm())
    assert gap < 1e-4, gap
    works = {"ours": partial(awaited, ours, x), "theirs": partial(awaited, theirs, x)}
    times = interleaved(works, given.repeats, clock=clock_of(given.device))
    case = f"{name}, {'x'.join(map(str, shape))}"
    peer = "diffusers, a step"
    scale = 1e3 / given.steps
    yield Row.of(("sample, time", case, peer), "ms", times["ours"], times["theirs"], scale)
    held = [float(peak(run, x)) for run in (ours, theirs)]
    yield Row.of(("sample, memory", case, "diffusers"), "x", held[:1], held[1:], 1 / x.nbytes)


def measure(given: argparse.Namespace) -> Iterator[Row]:
    """Times of all, then memory of all."""
    warnings.simplefilter("ignore", FutureWarning)
    found = [row for shape in SHAPES for name in PAIRS for row in solver_rows(name, shape, given)]
    yield from sorted(found, key=lambda row: row.what != "sample, time")


if __name__ == "__main__":
    parser = report.options(__doc__, repeats=15)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    report.main(measure, parser)
