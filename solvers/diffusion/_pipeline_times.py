"""Between a diffusers configuration's units of time and ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...schedules._checks import number, one_of, shown, whole
from ._spacing import discrete_times, flow_times
from .continuous import Flow
from .discrete import Discrete
from .grids import shifted
from .noise import Node
from .registry import solver
from .saved import Sampler
from .schedule import SolverSchedule
from .table import CoefficientTable


@dataclass(frozen=True)
class PipelineTimes:
    """The noise schedule of a configuration, and grids in it.

    Args:
        config: The scheduler's configuration.
        noise: Its training table, or Flow.
        unit: The pipeline's units of time in one of ours.
    """

    config: Any
    noise: Discrete | Flow
    unit: float

    @staticmethod
    def of(config: Any) -> PipelineTimes:
        """Read a configuration; ValueError where it is not one that is known."""
        one_of("final_sigmas_type", config.final_sigmas_type, ("zero", "sigma_min"))
        solver(config.solver)
        if config.use_flow_sigmas:
            return PipelineTimes(config, Flow(), float(config.num_train_timesteps))
        betas = config.trained_betas
        noise = Discrete.from_betas(
            config.beta_schedule if betas is None else [float(b) for b in betas],
            config.beta_start,
            config.beta_end,
            config.num_train_timesteps,
            zero_terminal_snr=config.rescale_betas_zero_snr,
        )
        return PipelineTimes(config, noise, 1.0)

    def tensors(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """betas, alphas and alphas_cumprod in float32; None for a flow."""
        if isinstance(self.noise, Flow):
            return None, None, None
        table = np.array(self.noise.alphas_cumprod)
        alphas = table / np.append(1.0, table[:-1])
        found = (torch.from_numpy(a).float() for a in (1 - alphas, alphas, table))
        return next(found), next(found), next(found)

    # ---- grids, in our units -------------------------------------------------------------

    def spaced(self, steps: int, mu: float | None = None) -> list[float]:
        """The configuration's own spacing of so many evaluations.

        Raises:
            TypeError, ValueError: no number of evaluations, or more than the training table has.
        """
        steps = whole("num_inference_steps", steps, low=1)
        if isinstance(self.noise, Discrete):
            config = self.config
            return discrete_times(self.noise, steps, config.timestep_spacing, config.steps_offset)
        return list(self._shifted(flow_times(steps, int(self.config.num_train_timesteps)), mu))

    def custom(
        self,
        timesteps: Sequence[float] | None,
        sigmas: Sequence[float] | None,
        mu: float | None = None,
    ) -> list[float]:
        """Timesteps or noise levels of the pipeline; a final level of 0 is the end.

        A flow's levels are shifted as its own spacing is: pipelines rely on it.

        Raises:
            TypeError, ValueError: something that is no number, levels that are not positive, or
                none at all.
        """
        if timesteps is not None:
            return [t / self.unit for t in _numbers("timesteps", timesteps)]
        levels = _numbers("sigmas", sigmas)
        if len(levels) > 1 and levels[-1] == 0:
            levels.pop()
        for i, level in enumerate(levels):
            number(f"sigmas[{i}]", level, low=0, open_low=True)
        if isinstance(self.noise, Flow):
            return list(self._shifted(levels, mu))
        return [float(self.noise.time_at(-math.log(s))) for s in levels]

    def _shifted(self, times: Sequence[float], mu: float | None) -> Sequence[float]:
        """By the configuration's factor, or by e^mu where that is dynamic and given."""
        if self.config.use_dynamic_shifting and mu is not None:
            return shifted(times, math.exp(mu))
        return shifted(times, self.config.flow_shift)

    def fixed(self, times: Sequence[float]) -> Sampler:
        """The configuration's fixed solver on a grid, with its end."""
        end = self.noise.clean if self.config.final_sigmas_type == "zero" else self.noise.t_min
        made = solver(self.config.solver)(self.noise, (*times, end))
        if self.config.lower_order_final and isinstance(made, SolverSchedule):
            return made.lower_final()
        return made

    # ---- outward -------------------------------------------------------------------------

    def node(self, timestep: float) -> Node:
        """The place of a pipeline's timestep."""
        return self.noise.node(timestep / self.unit)

    def outward(self, table: CoefficientTable, places: Sequence[int]) -> Tensor:
        """The timesteps at which the network is evaluated, float32."""
        times = [float(table.nodes[j].t) * self.unit for j in places]
        return torch.tensor(times, dtype=torch.float32, device="cpu")

    def levels(self, table: CoefficientTable, places: Sequence[int]) -> Tensor:
        """Noise levels at the evaluations and the end: sigma / alpha, or a flow's sigma."""
        nodes = [table.nodes[j] for j in (*places, -1)]
        if isinstance(self.noise, Flow):
            levels = [float(n.sigma) for n in nodes]
        else:
            levels = [float(n.sigma) / float(n.alpha) for n in nodes]
        return torch.tensor(levels, dtype=torch.float32, device="cpu")


def _numbers(name: str, values: Any) -> list[float]:
    """What a pipeline gives as a list, an array or a tensor."""
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name}={shown(values)}: expected a list of numbers")
    found = [float(number(f"{name}[{i}]", value)) for i, value in enumerate(values)]
    if not found:
        raise ValueError(f"{name}={shown(values)}: expected at least one number")
    return found
