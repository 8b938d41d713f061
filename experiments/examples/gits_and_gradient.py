"""Time grids by dynamic programming, then times and weights refined, on exactly known data.

Run it: python gits_and_gradient.py
"""

import torch
from ritard.solvers import diffusion as rd
from ritard.tuners.solver_search import (
    Evaluator,
    GaussNewton,
    GradientRefinement,
    Noises,
    gits_times,
)

generator = torch.Generator().manual_seed(0)
means = torch.randn(6, 8, generator=generator, dtype=torch.float64)
noise = rd.VPLinear()
model = rd.GaussianMixture(means, torch.full((6,), 0.02).double()).model(noise)

noises = Noises.draw((8,), train=64, validation=64, test=256, dtype=torch.float64)
sets = (noises.train, noises.validation, noises.test)
train, validation, test = (Evaluator(model, eps, tol=1e-6) for eps in sets)

steps = 6
grid = gits_times(model, noises.train, steps)[steps]
uniform = rd.dpmpp_2m(noise, rd.grids.uniform_lambda(noise, steps))
gits = rd.dpmpp_2m(noise, grid)

print(f"held-out error of {steps} network evaluations, geometric mean over {len(noises.test)}:")
print(f"  DPM-Solver++(2M), equal steps in lambda   {test(uniform):.5f}")
print(f"  DPM-Solver++(2M), GITS                    {test(gits):.5f}")
start = min((uniform, gits), key=validation)
for name, refiner in (
    ("times by gradients", GradientRefinement(("times",))),
    ("times and scalings by least squares", GaussNewton(("times", "scaling"))),
    ("times and weights by least squares", GaussNewton()),
):
    found = refiner(start, train, validation, evaluations=40)
    print(f"  {name:<42}{test(found):.5f}")
print(f"train cost: {train.cost.evaluations} evaluations, {train.cost.calls} network calls")
