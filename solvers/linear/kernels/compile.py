# type: ignore  # numba ships no annotations.
"""Compiling a loop: ``inner`` for other loops, ``outer`` for Python and the next process."""

from __future__ import annotations

from numba import njit

from ..._compiler import compiler

inner = njit(nogil=True)
outer = compiler(__file__)
