"""Scoring schedules without training (arXiv:2501.18965, arXiv:2310.07831)."""

from .bound import Bound, bound, bound_of_weights
from .extend import Extension, extend
from .rank import Ranked, rank

__all__ = ["Bound", "Extension", "Ranked", "bound", "bound_of_weights", "extend", "rank"]
