"""The small members that pipelines ask of any scheduler."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._pipeline_times import PipelineTimes


class PipelineContract:
    """Where a run starts and stands, and noising; mixed into :class:`RitardScheduler`."""

    timesteps: Tensor
    _times: PipelineTimes
    _step_index: int | None = None
    _begin_index: int | None = None

    @property
    def step_index(self) -> int | None:
        """Steps taken, counted from the first timestep; None before the first."""
        return self._step_index

    @property
    def begin_index(self) -> int | None:
        """The timestep that the run starts at, where the pipeline has set it."""
        return self._begin_index

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Start at a later timestep (img2img)."""
        self._begin_index = begin_index

    def index_for_timestep(self, timestep: float | Tensor) -> int:
        """The index of the nearest timestep; the last where one is there twice but at the start."""
        gaps = (self.timesteps - torch.as_tensor(timestep, device=self.timesteps.device)).abs()
        found = (gaps == gaps.min()).nonzero().flatten().tolist()
        return 0 if found[0] == 0 else int(found[-1])

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """The sample itself."""
        del timestep
        return sample

    # ---- noising -------------------------------------------------------------------------

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Noise the data to each sample's timestep, shape (batch,) or (), fractions allowed."""
        times = torch.as_tensor(timesteps, dtype=torch.float64, device="cpu").flatten()
        found = [self._times.node(t) for t in times.tolist()]
        shape = (-1, *[1] * (original_samples.ndim - 1))
        alpha, sigma = (
            original_samples.new_tensor(values).view(shape)
            for values in ([n.alpha for n in found], [n.sigma for n in found])
        )
        return alpha * original_samples + sigma * noise

    def scale_noise(self, sample: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """:meth:`add_noise`, as flow-matching pipelines call it."""
        return self.add_noise(sample, noise, timestep)
