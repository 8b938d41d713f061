"""``online``, where ``ritard compare`` names schedules: a rule that reacts to the run."""

from __future__ import annotations

import re

from ...schedules._text import split
from ..rules import RULES, Rule

_NAMED = re.compile(r"\s*([a-z-]+)\s*(?:\((.*)\))?\s*", re.DOTALL | re.IGNORECASE)


def parse(text: str) -> Rule | None:
    """The rule that a text such as ``"online(smoothing=0.2)"`` names; None where it names none.

    Raises:
        ValueError: settings that the rule has not, or an operator on a rule.
    """
    first, *operators = split(text, "+") or [""]
    named = _NAMED.fullmatch(first)
    kind = RULES.get(named[1].lower()) if named else None
    if named is None or kind is None:
        return None
    if operators:
        raise ValueError(
            f"schedule {text!r}: {kind.name} reacts to the run; expected it without operators"
        )
    try:
        return kind(**dict(_setting(piece) for piece in split(named[2] or "", ",")))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"schedule {text!r}: {error}; expected settings as {kind.name}(smoothing=0.1)"
        ) from error


def _setting(text: str) -> tuple[str, float]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"setting {text!r} without a name")
    return key.strip(), float(value)
