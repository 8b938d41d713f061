"""Fixed diffusion solvers against the exact solution, on data whose denoiser is known.

Run it: python diffusion_solvers.py
"""

from typing import Any

import torch
from ritard.solvers import diffusion as rd
from sklearn.datasets import load_digits

data: Any = load_digits()
digits = torch.tensor(data.data / 8 - 1)
noise = rd.VPLinear()
model = rd.EmpiricalDenoiser(digits, bandwidth=0.2).model(noise)
x = torch.randn(64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
exact = rd.reference(model, x, tol=1e-5)

print("root mean square error, geometric mean over 64 samples; 8 network evaluations\n")
print(f"{'':<16}{'uniform t':>12}{'uniform lambda':>16}{'quadratic t':>14}")
makes = (rd.grids.uniform_t, rd.grids.uniform_lambda, rd.grids.quadratic_t)
solvers: list[Any] = [rd.ddim, rd.dpmpp_2m, rd.dpmpp_3m_exact, rd.unipc, rd.ipndm]
for solver in solvers:
    row = f"{solver.__name__:<16}"
    for make, width in zip(makes, (12, 16, 14), strict=True):
        made = solver(noise, make(noise, 8))
        table = rd.lower(made) if isinstance(made, rd.SolverSchedule) else made
        error = (rd.sample(model, x, table) - exact).square().mean(1).sqrt()
        row += f"{float(error.log().mean().exp()):>{width}.4f}"
    print(row)
