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

from ._pipeline_times import PipelineTimes
from .adapters import prediction_of
from .afs import first_output
from .execute import Execution
from .model import Prediction, convert
from .saved import Sampler, load_sampler, same_noise
from .tail import tail
from .threshold import dynamic_threshold


class RitardScheduler(SchedulerMixin, ConfigMixin):
    """Runs a solver schedule in a diffusers pipeline, timesteps in full precision.

    Take over the configuration of the pipeline's own scheduler and give the schedule::

        pipe.scheduler = RitardScheduler.from_config(pipe.scheduler.config, schedule=schedule)

    A schedule serves one number of steps. For another number, with a warning, and where none is
    given, the fixed solver ``solver`` runs on the configuration's own spacing.

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
        ValueError: a schedule made for another noise schedule, or settings out of range.

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
        self._sampler = None if schedule is None else load_sampler(schedule)
        if self._sampler is not None:  # the configuration must be JSON
            self.register_to_config(schedule=self._sampler.to_dict())
        self._prediction: Prediction = prediction_of(prediction_type)
        self._times = PipelineTimes.of(self.config)
        self.noise = self._times.noise
        self.betas, self.alphas, self.alphas_cumprod = self._times.tensors()
        self._check_sampler()
        self.num_inference_steps: int | None = None
        self._use(self._sampler or self._times.fixed(self._times.spaced(10)), None)

    @classmethod
    def from_config(cls, config: Any = None, return_unused_kwargs: bool = False, **kwargs: Any):
        """From another scheduler's configuration, as in diffusers, flow matching included.

        A flow-matching scheduler's is understood by its class name. ValueError for EDM's, whose
        scheduler also preconditions the network: see ``from_denoised`` and ``sample_ritard``.
        """
        name = str(config.get("_class_name", "")) if isinstance(config, dict) else ""
        if name.startswith("EDM"):
            raise ValueError(f"config: of a {name}, which preconditions the network; not supported")
        if "FlowMatch" in name:
            flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
            kwargs = {**flow, "flow_shift": config.get("shift", 1.0), **kwargs}
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
            timesteps: In place of the spacing: falling, fractions kept. The fixed solver runs.
            sigmas: Likewise, as sigma / alpha, or as sigma for a flow; a final 0 may be there.
            mu: Of dynamic shifting.

        Raises:
            ValueError: nothing or too much is given, or times that do not fall.
        """
        if timesteps is not None and sigmas is not None:
            raise ValueError("timesteps, sigmas: expected at most one of them")
        if timesteps is not None or sigmas is not None:
            made = self._times.fixed(self._times.custom(timesteps, sigmas))
        elif self._sampler is not None and num_inference_steps in (None, self._sampler.nfe):
            made = self._sampler
        elif num_inference_steps is None:
            raise ValueError("num_inference_steps=None: expected a number >= 1")
        else:
            self._warn(num_inference_steps)
            made = self._times.fixed(self._times.spaced(num_inference_steps, mu))
        self._use(made, device)
        self.num_inference_steps = len(self.timesteps)

    def _warn(self, steps: int) -> None:
        if self._sampler is not None:
            warnings.warn(
                f"num_inference_steps={steps}: the schedule is for {self._sampler.nfe}; the fixed "
                f"solver {self.config.solver!r} runs instead",
                stacklevel=3,
            )

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
        self._made, table = made, tail(made, 0)
        places = [0] if table.first == "network" else []
        self._places = places + [row.target for row in table.rows if row.evaluate]
        self.timesteps = self._times.outward(table, self._places).to(device)
        self.sigmas = self._times.levels(table, self._places)
        self._scale = _first_scale(table)
        self._run: Execution | None = None
        self._returned: tuple[Tensor, int] | None = None
        self._step_index: int | None = None
        self._begin_index: int | None = None

    @property
    def init_noise_sigma(self) -> float:
        """What the pipeline scales its noise by; the analytic first step is folded into it."""
        return self._scale

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
        """The index of the nearest timestep; the last where one is there twice."""
        gaps = (self.timesteps - torch.as_tensor(timestep, device=self.timesteps.device)).abs()
        return int((gaps == gaps.min()).nonzero()[-1])

    # ---- a step --------------------------------------------------------------------------

    def scale_model_input(self, sample: Tensor, timestep: Any = None) -> Tensor:
        """The sample itself."""
        del timestep
        return sample

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
        run = self._run if self._run is not None else self._start(timestep, sample)
        if run.node is None:
            raise ValueError(
                f"step: all {len(self.timesteps)} timesteps are done; call set_timesteps() again"
            )
        # A sample that is still the one returned goes on in full precision.
        if self._returned is None or not _untouched(sample, self._returned):
            run.keep_state(sample)
        run.advance(*self._read(model_output, run))
        run.keep_state()
        assert self._step_index is not None
        self._step_index += 1
        following = run.x.to(sample.dtype)
        self._returned = (following, following._version)
        return SchedulerOutput(prev_sample=following) if return_dict else (following,)

    def _start(self, timestep: float | Tensor, sample: Tensor) -> Execution:
        begin = self._begin_index
        begin = self.index_for_timestep(timestep) if begin is None else begin
        if not 0 <= begin < len(self._places):
            raise ValueError(f"begin_index={begin}: expected 0 to {len(self._places) - 1}")
        table = tail(self._made, self._places[begin] if begin else 0)
        if table.first == "network":
            run = Execution(table, sample)
        else:  # the sample is the one after the first step
            run = Execution(table, sample.float() / self._scale)
            run.advance(first_output(table.first, run.x, table.nodes[0], None), "noise")
        self._step_index, self._run = begin, run
        return run

    def _read(self, output: Tensor, run: Execution) -> tuple[Tensor, Prediction]:
        """The output without its variance, and predicted data in range."""
        if self.config.variance_type in ("learned", "learned_range"):
            output = output[:, : run.x.shape[1]]
        if not (self.config.thresholding or self.config.clip_sample):
            return output, self._prediction
        assert run.node is not None
        data = convert(output, run.x, self._prediction, "data", run.table.nodes[run.node])
        if self.config.thresholding:
            ratio, largest = self.config.dynamic_thresholding_ratio, self.config.sample_max_value
            return dynamic_threshold(data, ratio, largest), "data"
        limit = self.config.clip_sample_range
        return data.clamp(-limit, limit), "data"

    # ---- noising -------------------------------------------------------------------------

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """alpha x_0 + sigma eps at each sample's timestep, shape (batch,), fractions allowed."""
        found = [self._times.node(t) for t in timesteps.double().flatten().tolist()]
        shape = (-1, *[1] * (original_samples.ndim - 1))
        alpha, sigma = (
            original_samples.new_tensor(values).view(shape)
            for values in ([n.alpha for n in found], [n.sigma for n in found])
        )
        return alpha * original_samples + sigma * noise

    def scale_noise(self, sample: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """:meth:`add_noise`, as flow-matching pipelines call it."""
        return self.add_noise(sample, noise, torch.as_tensor(timestep).reshape(-1))

    def __len__(self) -> int:
        """Length of the training table."""
        return int(self.config.num_train_timesteps)


def _untouched(sample: Tensor, returned: tuple[Tensor, int]) -> bool:
    tensor, version = returned
    return sample is tensor and tensor._version == version


def _first_scale(table: Any) -> float:
    """c of the analytic first step x_1 = c x_T; 1 without one."""
    if table.first == "network":
        return 1.0
    one = torch.ones(1, dtype=torch.float64)
    run = Execution(table, one)
    run.advance(first_output(table.first, one, table.nodes[0], None), "noise")
    return float(run.x)
