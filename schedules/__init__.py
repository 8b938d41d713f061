"""Schedules: what the control is. Frozen shapes and operators, and what runs them in torch."""

from typing import TYPE_CHECKING, Any

from ._lengths import Length
from .budget import Budget
from .lr import ScheduleLR
from .operators.cooldown import Cooldown
from .operators.floor import Floor
from .operators.product import Product
from .operators.reflect import Reflect
from .operators.repeat import Repeat
from .operators.sampled import Sampled
from .operators.then import Then
from .operators.warmup import Warmup
from .plot import plot_schedules
from .refinement import (
    ClosedForm,
    GradNormRecorder,
    GradNorms,
    fit_closed_form,
    predicted_gain,
    refine,
)
from .schedule import Schedule
from .scoring import Bound, Extension, Ranked, bound, bound_of_weights, extend, rank
from .shapes.chebyshev import Chebyshev
from .shapes.constant import Constant
from .shapes.cosine import Cosine
from .shapes.exponential import Exponential
from .shapes.inverse_sqrt import InverseSqrt
from .shapes.linear import Linear
from .shapes.one_minus_sqrt import OneMinusSqrt
from .shapes.onecycle import OneCycle
from .shapes.polynomial import Polynomial
from .shapes.rex import REX
from .shapes.step import Step
from .shapes.tabulated import Tabulated
from .shapes.uba import UBA
from .shapes.wsd import WSD

if TYPE_CHECKING:
    from .lightning import ScheduleCallback as ScheduleCallback
    from .refinement.lightning import GradNormCallback as GradNormCallback

__all__ = [
    "REX",
    "UBA",
    "WSD",
    "Bound",
    "Budget",
    "Chebyshev",
    "ClosedForm",
    "Constant",
    "Cooldown",
    "Cosine",
    "Exponential",
    "Extension",
    "Floor",
    "GradNormRecorder",
    "GradNorms",
    "InverseSqrt",
    "Length",
    "Linear",
    "OneCycle",
    "OneMinusSqrt",
    "Polynomial",
    "Product",
    "Ranked",
    "Reflect",
    "Repeat",
    "Sampled",
    "Schedule",
    "ScheduleLR",
    "Step",
    "Tabulated",
    "Then",
    "Warmup",
    "bound",
    "bound_of_weights",
    "extend",
    "fit_closed_form",
    "plot_schedules",
    "predicted_gain",
    "rank",
    "refine",
]


def __getattr__(name: str) -> Any:
    """Import a Lightning callback when it is first asked for: lightning is optional."""
    if name == "ScheduleCallback":
        from .lightning import ScheduleCallback

        return ScheduleCallback
    if name == "GradNormCallback":
        from .refinement.lightning import GradNormCallback

        return GradNormCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
