"""RandomState: the global sources of random numbers."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from ._snapshot_kept import Kept, keep


class RandomState:
    """State of the random numbers of torch (CPU and every CUDA device), NumPy and Python.

    Taken when it is made. No CUDA device is woken up or waited for.

    Args:
        generators: Other sources to be kept: ``torch.Generator``, ``numpy.random.Generator``,
            ``numpy.random.RandomState``, ``random.Random``.
    """

    def __init__(self, generators: Iterable[Any] = ()) -> None:
        devices: tuple[torch.Generator, ...] = torch.cuda.default_generators
        sources = (torch.default_generator, *devices, *generators)
        self._kept: list[Kept] = [kept for s in sources if (kept := keep(s)) is not None]
        self._numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002
        self._python = random.getstate()

    def restore(self) -> None:
        """Go on from this state."""
        for kept in self._kept:
            kept.put_back()
        np.random.set_state(self._numpy)  # noqa: NPY002
        random.setstate(self._python)
