"""Compiling the bandits' loops: numba where it is installed, NumPy otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function compiled at its first call, or as it is where numba is missing.

    One source serves both, so both draw the same arms. Only the modules of kernels import this,
    and bandits import those when they are built: ``import ritard.tuners`` stays light.
    """
    return compiled_or(function)(function)


def compiled_or(plain: Function) -> Callable[[Function], Function]:
    """Compiles a function of many loops, and takes ``plain`` for it where numba is missing."""
    numba = _numba()
    if numba is None:
        return lambda function: plain
    return numba.njit(cache=True, error_model="numpy", nogil=True)


@cache
def _numba() -> Any:
    """The module, or None after one warning."""
    try:
        import numba
    except ImportError:
        warnings.warn(
            'bandits run in NumPy, several times slower: pip install "ritard[solvers]"',
            RuntimeWarning,
            stacklevel=4,
        )
        return None
    return numba
