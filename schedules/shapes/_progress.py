"""Progress of a run or of a phase of it."""

import numpy as np

from ..schedule import Array


def progress(t: Array, T: float) -> Array:
    """X = t/T in [0, 1]; a phase of length zero is at its end, x = 1."""
    return t / T if T > 0 else np.ones_like(t)
