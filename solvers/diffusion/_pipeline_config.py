"""What is taken over from the configuration of another diffusers scheduler."""

from __future__ import annotations

from typing import Any

_GRIDS = {
    "use_karras_sigmas": False,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
    "use_lu_lambdas": False,
    "shift_terminal": None,
    "time_shift_type": "exponential",
}
"""Settings of a grid that are known here at one value only."""


def taken_over(config: Any, given: dict[str, Any]) -> tuple[Any, dict[str, Any], str]:
    """A configuration in our words, what is given beside it, and what of its grid is not known.

    The last is empty where a schedule is given: there is no other grid then.

    Raises:
        ValueError: one of a scheduler that preconditions its network, or of an inverted flow.
    """
    if not isinstance(config, dict):
        return config, given, ""
    if "sigma_data" in config:
        raise ValueError(
            f"config: sigma_data={config['sigma_data']!r} is of a scheduler that preconditions "
            "its network (EDM); not supported"
        )
    if config.get("invert_sigmas"):
        raise ValueError("config: invert_sigmas=True: a flow from data to noise; not supported")
    if "shift" in config and "beta_schedule" not in config:
        flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
        given = {**flow, "flow_shift": config["shift"], **given}
        config = {k: v for k, v in config.items() if k != "shift"}
    unknown = [f"{k}={config[k]!r}" for k, usual in _GRIDS.items() if config.get(k, usual) != usual]
    own_grid = {**config, **given}.get("schedule") is None
    return config, given, ", ".join(unknown) if own_grid else ""
