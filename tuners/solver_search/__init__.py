"""Search of diffusion solver schedules: S^3, its baselines, and gradient refinement."""

from .canonical import canonical, key
from .cost import Cost
from .evaluator import Evaluator, Reject
from .evolve import Evolution
from .fixed import Scored, best_fixed, rank_fixed
from .gauss_newton import GaussNewton
from .genetic import GeneticSearch
from .gits import cheapest, gits_times, step_costs, teacher
from .gradient import GradientRefinement
from .in_turn import InTurn
from .known import Evaluated
from .learned import ld3, s4s
from .mating import crossover, difference
from .moves import mutate
from .noises import Noises
from .objectives import RMSE, GeometricMean, Objective, OnSamples
from .predictor import Predictor
from .progress import Progress
from .random_search import RandomSearch, random_schedule
from .refiner import Refiner
from .result import Scores, SearchResult
from .search import SolverSearch
from .search_on import Judges, search_on
from .search_solver import search_solver
from .seeds import GRIDS, fixed_samplers
from .space import Space

__all__ = [
    "GRIDS",
    "RMSE",
    "Cost",
    "Evaluated",
    "Evaluator",
    "Evolution",
    "GaussNewton",
    "GeneticSearch",
    "GeometricMean",
    "GradientRefinement",
    "InTurn",
    "Judges",
    "Noises",
    "Objective",
    "OnSamples",
    "Predictor",
    "Progress",
    "RandomSearch",
    "Refiner",
    "Reject",
    "Scored",
    "Scores",
    "SearchResult",
    "SolverSearch",
    "Space",
    "best_fixed",
    "canonical",
    "cheapest",
    "crossover",
    "difference",
    "fixed_samplers",
    "gits_times",
    "key",
    "ld3",
    "mutate",
    "random_schedule",
    "rank_fixed",
    "s4s",
    "search_on",
    "search_solver",
    "step_costs",
    "teacher",
]
