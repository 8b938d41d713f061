"""Search of diffusion solver schedules: S^3, its baselines, and gradient refinement."""

from .canonical import canonical, key
from .seeds import GRIDS, fixed_samplers

__all__ = [
    "GRIDS",
    "canonical",
    "fixed_samplers",
    "key",
]
