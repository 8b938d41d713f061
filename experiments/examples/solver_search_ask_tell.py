"""Search a solver schedule by hand: ask, evaluate, tell. Run it: python solver_search_ask_tell.py.

The model is an exact mixture of Gaussians, so the whole search takes seconds; any model and any
cost do. A worker may be killed at any time: what it leaves is in ``state_dict``.
"""

import json
from typing import Any

import torch
from ritard.solvers.diffusion import EDM, GaussianMixture, SolverSchedule, lower, reference, sample
from ritard.tuners.solver_search import SolverSearch, fixed_samplers

noise = EDM(t_max=20.0, t_min=0.02)
generator = torch.Generator().manual_seed(0)
means = torch.randn(6, 4, generator=generator, dtype=torch.float64)
model = GaussianMixture(means, torch.full((6,), 0.02, dtype=torch.float64)).model(noise)
start = noise.t_max * torch.randn(64, 4, generator=generator, dtype=torch.float64)
exact = reference(model, start, tol=1e-6)


def cost(schedule: Any) -> float:
    """Geometric mean over the noises of the distance to the exact solution."""
    error = (sample(model, start, lower(schedule)) - exact).pow(2).mean(1).sqrt()
    return float(error.log().mean().exp())


search = SolverSearch(noise, nfe=5, evaluations=300)
while not search.done:
    schedule = search.ask()
    search.tell(schedule, cost(schedule))
    if len(search.history) == 150:  # as if the process had been killed here
        saved = json.dumps(search.state_dict())
        search = SolverSearch(noise, nfe=5, evaluations=300)
        search.load_state_dict(json.loads(saved))

fixed = [s for s in fixed_samplers(noise, 5).values() if isinstance(s, SolverSchedule)]
print(f"best of {len(fixed)} fixed schedules: {min(map(cost, fixed)):.4f}")
print(f"found with {len(search.history)} evaluations: {cost(search.best()):.4f}")
