"""Numbers live where the input does, or on the CPU, whatever the default device and dtype are.

"meta", the device here, holds no numbers: whatever is made there by mistake raises.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from ritard.solvers.diffusion import (
    SOLVERS,
    EmpiricalDenoiser,
    GaussianMixture,
    LowRankMixture,
    VPLinear,
    check_prediction,
    dpmpp_2m,
    grids,
    lower,
    reference,
    sample,
)
from ritard.tuners.solver_search import (
    Evaluator,
    GaussNewton,
    GradientRefinement,
    Noises,
    Predictor,
    SolverSearch,
    gits_times,
)

VP = VPLinear()
MEANS = torch.tensor([[1.0, 0.0], [-1.0, 0.5]], dtype=torch.float64)
LAW = GaussianMixture(MEANS, torch.tensor([0.1, 0.2], dtype=torch.float64))
MODEL = LAW.model(VP)
X = torch.linspace(-1, 1, 16, dtype=torch.float64).view(8, 2)
DATA = torch.linspace(-1, 1, 400).view(100, 4).sin()
SCHEDULE = dpmpp_2m(VP, grids.uniform_lambda(VP, 4))


def solvers() -> torch.Tensor:
    tables = [lower(make(VP, grids.uniform_lambda(VP, 4))) for make in SOLVERS.values()]
    return torch.stack([sample(MODEL, X, table) for table in tables])


def draws() -> torch.Tensor:
    low_rank = LowRankMixture.fit(DATA, 2, 2)
    made = [law.draw(3, seed=1) for law in (EmpiricalDenoiser(DATA), low_rank)]
    return torch.stack([*made, torch.cat([LAW.draw(3, seed=1)] * 2, 1)])


def refined(refine: Any) -> list[float]:
    noises = Noises.draw((2,), 8, 8, 1, dtype=torch.float64)
    train, validation = (
        Evaluator(MODEL, eps, tol=1.0) for eps in (noises.train, noises.validation)
    )
    found = refine(SCHEDULE, train, validation, 8)
    return [validation(found), *(float(node.lam) for node in lower(found).nodes)]


def searched() -> list[float]:
    search = SolverSearch(VP, 4, 12, predictor=Predictor(steps=2), batch=4)
    again = SolverSearch(VP, 4, 12, predictor=Predictor(steps=2), batch=4)
    for cost in range(12):
        again.load_state_dict(search.state_dict())
        schedule = search.ask()
        assert again.ask() == schedule
        search.tell(schedule, cost)
    return [t for row in search.history for t in row.schedule.times]


def scheduled() -> torch.Tensor:
    scheduler = pytest.importorskip("ritard.solvers.diffusion.scheduler").RitardScheduler()
    scheduler.set_timesteps(3)
    x = DATA.view(2, 2, 10, 10)
    x = scheduler.add_noise(x, x.flip(0), scheduler.timesteps[:2])
    for t in scheduler.timesteps:
        x = scheduler.step(x.cos(), t, x).prev_sample
    return x


CALLS: dict[str, Callable[[], Any]] = {
    "solvers": solvers,
    "draws": draws,
    "reference": lambda: reference(MODEL, X, tol=0.1),
    "check_prediction": lambda: list(check_prediction(MODEL, X).values()),
    "gits_times": lambda: gits_times(MODEL, X, 3)[3],
    "GaussNewton": lambda: refined(GaussNewton()),
    "GradientRefinement": lambda: refined(GradientRefinement(("times", "network_times"), checks=1)),
    "SolverSearch": searched,
    "RitardScheduler": scheduled,
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers'
def test_defaults_change_nothing(name: str) -> None:
    expected, before = CALLS[name](), torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            found = CALLS[name]()
    finally:
        torch.set_default_dtype(before)
    assert torch.equal(torch.as_tensor(found), torch.as_tensor(expected))
