"""Search of diffusion solver schedules: S^3, its baselines, and gradient refinement."""

from .canonical import canonical, key
from .evolve import Evolution
from .genetic import GeneticSearch
from .known import Evaluated
from .moves import crossover, difference, mutate, random_schedule
from .predictor import Predictor
from .random_search import RandomSearch
from .search import SolverSearch
from .seeds import GRIDS, fixed_samplers
from .space import Space

__all__ = [
    "GRIDS",
    "Evaluated",
    "Evolution",
    "GeneticSearch",
    "Predictor",
    "RandomSearch",
    "SolverSearch",
    "Space",
    "canonical",
    "crossover",
    "difference",
    "fixed_samplers",
    "key",
    "mutate",
    "random_schedule",
]
