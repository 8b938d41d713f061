"""Models from the forms that other libraries use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ...schedules._checks import one_of
from .continuous import EDM, Flow
from .discrete import Discrete, nearly_zero
from .model import Model, Prediction, check_network
from .noise import NoiseSchedule
from .saved import same_noise

_PREDICTIONS: dict[str, Prediction] = {
    "epsilon": "noise",
    "sample": "data",
    "v_prediction": "v",
    "flow_prediction": "flow",
}


def prediction_of(name: str) -> Prediction:
    """Our name of a diffusers ``prediction_type``; ValueError for an unknown one."""
    one_of("prediction_type", name, _PREDICTIONS)
    return _PREDICTIONS[name]


def from_denoised(denoiser: Callable[..., Tensor], noise: EDM | None = None, **extra: Any) -> Model:
    """A k-diffusion model: ``denoiser(x, sigma, **extra)`` returns the denoised x.

    Args:
        denoiser: The callable; sigma comes with shape (batch,).
        noise: Its range of sigma; EDM's where it is not given.
        extra: Passed on with every call.
    """
    check_network(denoiser)
    return Model(lambda x, t: denoiser(x, t, **extra), noise or EDM(), "data")


def from_diffusers(network: Callable[..., Any], scheduler: Any, **extra: Any) -> Model:
    """A diffusers network with the noise schedule and prediction type of its scheduler.

    Args:
        network: A UNet or transformer, called as ``network(x, t, return_dict=False, **extra)``.
        scheduler: The scheduler it was saved with: one with a table ``alphas_cumprod``, or a
            flow-matching one (t then runs to ``num_train_timesteps``).
        extra: Passed on with every call, such as ``encoder_hidden_states``.

    Raises:
        ValueError: a scheduler of neither kind.
    """
    check_network(network)
    noise, scale = noise_of(scheduler)
    kind = "flow_prediction" if isinstance(noise, Flow) else "epsilon"
    prediction = prediction_of(scheduler.config.get("prediction_type", kind))
    return Model(
        lambda x, t: network(x, t * scale, return_dict=False, **extra)[0], noise, prediction
    )


def noise_of(scheduler: Any) -> tuple[NoiseSchedule, float]:
    """The noise schedule of a diffusers scheduler, and the network's units of time in ours."""
    own = getattr(scheduler, "noise", None)  # RitardScheduler's
    table = getattr(scheduler, "alphas_cumprod", None)
    if table is not None and not scheduler.config.get("use_flow_sigmas", False):
        return own if isinstance(own, Discrete) else _discrete(scheduler), 1.0
    if isinstance(own, Flow):
        return own, float(scheduler.config.num_train_timesteps)
    if table is not None or "FlowMatch" in type(scheduler).__name__:
        return Flow(), float(scheduler.config.num_train_timesteps)
    raise ValueError(
        f"scheduler={type(scheduler).__name__}: has neither alphas_cumprod nor flow matching; "
        "build a Model(network, noise, prediction) instead"
    )


def _discrete(scheduler: Any) -> Discrete:
    """The table by its recipe, where that gives it, as it is otherwise."""
    values, config = scheduler.alphas_cumprod.double().tolist(), scheduler.config
    if values[-1] <= 0 or values[-1] >= values[-2]:  # rescaled to zero terminal SNR
        values[-1] = nearly_zero(values[-2])
    found = Discrete(tuple(values))
    if config.get("trained_betas") is not None or "beta_schedule" not in config:
        return found
    try:
        recipe = Discrete.from_betas(
            config["beta_schedule"],
            config["beta_start"],
            config["beta_end"],
            config["num_train_timesteps"],
            zero_terminal_snr=config.get("rescale_betas_zero_snr", False),
        )
    except ValueError:  # a beta schedule that only diffusers knows
        return found
    return recipe if same_noise(recipe, found) else found
