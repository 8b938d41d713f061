"""What saved solver schedules and tables share: a head that names format and version."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ...schedules._atomic import write_text
from ...schedules._checks import shown
from ...schedules._state import DAMAGE

T = TypeVar("T")
VERSION = 1


def headed(kind: str, **body: Any) -> dict[str, Any]:
    """A saved object."""
    return {"format": f"ritard-solver-{kind}", "version": VERSION, **body}


def body(kind: str, data: Any) -> dict[str, Any]:
    """The object itself, its head checked; ValueError where it is another, or a newer one."""
    if not isinstance(data, dict):
        raise ValueError(f"saved {kind}: expected a dict, got {type(data).__name__}")
    if data.get("format") != f"ritard-solver-{kind}":
        raise ValueError(
            f"saved {kind}: format={shown(data.get('format'))}: expected 'ritard-solver-{kind}'"
        )
    if data.get("version") != VERSION:
        raise ValueError(
            f"saved {kind}: version={shown(data.get('version'))}: this release reads {VERSION}"
        )
    return {k: v for k, v in data.items() if k not in ("format", "version")}


@contextmanager
def reading(what: str) -> Generator[None]:
    """Turn the errors of a damaged file into one that says so."""
    try:
        yield
    except DAMAGE as error:
        if isinstance(error, ValueError):  # it says what is wrong
            raise
        raise ValueError(f"saved {what} is damaged: {shown(error, 300)}") from error


def save(path: str | Path, data: Any) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(data, indent=1) + "\n")


def load(path: str | Path) -> Any:
    """A JSON file; ValueError names the file where it is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from error


def load_as(path: str | Path, read: Callable[[Any], T]) -> T:
    """What ``read`` makes of a JSON file; ValueError names the file where it is not one."""
    data = load(path)
    try:
        return read(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def number_out(value: float) -> float | str:
    """A number as JSON has it: infinities as words."""
    return value if math.isfinite(value) else str(value)


def number_in(value: Any) -> float:
    """The inverse of :func:`number_out`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{value!r} is not a number")
    return float(value)
