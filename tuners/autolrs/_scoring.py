"""The batches that scales are scored on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from itertools import islice
from typing import Any

from ._replay_batch import tensors
from ._snapshot_random import RandomState

FEW = 256
"""Examples to score on below which a warning is given."""


def scoring_batches(held_out: Iterable[Any], count: int) -> list[Any]:
    """The first batches to score on, without a trace in the global random numbers.

    Raises:
        ValueError: there are none, or only one: there is no standard error then.
    """
    random = RandomState()
    found = list(islice(held_out, count))
    random.restore()
    if len(found) < 2:
        raise ValueError(f"held_out: it has {len(found)} batches; expected at least 2")
    sizes = [next((len(t) for t in tensors(batch) if t.ndim > 0), 1) for batch in found]
    if sum(sizes) < FEW:
        warnings.warn(
            f"held_out: {sum(sizes)} examples in {len(found)} batches are few to compare rates "
            f"on; expected about {FEW} or more",
            UserWarning,
            stacklevel=3,
        )
    return found
