"""Test problems for linear solvers: families of related systems, and matrices from files."""

from .family import Family, System
from .heat import Heat, HeatEquation, VariableHeat
from .laplacian import anisotropic, convection_diffusion, laplacian, nine_point
from .market import read_matrix
from .parameters import HIGH_VARIANCE, LOW_VARIANCE, Beta, LogUniform, Parameters
from .parametric import Parametric, Shift

__all__ = [
    "HIGH_VARIANCE",
    "LOW_VARIANCE",
    "Beta",
    "Family",
    "Heat",
    "HeatEquation",
    "LogUniform",
    "Parameters",
    "Parametric",
    "Shift",
    "System",
    "VariableHeat",
    "anisotropic",
    "convection_diffusion",
    "laplacian",
    "nine_point",
    "read_matrix",
]
