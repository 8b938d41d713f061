"""What a solve may change and carry on: omega and what its choice needs, as one small vector.

Plain Python, compiled where a compiled loop asks.
"""

import math
from typing import Any

# Entries of the vector. SCALE is the norm that rtol refers to, below zero until ||r_0|| is known;
# EXPONENT is 0 where omega stays as it is.
OMEGA, SCALE, CHANGE, RATE, SINCE, WAIT, EXPONENT, SETTLED = range(8)


def adapt(control: Any, change: float) -> None:
    """Hageman and Young's choice of omega from the rate at which the steps shrink.

    R = ||step_k|| / ||step_{k-1}|| tends to the spectral radius of the iteration while omega is
    below the best, and Young's relation then gives the Jacobi radius
    mu = (R + omega - 1) / (omega sqrt(R)), and mu the best omega. It changes only when R exceeds
    (omega - 1)^F and has settled.
    """
    omega, previous = control[OMEGA], control[RATE]
    rate = change / control[CHANGE] if control[CHANGE] > 0.0 else 0.0
    control[CHANGE], control[RATE] = change, rate
    control[SINCE] += 1.0
    settled = abs(rate - previous) <= control[SETTLED] * (1.0 - rate)
    if control[SINCE] < control[WAIT] or not settled or not 0.0 < rate < 1.0:
        return
    if rate <= max(omega - 1.0, 0.0) ** control[EXPONENT]:
        return
    mu = (rate + omega - 1.0) / (omega * math.sqrt(rate))
    if 0.0 < mu < 1.0:
        control[OMEGA] = max(omega, 2.0 / (1.0 + math.sqrt(1.0 - mu * mu)))
        control[SINCE] = 0.0
