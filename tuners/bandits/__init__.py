"""Bandits: arms chosen over a sequence of problems from what each cost."""

from .cheb_cb import ChebCB
from .choice import Choice
from .epsilon_greedy import EpsilonGreedy
from .fixed import Fixed
from .gp_thompson import GPThompson
from .hindsight import Hindsight, Regret, best_fixed, regret
from .optuna_tuner import OptunaTuner
from .plot import plot_omegas, plot_solved
from .policies import PolicyClass, YoungPolicy, lanczos_young, young_policies
from .report import SequenceReport
from .sequence import SequenceError, tune_sequence
from .thompson import ThompsonSampling
from .tsallis_inf import IMPORTANCE_WEIGHTED, REDUCED_VARIANCE, Estimator, TsallisINF
from .tsallis_inf_cb import TsallisINFCB
from .ucb1 import UCB1

__all__ = [
    "IMPORTANCE_WEIGHTED",
    "REDUCED_VARIANCE",
    "UCB1",
    "ChebCB",
    "Choice",
    "EpsilonGreedy",
    "Estimator",
    "Fixed",
    "GPThompson",
    "Hindsight",
    "OptunaTuner",
    "PolicyClass",
    "Regret",
    "SequenceError",
    "SequenceReport",
    "ThompsonSampling",
    "TsallisINF",
    "TsallisINFCB",
    "YoungPolicy",
    "best_fixed",
    "lanczos_young",
    "plot_omegas",
    "plot_solved",
    "regret",
    "tune_sequence",
    "young_policies",
]
