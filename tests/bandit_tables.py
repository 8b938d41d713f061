"""What the tests of bandits share: one row for each tuner, and problems to play them on."""

import math

import numpy as np
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from ritard.solvers.linear import Stencil
from ritard.tuners.bandits import (
    IMPORTANCE_WEIGHTED,
    UCB1,
    ChebCB,
    EpsilonGreedy,
    Fixed,
    GPThompson,
    OptunaTuner,
    PolicyClass,
    ThompsonSampling,
    TsallisINF,
    TsallisINFCB,
    lanczos_young,
    young_policies,
)

OMEGAS = tuple(np.linspace(1, 1.95, 20).tolist())
LEARNERS = {
    "TsallisINF": lambda seed=0: TsallisINF(OMEGAS, seed),
    "TsallisINF IW": lambda seed=0: TsallisINF(OMEGAS, seed, IMPORTANCE_WEIGHTED, cost_min=1.0),
    "TsallisINF K": lambda seed=0: TsallisINF(OMEGAS, seed, cost_max=500.0),
    "TsallisINFCB": lambda seed=0: TsallisINFCB(OMEGAS, seed, low=-0.15, high=0.65, bins=3),
    "ChebCB": lambda seed=0: ChebCB(OMEGAS, seed, low=-0.15, high=0.65),
    "GPThompson": lambda seed=0: GPThompson(OMEGAS[::3], seed, low=-0.15, high=0.65, features=4),
    "EpsilonGreedy": lambda seed=0: EpsilonGreedy(OMEGAS, seed, epsilon=0.3),
    "ThompsonSampling": lambda seed=0: ThompsonSampling(OMEGAS, seed),
    "PolicyClass": lambda seed=0: PolicyClass(TsallisINF(young_policies(4.0), seed)),
}
"""Those that draw, by a seed."""

TUNERS = LEARNERS | {
    "UCB1": lambda seed=0: UCB1(OMEGAS, seed),
    "Fixed": lambda seed=0: Fixed(1.5),
    "lanczos_young": lambda seed=0: lanczos_young(Stencil.laplacian(4, 4)),
    "OptunaTuner": lambda seed=0: OptunaTuner(
        FloatDistribution(1.0, 1.95), lambda s: TPESampler(seed=s), seed
    ),
}


def iterations(omega, context):
    """About what SOR needs to 1e-8 on the 10 x 10 Laplacian + context I, by Young's rate."""
    beta = 4 * math.cos(math.pi / 11) / (4 + context)
    best = 2 / (1 + math.sqrt(1 - beta**2))
    if omega < best:
        rate = (omega * beta + math.sqrt(omega**2 * beta**2 - 4 * (omega - 1))) ** 2 / 4
    else:
        rate = omega - 1
    return math.ceil(math.log(1e-8) / math.log(rate)) if rate > 0 else 1


def contexts(count, seed=0):
    """Shifts as in the paper's problem of high variance."""
    rng = np.random.default_rng(seed)
    return (-0.15 + 0.6 * rng.beta(0.5, 1.5, count)).tolist()


def play(tuner, given, cost=iterations):
    """Ask and tell once for each context; the choices and what they cost."""
    choices, paid = [], []
    for context in given:
        choice = tuner.ask(context)
        choices.append(choice)
        paid.append(float(cost(choice.value, context)))
        tuner.tell(choice, paid[-1])
    return choices, np.array(paid)
