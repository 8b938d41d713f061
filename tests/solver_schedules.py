"""Any valid solver schedule, for the property tests of tables, of runs and of searches."""

from dataclasses import replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from ritard.solvers.diffusion import (
    EDM,
    Discrete,
    Flow,
    SolverSchedule,
    SolverStep,
    VPCosine,
    VPLinear,
)

NOISES = [
    VPLinear(),
    VPCosine(),
    EDM(),
    Flow(),
    Discrete.from_betas("scaled_linear", 8.5e-4, 0.012),
]
SCALINGS = st.sampled_from(["none", "bh1", "bh2", "pexp", "mexp"]) | st.floats(-0.5, 0.5)
STEPS = st.builds(
    dict,
    prediction=st.sampled_from(["noise", "data"]),
    order=st.integers(1, 4),
    start=st.integers(1, 3),
    points=st.none() | st.integers(1, 3),
    scaling=SCALINGS,
    corrector=st.sampled_from(["none", "pseudo", "implicit"]),
    corrector_scaling=SCALINGS,
    d2_scale=st.sampled_from([1.0, 1.0, 0.5, 1.7]),
)


@st.composite
def schedules(draw, noise=None, clean=None):
    """Of up to six steps from a finite lambda; to clean data, or not, where ``clean`` says so."""
    noise = noise or draw(st.sampled_from(NOISES))
    gaps = draw(st.lists(st.floats(0.05, 1.2), min_size=1, max_size=6))
    high = float(noise.lambda_at(noise.t_max if noise != Flow() else 0.99))
    lambdas = np.cumsum([high + 0.01, *gaps])
    assume(lambdas[-1] < float(noise.lambda_at(noise.t_min)))
    times = [float(noise.time_at(float(lam))) for lam in lambdas]
    steps = [_fitting(draw(STEPS), i) for i in range(1, len(times))]
    steps[-1] = replace(steps[-1], corrector="none")
    if draw(st.booleans()) if clean is None else clean:
        times, steps = [*times, noise.clean], [*steps, SolverStep()]
    first = draw(st.sampled_from(["network", "zero", "unit"]))
    return SolverSchedule(noise, times, steps, first, {"seed": 3})


def _fitting(step, i):
    """Decisions of step i that its history allows."""
    order = min(step["order"], i)
    points = step["points"] and (min(step["points"], order - 1) or None)
    return SolverStep(**step | {"order": order, "start": min(step["start"], i), "points": points})
