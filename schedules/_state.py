"""Checking a saved state of ScheduleLR before anything is taken from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._checks import number


def check_state(state: Any, here: Mapping[str, Any]) -> None:
    """Refuse what is not a state of the scheduler whose own state is ``here``.

    Raises:
        TypeError: not a dict.
        ValueError: the state of another scheduler or schedule, of another number of groups, or
            with entries that are no numbers.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"state_dict={state!r}: expected what state_dict() gave")
    missing = here.keys() - state.keys()
    if missing:
        raise ValueError(f"state_dict: not of a ScheduleLR, it lacks {sorted(missing)}")
    if here["schedules"] != state["schedules"]:
        raise ValueError(
            f"state_dict: saved with schedule {state['schedules']}, this scheduler has "
            f"{here['schedules']}; build the saved one, or start anew by "
            "ScheduleLR(..., last_epoch=...)"
        )
    if not isinstance(state["last_epoch"], int):  # below -1 inside nested SequentialLRs
        raise ValueError(f"state_dict: last_epoch={state['last_epoch']!r}; expected an int")
    for key in ("scale", "elapsed"):
        number(f"state_dict: {key}", state[key], low=0)
    for name, bases in here["bases"].items():
        _check_bases(name, state["bases"][name], len(bases))


def _check_bases(name: str, bases: list[Any], groups: int) -> None:
    for base in bases:
        number(f"state_dict: bases of {name!r}", base)
    if len(bases) != groups:
        raise ValueError(
            f"state_dict: {len(bases)} base values of {name!r}, the optimizer has {groups} "
            "parameter groups; it needs those it was saved with"
        )
