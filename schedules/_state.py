"""Checking a saved state of ScheduleLR before anything is taken from it."""

from __future__ import annotations

import math
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
    for key in ("last_epoch", "_step_count"):  # last_epoch: below -1 inside nested SequentialLRs
        if type(state[key]) is not int:
            raise ValueError(f"state_dict: {key}={state[key]!r}; expected an int")
    for key in ("scale", "elapsed"):
        _check_number(key, state[key], low=0)
    if type(state["in_charge"]) is not bool:
        raise ValueError(f"state_dict: in_charge={state['in_charge']!r}; expected a bool")
    for key in ("budget", "bases"):
        found, names = state[key], sorted(here[key])
        if not isinstance(found, Mapping) or sorted(found) != names:
            raise ValueError(f"state_dict: {key}={found!r}; expected a dict with {names}")
    for name, bases in here["bases"].items():
        _check_bases(name, state["bases"][name], len(bases))


def _check_bases(name: str, bases: Any, groups: int) -> None:
    if not isinstance(bases, list | tuple):
        raise ValueError(f"state_dict: bases of {name!r}: {bases!r}; expected a list of numbers")
    for base in bases:
        _check_number(f"bases of {name!r}", base)
    if len(bases) != groups:
        raise ValueError(
            f"state_dict: {len(bases)} base values of {name!r}, the optimizer has {groups} "
            "parameter groups; it needs those it was saved with"
        )


def _check_number(what: str, value: Any, low: float = -math.inf) -> None:
    try:
        number(f"state_dict: {what}", value, low=low)
    except TypeError as error:  # a damaged state, not a wrong call
        raise ValueError(str(error)) from error
