"""Diffusion samplers: solver schedules, lowered to one table of coefficients."""

from typing import TYPE_CHECKING, Any

from . import grids
from .adapters import from_denoised, from_diffusers
from .consistency import check_prediction
from .continuous import EDM, Flow, VPCosine, VPLinear
from .discrete import Discrete
from .empirical import EmpiricalDenoiser
from .execute import Execution, sample
from .gaussian import GaussianMixture
from .guidance import ClassifierFree
from .kdiffusion import sample_ritard
from .low_rank import LowRankMixture
from .lower import lower
from .model import Counted, Model
from .noise import Node, NoiseSchedule
from .presets import (
    ddim,
    deis,
    dpm_solver_2m,
    dpm_solver_2s,
    dpm_solver_3m,
    dpm_solver_3m_exact,
    dpm_solver_3s,
    dpmpp_2m,
    dpmpp_2s,
    dpmpp_3m,
    dpmpp_3m_exact,
    dpmpp_3s,
    unipc,
)
from .reference import reference
from .registry import SOLVERS
from .schedule import SolverSchedule
from .sigma_multistep import deis_tab, heun, ipndm, lms
from .step import SolverStep
from .table import CoefficientTable, Row

if TYPE_CHECKING:
    from .scheduler import RitardScheduler as RitardScheduler

__all__ = [
    "EDM",
    "SOLVERS",
    "ClassifierFree",
    "CoefficientTable",
    "Counted",
    "Discrete",
    "EmpiricalDenoiser",
    "Execution",
    "Flow",
    "GaussianMixture",
    "LowRankMixture",
    "Model",
    "Node",
    "NoiseSchedule",
    "Row",
    "SolverSchedule",
    "SolverStep",
    "VPCosine",
    "VPLinear",
    "check_prediction",
    "ddim",
    "deis",
    "deis_tab",
    "dpm_solver_2m",
    "dpm_solver_2s",
    "dpm_solver_3m",
    "dpm_solver_3m_exact",
    "dpm_solver_3s",
    "dpmpp_2m",
    "dpmpp_2s",
    "dpmpp_3m",
    "dpmpp_3m_exact",
    "dpmpp_3s",
    "from_denoised",
    "from_diffusers",
    "grids",
    "heun",
    "ipndm",
    "lms",
    "lower",
    "reference",
    "sample",
    "sample_ritard",
    "unipc",
]


def __getattr__(name: str) -> Any:
    """RitardScheduler needs diffusers, so it is imported when asked for."""
    if name == "RitardScheduler":
        from .scheduler import RitardScheduler

        return RitardScheduler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
