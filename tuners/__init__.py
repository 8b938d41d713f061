"""Tuners: how the control is chosen from feedback."""

from .plateau import Plateau
from .tuner import Tuner

__all__ = ["Plateau", "Tuner"]
