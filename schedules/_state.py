"""Checking a saved state before anything is taken from it."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from ._checks import number, shown
from ._lengths import MOST

DAMAGE = (
    *(KeyError, TypeError, ValueError, IndexError),
    *(AttributeError, OverflowError, RecursionError),
)
"""What reading a damaged state may lead to."""


@contextmanager
def reading(what: str) -> Generator[None]:
    """Turn what a damaged state leads to into a ValueError that says so."""
    try:
        yield
    except DAMAGE as error:
        text = shown(error, 400)
        raise ValueError(f"state_dict: {what}: {text}; expected a saved one") from error


def check_keys(kind: str, state: Any, here: Mapping[str, Any]) -> None:
    """ValueError where a saved state does not hold just what the state of ``kind`` holds."""
    if not isinstance(state, Mapping) or state.keys() != here.keys():
        held = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        raise ValueError(f"state_dict: of another than {kind}, it holds {held}")


def check_state(state: Any, here: Mapping[str, Any]) -> None:
    """Refuse what is not a state of the scheduler whose own state is ``here``.

    Raises:
        TypeError: not a dict.
        ValueError: the state of another scheduler or schedule, of another number of groups, or
            with entries that are no numbers.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"state_dict={shown(state)}: expected what state_dict() gave")
    missing = here.keys() - state.keys()
    if missing:
        raise ValueError(f"state_dict: of another than ScheduleLR, it lacks {sorted(missing)}")
    if here["schedules"] != state["schedules"]:
        raise ValueError(
            f"state_dict: saved with schedule {shown(state['schedules'])}, this scheduler has "
            f"{here['schedules']}; build the saved one, or start anew by "
            "ScheduleLR(..., last_epoch=...)"
        )
    for key in ("last_epoch", "_step_count"):  # last_epoch: below -1 inside nested SequentialLRs
        if type(state[key]) is not int or abs(state[key]) > MOST:
            raise ValueError(f"state_dict: {key}={shown(state[key])}; expected an int")
    for key in ("scale", "elapsed"):
        _check_number(key, state[key], low=0)
    if type(state["in_charge"]) is not bool:
        raise ValueError(f"state_dict: in_charge={shown(state['in_charge'])}; expected a bool")
    for key in ("budget", "bases"):
        found, names = state[key], sorted(here[key])
        if not isinstance(found, Mapping) or sorted(found) != names:
            raise ValueError(f"state_dict: {key}={shown(found)}; expected a dict with {names}")
    if not isinstance(state["budget"]["unit"], str):
        raise ValueError(f"state_dict: budget={shown(state['budget'])}; expected its unit's name")
    for name, bases in here["bases"].items():
        _check_bases(name, state["bases"][name], len(bases))


def _check_bases(name: str, bases: Any, groups: int) -> None:
    if not isinstance(bases, list | tuple):
        raise ValueError(f"state_dict: bases of {name!r}: {shown(bases)}; expected numbers")
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
