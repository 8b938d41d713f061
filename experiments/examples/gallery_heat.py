"""A simulation whose steps are linear systems: learn omega on the way. Run: python gallery_heat.py.

Each system follows from the solution of the last, which the family receives by ``send``.
"""

import numpy as np
from ritard.solvers.linear import solve
from ritard.solvers.linear.gallery import VariableHeat
from ritard.tuners.bandits import GPThompson

family = VariableHeat(nx=24, steps=200, dt=5e-3)  # t from 0 to 1: slow, then fast diffusion
low, high = family.context_range
tuner = GPThompson(np.linspace(1, 1.95, 20), seed=0, low=low, high=high)

spent = {"learned": 0, "omega = 1": 0}
walk = family.systems()
system, x = next(walk), family.x0
for _ in range(len(family)):
    choice = tuner.ask(system.context)  # the diffusivity as the step begins
    solution = solve(system.A, system.b, "ssor_cg", choice.value, x0=x, rtol=1e-8)
    tuner.tell(choice, solution.iterations)
    spent["learned"] += solution.iterations
    spent["omega = 1"] += solve(system.A, system.b, "ssor_cg", 1.0, x0=x, rtol=1e-8).iterations
    x = solution.x
    try:
        system = walk.send(x)
    except StopIteration:
        break
print(f"{len(family)} steps, {len(system.b)} unknowns: " + str(spent))
