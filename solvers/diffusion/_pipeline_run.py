"""One run of a sampler in a pipeline, which holds the samples and calls the network itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .afs import first_output
from .execute import Execution
from .model import Prediction
from .noise import Node
from .saved import Sampler
from .table import CoefficientTable
from .tail import tail

Read = Callable[[Tensor, Node], tuple[Tensor, Prediction]]
"""What the network's output means, given the sample and the place."""


class PipelineRun:
    """Samples come from outside at each step, and may have been changed there.

    Args:
        made: The sampler, from its start.

    Attributes:
        table: Its table.
        places: The node of each network evaluation, in their order.
        scale: c of an analytic first step x_1 = c x_T, which the pipeline's first sample has
            already behind it; 1 without one.
    """

    def __init__(self, made: Sampler) -> None:
        self._made = made
        self.table = tail(made, 0)
        self.places = self.table.evaluations
        self.scale = _first_scale(self.table)
        self._run: Execution | None = None
        self._returned: tuple[Tensor, int] | None = None

    @property
    def started(self) -> bool:
        """Whether a step has been taken."""
        return self._run is not None

    def start(self, begin: int, sample: Tensor) -> None:
        """Begin at an evaluation; ValueError where there is none of that number."""
        if not 0 <= begin < len(self.places):
            raise ValueError(f"begin_index={begin}: expected 0 to {len(self.places) - 1}")
        table = tail(self._made, self.places[begin] if begin else 0)
        if table.first == "network":
            self._run = Execution(table, sample)
            return
        wide = torch.promote_types(sample.dtype, torch.float32)
        self._run = Execution(table, sample.to(wide) / self.scale)
        first = first_output(table.first, self._run.x, table.nodes[0], None)
        self._run.advance(first, "noise")

    def advance(self, sample: Tensor, read: Read) -> Tensor:
        """The next sample; ValueError after the last one."""
        run = self._run
        assert run is not None
        if run.node is None:
            raise ValueError(
                f"step: all {len(self.places)} timesteps are done; call set_timesteps() again"
            )
        # A sample that is still the one returned goes on in full precision.
        if self._returned is None or not _untouched(sample, self._returned):
            run.keep_state(sample)
        run.advance(*read(run.x, run.table.nodes[run.node]))
        run.keep_state()  # the pipeline may hold it: later sums leave it alone
        following = run.x.to(sample.dtype)
        self._returned = following, following._version
        return following


def _untouched(sample: Tensor, returned: tuple[Tensor, int]) -> bool:
    tensor, version = returned
    return sample is tensor and tensor._version == version


def _first_scale(table: CoefficientTable) -> float:
    if table.first in ("network", "mean"):
        return 1.0
    one = torch.ones(1, dtype=torch.float64, device="cpu")
    run = Execution(table, one)
    run.advance(first_output(table.first, one, table.nodes[0], None), "noise")
    return float(run.x)
