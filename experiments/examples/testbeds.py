"""What ten evaluations of fixed solvers leave as error on two testbeds: ``python testbeds.py``."""

import torch
from ritard.experiments.testbeds import get_testbed
from ritard.solvers.diffusion import (
    SolverSchedule,
    ddim,
    dpmpp_2m,
    grids,
    lower,
    reference,
    sample,
    unipc,
)

for name in ("digits", "mixture"):
    bed = get_testbed(name)
    noise = bed.model.noise
    generator = torch.Generator().manual_seed(0)
    eps = torch.randn(16, *bed.shape, generator=generator, dtype=bed.dtype)
    x = float(noise.node(bed.t_start).sigma) * eps
    exact = reference(bed.model, x, bed.t_start, bed.t_end, bed.reference_tol)
    times = grids.uniform_lambda(noise, 10, bed.t_start, bed.t_end)
    solvers: dict[str, SolverSchedule] = {
        "DDIM": ddim(noise, times),
        "DPM-Solver++(2M)": dpmpp_2m(noise, times),
        "UniPC-2": unipc(noise, times, order=2),
    }
    for title, schedule in solvers.items():
        error = sample(bed.model, x, lower(schedule)) - exact
        typical = error.square().mean(1).sqrt().log().mean().exp() / bed.scale
        print(f"{name:8} {title:17} {schedule.nfe} evaluations: {typical:.2%} of the data scale")
