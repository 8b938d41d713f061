"""Refinement from gradient norms (arXiv:2310.07831): record, refine, fit."""

from .closed_form import ClosedForm, fit_closed_form
from .norms import GradNorms
from .recorder import GradNormRecorder
from .refine import predicted_gain, refine

__all__ = [
    "ClosedForm",
    "GradNormRecorder",
    "GradNorms",
    "fit_closed_form",
    "predicted_gain",
    "refine",
]
