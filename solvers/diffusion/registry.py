"""All fixed solvers by name, for searches to start from and for saved configurations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ...schedules._checks import one_of
from . import presets, sigma_multistep
from .noise import NoiseSchedule
from .schedule import SolverSchedule
from .table import CoefficientTable

Solver = Callable[[NoiseSchedule, Sequence[float]], SolverSchedule | CoefficientTable]
"""A noise schedule and falling times give a sampler."""

SOLVERS: dict[str, Solver] = {
    "ddim": presets.ddim,
    "dpm_solver_2m": presets.dpm_solver_2m,
    "dpm_solver_2s": presets.dpm_solver_2s,
    "dpm_solver_3m": presets.dpm_solver_3m,
    "dpm_solver_3m_exact": presets.dpm_solver_3m_exact,
    "dpm_solver_3s": presets.dpm_solver_3s,
    "dpmpp_2m": presets.dpmpp_2m,
    "dpmpp_2s": presets.dpmpp_2s,
    "dpmpp_3m": presets.dpmpp_3m,
    "dpmpp_3m_exact": presets.dpmpp_3m_exact,
    "dpmpp_3s": presets.dpmpp_3s,
    "deis": presets.deis,
    "unipc_1": partial(presets.unipc, order=1),
    "unipc_2": presets.unipc,
    "unipc_3": partial(presets.unipc, order=3),
    "unipc_4": partial(presets.unipc, order=4),
    "ipndm": sigma_multistep.ipndm,
    "lms": sigma_multistep.lms,
    "deis_tab": sigma_multistep.deis_tab,
    "heun": sigma_multistep.heun,
}
"""Every solver with its usual settings; those that give a CoefficientTable are outside USF."""


def solver(name: str) -> Solver:
    """The solver of a name; ValueError for an unknown one."""
    one_of("solver", name, SOLVERS)
    return SOLVERS[name]
