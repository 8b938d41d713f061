"""The text and JSON forms of schedules, and the table of their names.

Grammar: ``shape(args)+operator(args)+...``; an argument is a number, a tuple of numbers in
round brackets, or a schedule in the same grammar. Commas split only outside brackets.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .schedule import Schedule

_CLASSES: dict[str, type[Schedule]] = {}
_PART = re.compile(r"\s*([A-Za-z0-9_-]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_KEYED = re.compile(r"\s*([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)


def register(name: str, cls: type[Schedule]) -> None:
    """Make a class known by its name; ValueError where another class has it."""
    known = _CLASSES.setdefault(name, cls)
    if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"name={name!r}: already the name of {known.__module__}.{known.__name__}")
    _CLASSES[name] = cls


def names(*, operators: bool) -> list[str]:
    """The known names of operators or of shapes, sorted."""
    return sorted(name for name, cls in _CLASSES.items() if _is_operator(cls) == operators)


def split(text: str, separator: str) -> list[str]:
    """Split at a separator outside brackets; empty pieces are kept, a blank text has none.

    Raises:
        ValueError: brackets that do not match.

    Example:
        >>> split("linear,step(at=(0.5, 0.75)),uba(phi=1)", ",")
        ['linear', 'step(at=(0.5, 0.75))', 'uba(phi=1)']
    """
    pieces, depth, start = list[str](), 0, 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth < 0:
            break
        if char == separator and depth == 0:
            pieces.append(text[start:i])
            start = i + 1
    if depth != 0:
        raise ValueError(f"{text!r}: brackets do not match")
    return [*pieces, text[start:]] if text.strip() else []


def parse_schedule(text: str) -> Schedule:
    """See :meth:`Schedule.parse`."""
    parts = split(text, "+")
    if not parts:
        raise ValueError(f"schedule {text!r}: expected one of {', '.join(names(operators=False))}")
    schedule: Schedule | None = None
    for part in parts:
        schedule = _parse_part(part, schedule, text)
    assert schedule is not None
    return schedule


def format_schedule(schedule: Schedule) -> str:
    """See :meth:`Schedule.__str__`."""
    settings = dict(schedule._settings())
    base = settings.pop("base", None)
    # An operator's main setting needs no name: warmup(0.05).
    main = None if base is None else [f.name for f in fields(schedule)][1]  # type: ignore[arg-type]
    args = ", ".join(
        _format_value(value) if key == main else f"{key}={_format_value(value)}"
        for key, value in settings.items()
    )
    call = f"{schedule.name}({args})" if args else schedule.name
    return call if base is None else f"{base}+{call}"


def to_plain(value: Any) -> Any:
    """A setting as JSON values."""
    if isinstance(value, tuple):
        return [to_plain(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value.to_dict() if hasattr(value, "to_dict") else value


def from_plain(data: Any) -> Schedule:
    """See :meth:`Schedule.from_dict`."""
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        raise ValueError(f"{data!r}: expected a saved schedule, a dict with its 'name'")
    settings: dict[str, Any] = {k: _value_from_plain(v) for k, v in data.items() if k != "name"}
    return _build(_find(data["name"], operators=None), [], settings, repr(data))


def _parse_part(part: str, base: Schedule | None, text: str) -> Schedule:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"schedule {text!r}: cannot read {part!r}; expected name(settings)")
    cls = _find(match[1].lower(), operators=base is not None)
    args: list[Any] = [] if base is None else [base]
    settings = dict[str, Any]()
    for piece in split(match[2] or "", ","):
        keyed = _KEYED.fullmatch(piece)
        if keyed:
            settings[keyed[1]] = _parse_value(keyed[2])
        else:
            args.append(_parse_value(piece))
    return _build(cls, args, settings, text)


def _parse_value(text: str) -> Any:
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        return tuple(_parse_value(piece) for piece in split(text[1:-1].rstrip().rstrip(","), ","))
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return parse_schedule(text)


def _find(name: str, *, operators: bool | None) -> type[Schedule]:
    """The class of a name; ``operators`` says which kind is allowed, None both."""
    cls = _CLASSES.get(name)
    if cls is not None and operators in (None, _is_operator(cls)):
        return cls
    kinds = (False, True) if operators is None else (operators,)
    allowed = [n for kind in kinds for n in names(operators=kind)]
    close = get_close_matches(name, allowed, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    what = "an operator" if operators else "a schedule"
    raise ValueError(f"{name!r} is not {what}{hint}; expected one of {', '.join(allowed)}")


def _build(cls: type[Schedule], args: list[Any], settings: dict[str, Any], text: str) -> Schedule:
    usual = {f.name: f.default for f in fields(cls)}  # type: ignore[arg-type]  # every schedule is a dataclass
    shown = [name for name in usual if name != "base"]
    given = dict(zip(usual, args, strict=False))
    if len(args) > len(usual):
        raise ValueError(f"{text!r}: {cls.name} takes {len(shown)} settings: {', '.join(shown)}")
    for key in settings:
        if key not in usual or key in given:
            twice = "is given twice" if key in given else "is not a setting"
            allowed = ", ".join(shown) or "none"
            raise ValueError(f"{text!r}: {key!r} {twice} of {cls.name}; it has: {allowed}")
    missing = [k for k, v in usual.items() if v is MISSING and k not in given and k not in settings]
    if missing:
        raise ValueError(f"{text!r}: {cls.name} needs {', '.join(missing)}")
    everything = given | settings
    for key in ("base", "other"):
        if key in everything and not hasattr(everything[key], "to_dict"):
            raise ValueError(f"{text!r}: {key}={everything[key]!r}: expected a schedule")
    try:
        return cls(**everything)
    except TypeError as error:
        raise ValueError(f"{text!r}: {error}") from error


def _format_value(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_format_value(v) for v in value) + ")"  # pyright: ignore[reportUnknownVariableType]
    return str(value) if hasattr(value, "to_dict") else repr(value)


def _value_from_plain(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_value_from_plain(v) for v in value)  # pyright: ignore[reportUnknownVariableType]
    return from_plain(value) if isinstance(value, dict) else value


def _is_operator(cls: type[Schedule]) -> bool:
    return "base" in cls.__dataclass_fields__  # type: ignore[attr-defined]
