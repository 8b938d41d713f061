"""A diffusers scheduler that runs any solver schedule or coefficient table."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

try:
    from diffusers.configuration_utils import ConfigMixin, register_to_config
    from diffusers.schedulers.scheduling_utils import (
        KarrasDiffusionSchedulers,
        SchedulerMixin,
        SchedulerOutput,
    )
except ImportError as error:
    raise ImportError('RitardScheduler: pip install "ritard[diffusers]"') from error

from ._pipeline_config import taken_over
from ._pipeline_contract import PipelineContract
from ._pipeline_run import PipelineRun
from ._pipeline_times import PipelineTimes
from .adapters import prediction_of
from .model import Prediction, convert
from .noise import Node
from .saved import Sampler, as_sampler, load_sampler, same_noise
from .threshold import dynamic_threshold


class RitardScheduler(PipelineContract, SchedulerMixin, ConfigMixin):
    """Runs a solver schedule in a diffusers pipeline, timesteps in full precision.

    Take over the configuration of the pipeline's own scheduler and give the schedule::

        pipe.scheduler = RitardScheduler.from_config(pipe.scheduler.config, schedule=schedule)

    A schedule serves one number of steps. For another number, and where the pipeline brings times
    of its own, the fixed solver ``solver`` runs instead, with a warning; so it does where no
    schedule is given, on the configuration's own spacing.

    Args:
        num_train_timesteps: Length of the training table.
        beta_start, beta_end, beta_schedule, trained_betas: The training table, as in diffusers.
        prediction_type: "epsilon", "sample", "v_prediction" or "flow_prediction".
        schedule: A :class:`SolverSchedule` or :class:`CoefficientTable`, or its ``to_dict()``,
            made for this training table, or for ``Flow`` under ``use_flow_sigmas``.
        solver: Name of the fixed solver, one of ``registry.SOLVERS``.
        lower_order_final: Whether the fixed solver's orders fall to 1 at the end.
        timestep_spacing, steps_offset, final_sigmas_type: Its grid, as in diffusers.
        rescale_betas_zero_snr: Rescale the table to zero terminal SNR.
        use_flow_sigmas, flow_shift, use_dynamic_shifting: A flow-matching model, t = sigma; the
            grid shifted by ``flow_shift``, or by e^mu where the pipeline gives mu.
        clip_sample, clip_sample_range: Clip predicted data.
        thresholding, dynamic_thresholding_ratio, sample_max_value: Threshold predicted data.
        variance_type: "learned" or "learned_range" where the output also holds a variance.

    Raises:
        TypeError, ValueError: no schedule, one made for another noise schedule, or settings out of
            range.

    Where it differs from diffusers' own: timesteps are floats; the step index is a counter that
    is looked up once, at the first step; samples are kept in float32 between the steps of a
    half-precision run. DDIMPipeline replaces any scheduler by its own without a word.
    """

    _compatibles = [e.name for e in KarrasDiffusionSchedulers]  # noqa: RUF012  # diffusers' form
    order = 1

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.0001,
        beta_end: float = 0.02,
        beta_schedule: str = "linear",
        trained_betas: Sequence[float] | None = None,
        prediction_type: str = "epsilon",
        schedule: Sampler | dict[str, Any] | None = None,
        solver: str = "dpmpp_2m",
        lower_order_final: bool = True,
        timestep_spacing: str = "linspace",
        steps_offset: int = 0,
        final_sigmas_type: str = "zero",
        rescale_betas_zero_snr: bool = False,
        use_flow_sigmas: bool = False,
        flow_shift: float = 1.0,
        use_dynamic_shifting: bool = False,
        clip_sample: bool = False,
        clip_sample_range: float = 1.0,
        thresholding: bool = False,
        dynamic_thresholding_ratio: float = 0.995,
        sample_max_value: float = 1.0,
        variance_type: str | None = None,
    ) -> None:
        given = schedule if isinstance(schedule, dict | None) else as_sampler(schedule, "schedule")
        self._sampler = None if given is None else load_sampler(given)
        if self._sampler is not None:  # the configuration must be JSON
            self.register_to_config(schedule=self._sampler.to_dict())
        self._prediction: Prediction = prediction_of(prediction_type)
        self._times = PipelineTimes.of(self.config)
        self.noise = self._times.noise
        self.betas, self.alphas, self.alphas_cumprod = self._times.tensors()
        self._check_sampler()
        self.num_inference_steps: int | None = None
        steps = min(10, num_train_timesteps)
        self._use(self._sampler or self._times.fixed(self._times.spaced(steps)), None)

    @classmethod
    def from_config(cls, config: Any = None, return_unused_kwargs: bool = False, **kwargs: Any):
        """From another scheduler's configuration, as in diffusers, flow matching included.

        A flow-matching scheduler's is known by its ``shift``. Settings that lay out another grid
        than is known here (Karras and the like) are told of in a warning, where no schedule is
        given.

        Raises:
            ValueError: EDM's, whose scheduler also preconditions the network (see
                ``from_denoised`` and ``sample_ritard``), or an inverted flow's.
        """
        config, kwargs, unknown = taken_over(config, kwargs)
        if unknown:
            warnings.warn(
                f"config: {unknown} has no effect here; set_timesteps(sigmas=...) takes the levels "
                "themselves",
                stacklevel=2,
            )
        return super().from_config(config, return_unused_kwargs, **kwargs)

    # ---- the run's times -----------------------------------------------------------------

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        timesteps: Sequence[float] | None = None,
        sigmas: Sequence[float] | None = None,
        mu: float | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            num_inference_steps: Number of network evaluations; may be left out where a schedule
                is configured.
            device: Where ``timesteps`` shall be.
            timesteps: In place of the spacing: falling, fractions kept. The fixed solver runs,
                with a warning where a schedule is configured.
            sigmas: Likewise, as sigma / alpha, or as a flow's sigma before the configuration's
                shift; a final 0 may be there.
            mu: Of dynamic shifting.

        Raises:
            TypeError: something that is no number.
            ValueError: nothing or too much is given, or times that do not fall. The run that was
                prepared before stays.
        """
        made, reason = self._choice(num_inference_steps, timesteps, sigmas, mu)
        if reason and self._sampler is not None:
            fixed = f"the fixed solver {self._times.config.solver!r} runs instead"
            warnings.warn(f"{reason}; {fixed}", stacklevel=2)
        self._use(made, device)
        self.num_inference_steps = len(self.timesteps)

    def _choice(
        self,
        steps: int | None,
        timesteps: Sequence[float] | None,
        sigmas: Sequence[float] | None,
        mu: float | None,
    ) -> tuple[Sampler, str]:
        """What runs, and why it is not the configured schedule; empty where it is that."""
        times, own = self._times, self._sampler
        if timesteps is not None and sigmas is not None:
            raise ValueError("timesteps, sigmas: expected at most one of them")
        if timesteps is not None or sigmas is not None:
            given = "sigmas" if timesteps is None else "timesteps"
            return times.fixed(
                times.custom(timesteps, sigmas, mu)
            ), f"{given}: the schedule has its own"
        if own is not None and steps in (None, own.nfe):
            return own, ""
        if steps is None:
            raise ValueError("num_inference_steps=None: expected a number >= 1")
        made, count = times.fixed(times.spaced(steps, mu)), own.nfe if own else None
        return made, f"num_inference_steps={steps}: the schedule is for {count}"

    def _check_sampler(self) -> None:
        if self._sampler is None:
            return
        if not same_noise(self._sampler.noise, self.noise):
            raise ValueError(
                f"schedule: made for noise schedule {self._sampler.noise.name!r}, which is not "
                f"this configuration's {self.noise.name!r}; schedule.on(scheduler.noise) gives "
                "the same one under it"
            )
        if self._sampler.first == "mean":
            raise ValueError("schedule: first='mean' needs the data's mean; a pipeline has none")

    def _use(self, made: Sampler, device: str | torch.device | None) -> None:
        run = PipelineRun(made)
        self.timesteps = self._times.outward(run.table, run.places).to(device)
        self.sigmas = self._times.levels(run.table, run.places)
        self._run, self._step_index, self._begin_index = run, None, None

    @property
    def init_noise_sigma(self) -> float:
        """What the pipeline scales its noise by; the analytic first step is folded into it."""
        return self._run.scale

    # ---- a step --------------------------------------------------------------------------

    def step(
        self,
        model_output: Tensor,
        timestep: float | Tensor,
        sample: Tensor,
        generator: Any = None,
        return_dict: bool = True,
        **unused: Any,
    ) -> SchedulerOutput | tuple[Tensor]:
        """Go to the next timestep.

        Args:
            model_output: The network's output at ``timestep``.
            timestep: Looked at in the first step only, where no begin index is set.
            sample: The present sample; it may have been changed since the last step.
            generator: Ignored, like what else pipelines pass: the solvers are deterministic.
            return_dict: Whether to return an object or a tuple.
            unused: Ignored.

        Returns:
            The next sample, dtype of ``sample``.

        Raises:
            ValueError: more steps than there are timesteps.
        """
        del generator, unused
        if not self._run.started:
            begin = self._begin_index
            self._step_index = self.index_for_timestep(timestep) if begin is None else begin
            self._run.start(self._step_index, sample)
        following = self._run.advance(sample, lambda x, node: self._read(model_output, x, node))
        assert self._step_index is not None
        self._step_index += 1
        return SchedulerOutput(prev_sample=following) if return_dict else (following,)

    def _read(self, output: Tensor, x: Tensor, node: Node) -> tuple[Tensor, Prediction]:
        """The output without its variance, and predicted data in range."""
        config = self._times.config
        if config.variance_type in ("learned", "learned_range"):
            output = output[:, : x.shape[1]]
        if not (config.thresholding or config.clip_sample):
            return output, self._prediction
        data = convert(output, x, self._prediction, "data", node)
        if config.thresholding:
            ratio, largest = config.dynamic_thresholding_ratio, config.sample_max_value
            return dynamic_threshold(data, ratio, largest), "data"
        return data.clamp(-config.clip_sample_range, config.clip_sample_range), "data"

    def __len__(self) -> int:
        """Length of the training table."""
        return int(self._times.config.num_train_timesteps)
