"""The text and JSON forms of schedules, and the table of their names.

Grammar: ``shape(args)+operator(args)+...``; an argument is a number, a tuple of numbers in
round brackets, or a schedule in the same grammar. Commas split only outside brackets.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ._checks import shown

if TYPE_CHECKING:
    from .schedule import Schedule

_CLASSES: dict[str, type[Schedule]] = {}
_PART = re.compile(r"([A-Za-z0-9_-]+)\s*(?:\((.*)\))?", re.DOTALL)
_KEYED = re.compile(r"([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_DEEPEST = 100
"""Levels that text or JSON may nest: schedules in schedules and lists in lists."""


def register(name: str, cls: type[Schedule]) -> None:
    """Make a class known by its name.

    Raises:
        ValueError: another class has the name, or text could not carry it.
    """
    if not _NAME.fullmatch(name) or _as_number(name) is not None:
        raise ValueError(f"name={name!r}: expected lower-case letters, digits, - and _, no number")
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
        ValueError: brackets that do not match, or are nested too deeply.

    Example:
        >>> split("linear,step(at=(0.5, 0.75)),uba(phi=1)", ",")
        ['linear', 'step(at=(0.5, 0.75))', 'uba(phi=1)']
    """
    pieces, depth, start = list[str](), 0, 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth < 0:
            break
        if depth > _DEEPEST + 2:  # the deepest schedule's settings, and a tuple among them
            raise _too_deep(text)
        if char == separator and depth == 0:
            pieces.append(text[start:i])
            start = i + 1
    if depth != 0:
        raise ValueError(f"{shown(text)}: brackets do not match")
    return [*pieces, text[start:]] if text.strip() else []


def parse_schedule(text: str, depth: int = 0) -> Schedule:
    """See :meth:`Schedule.parse`; the text may stand that deep in another schedule's."""
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"text={text!r}: expected a str, such as 'uba(phi=5)+warmup(0.05)'")
    parts = split(text, "+")
    if not parts:
        allowed = ", ".join(names(operators=False))
        raise ValueError(f"schedule {shown(text)}: expected one of {allowed}")
    schedule: Schedule | None = None
    for above, part in zip(reversed(range(len(parts))), parts, strict=True):
        schedule = parse_part(part, schedule, text, depth + above)
    assert schedule is not None
    return schedule


def format_schedule(schedule: Schedule) -> str:
    """See :meth:`Schedule.__str__`."""
    settings = dict(schedule._settings())
    base = settings.pop("base", None)
    # An operator's main setting needs no name: warmup(0.05).
    main = [] if base is None else [f.name for f in fields(schedule)][1:2]  # type: ignore[arg-type]
    args = ", ".join(
        _format_value(value) if key in main else f"{key}={_format_value(value)}"
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
    return _from_plain(data, 0)


def _from_plain(data: Any, depth: int) -> Schedule:
    if depth > _DEEPEST:
        raise _too_deep(data)
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        raise ValueError(f"{shown(data)}: expected a saved schedule, a dict with its 'name'")
    settings = {k: _value_from_plain(v, depth) for k, v in data.items() if k != "name"}
    return _build(_find(data["name"], operators=None), [], settings, shown(data))


def parse_part(part: str, base: Schedule | None, text: str, depth: int = 0) -> Schedule:
    """A shape or, on a base, an operator, nested that deep; errors show the whole ``text``."""
    if depth > _DEEPEST:
        raise _too_deep(text)
    match = _PART.fullmatch(part.strip())
    if match is None:
        raise ValueError(
            f"schedule {shown(text)}: cannot read {shown(part)}; expected name(settings)"
        )
    cls = _find(match[1].lower(), operators=base is not None)
    args: list[Any] = [] if base is None else [base]
    settings = dict[str, Any]()
    for piece in split(match[2] or "", ","):
        keyed = _KEYED.fullmatch(piece.strip())
        if not (keyed[2] if keyed else piece).strip():
            where = f"setting {keyed[1]!r}" if keyed else "a setting"
            raise ValueError(f"{shown(text)}: {where} of {cls.name} is empty; expected a value")
        if keyed is None:
            args.append(_parse_value(piece, depth))
        elif keyed[1] in settings:
            raise ValueError(f"{shown(text)}: {keyed[1]!r} is given twice of {cls.name}")
        else:
            settings[keyed[1]] = _parse_value(keyed[2], depth)
    return _build(cls, args, settings, shown(text))


def _parse_value(text: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise _too_deep(text)
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        pieces = split(text[1:-1].rstrip().removesuffix(","), ",")
        return tuple(_parse_value(piece, depth + 1) for piece in pieces)
    number = _as_number(text)
    return parse_schedule(text, depth + 1) if number is None else number


def _as_number(text: str) -> float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


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
    raise ValueError(f"{shown(name)} is not {what}{hint}; expected one of {', '.join(allowed)}")


def _build(cls: type[Schedule], args: list[Any], settings: dict[str, Any], text: str) -> Schedule:
    usual = {f.name: f.default for f in fields(cls)}  # type: ignore[arg-type]  # every schedule is a dataclass
    named = [name for name in usual if name != "base"]
    given = dict(zip(usual, args, strict=False))
    if len(args) > len(usual):
        raise ValueError(f"{text}: {cls.name} takes {len(named)} settings: {', '.join(named)}")
    for key in settings:
        if key not in usual or key in given:
            twice = "is given twice" if key in given else "is not a setting"
            allowed = ", ".join(named) or "none"
            raise ValueError(f"{text}: {shown(key)} {twice} of {cls.name}; it has: {allowed}")
    missing = [k for k, v in usual.items() if v is MISSING and k not in given and k not in settings]
    if missing:
        raise ValueError(f"{text}: {cls.name} needs {', '.join(missing)}")
    try:
        return cls(**given, **settings)
    except TypeError as error:
        raise ValueError(f"{text}: {error}") from error


def _format_value(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_format_value(v) for v in value) + ")"  # pyright: ignore[reportUnknownVariableType]
    return str(value) if hasattr(value, "to_dict") else repr(value)


def _value_from_plain(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise _too_deep(value)
    if isinstance(value, list):
        return tuple(_value_from_plain(v, depth + 1) for v in value)  # pyright: ignore[reportUnknownVariableType]
    return _from_plain(value, depth + 1) if isinstance(value, dict) else value


def _too_deep(found: Any) -> ValueError:
    return ValueError(f"schedule {shown(found)}: nested deeper than {_DEEPEST} levels")


def _is_operator(cls: type[Schedule]) -> bool:
    return "base" in cls.__dataclass_fields__  # type: ignore[attr-defined]
