"""Compiling the bandits' loops: numba where it is installed, NumPy otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ...solvers._compiler import compiler, have_numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function compiled at its first call, or as it is where numba is missing.

    One source serves both, so both draw the same arms. Only the modules of kernels import this,
    and bandits import those when they are built: ``import ritard.tuners`` stays light.
    """
    return compiled_or(function)(function)


def compiled_or(plain: Function) -> Callable[[Function], Function]:
    """Compiles a function of many loops, and takes ``plain`` for it where numba is missing."""
    if not have_numba("bandits run in NumPy, several times slower"):
        return lambda function: plain
    return compiler(__file__, error_model="numpy")
