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

print("held-out error of 6 network evaluations, geometric mean over 256 samples\n")
noises = Noises.draw((8,), train=64, validation=64, test=256, dtype=torch.float64)
sets = (noises.train, noises.validation, noises.test)
train, validation, test = (Evaluator(model, eps, tol=1e-6) for eps in sets)
uniform = rd.dpmpp_2m(noise, rd.grids.uniform_lambda(noise, 6))
gits = rd.dpmpp_2m(noise, gits_times(model, noises.train, 6)[6])
for name, sampler in (("equal steps in lambda", uniform), ("GITS", gits)):
    print(f"DPM-Solver++(2M), {name:<35}{test(sampler):.5f}")
start = min((uniform, gits), key=validation)
for name, refiner in (
    ("times by gradients", GradientRefinement(("times",))),
    ("times and scalings by least squares", GaussNewton(("times", "scaling"))),
    ("times and weights by least squares", GaussNewton()),
):
    found = refiner(start, train, validation, evaluations=40)
    print(f"{name:<53}{test(found):.5f}")
print(f"train cost: {train.cost.evaluations} evaluations, {train.cost.calls} network calls")
