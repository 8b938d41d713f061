"""The convex suite: schedules on multinomial logistic regression, where the minimum is known.

Plain SGD (no momentum, as in the theory) on LIBSVM sets, the last iterate; all rates, schedules
and seeds of a set run in one batch of tensors. ``experiments/results/convex.py`` runs it.
"""

from .figures import draw_gains, draw_gaps, draw_near
from .files import Store, write_gains, write_table
from .gains import Correlation, Gain, correlation, of_result, of_task
from .suite import SETS, Protocol, Result, run_set
from .tables import render, render_gains

__all__ = [
    "SETS",
    "Correlation",
    "Gain",
    "Protocol",
    "Result",
    "Store",
    "correlation",
    "draw_gains",
    "draw_gaps",
    "draw_near",
    "of_result",
    "of_task",
    "render",
    "render_gains",
    "run_set",
    "write_gains",
    "write_table",
]
