"""Results in files, and read from them: rows as CSV, everything as strict JSON, arrays, tensors.

JSON has no NaN and no infinity, and other programs refuse a file with Python's words for them:
here null stands for every number that is not finite (:func:`finite`). Who reads it back knows
whether that was a cost, so inf (:func:`or_inf`), or something that was not there.
"""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..schedules._atomic import atomic_path, write_text
from ..schedules._checks import shown
from ..schedules._npz import load_npz
from ..schedules._state import DAMAGE

T = TypeVar("T")


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    r"""Rows under a line of heads; what a row does not have is left empty.

    Args:
        rows: One mapping each.
        columns: The heads; keys beside them are left out. By default all keys, as they come.

    Example:
        >>> csv_text([{"a": 1}, {"a": 2, "b": 3}])
        'a,b\n1,\n2,3\n'
    """
    listed = list(rows)
    heads = columns or list(dict.fromkeys(key for row in listed for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, heads, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue()


def json_text(data: Mapping[str, Any], format: int = 1) -> str:
    """One JSON object with the version of its form first; null for what is not finite.

    Example:
        >>> print(json_text({"test": 1.5, "tried": [math.inf]}), end="")
        {
         "format": 1,
         "test": 1.5,
         "tried": [
          null
         ]
        }
    """
    return _strict({"format": format, **data}, indent=1)


def write_json(path: Path, data: Any, indent: int | None = 1) -> None:
    """Write JSON, whole or not at all; null for what is not finite."""
    write_text(path, _strict(data, indent))


def finite(data: Any) -> Any:
    """JSON values with None in the place of every number that is not finite.

    Example:
        >>> finite({"lr": 0.5, "tests": (2.0, math.inf)})
        {'lr': 0.5, 'tests': [2.0, None]}
    """
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        entries: Iterable[tuple[Any, Any]] = data.items()
        return {key: finite(value) for key, value in entries}
    if isinstance(data, list | tuple):
        values: Iterable[Any] = data
        return [finite(value) for value in values]
    return data


def or_inf(value: float | None) -> float:
    """A cost that :func:`finite` has written, read again: what diverged is the worst."""
    return math.inf if value is None else value


def _strict(data: Any, indent: int | None) -> str:
    return json.dumps(finite(data), indent=indent, allow_nan=False) + "\n"


def read_json(path: Path, read: Callable[[Any], T]) -> T:
    """What ``read`` makes of the JSON in a file.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged, or not what ``read`` takes; the file is named.
    """
    with _reading(path):
        return read(json.loads(path.read_text("utf-8")))


def read_arrays(path: Path, read: Callable[[dict[str, Any]], T]) -> T:
    """What ``read`` makes of the arrays in an NPZ file, which has checksums.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged, or not what ``read`` takes; the file is named.
    """
    with _reading(path):
        return read(load_npz(path))


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Turn what a damaged file leads to into a ValueError that names it."""
    try:
        yield
    except DAMAGE as error:
        said = f"it lacks {error}" if isinstance(error, KeyError) else shown(error)
        raise ValueError(f"{path} is damaged: {said}") from error


def write_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values: whole, or not at all.

    Raises:
        OSError: it cannot be written; by itself torch reports a full disk otherwise.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_tensors(path: Path) -> Any:
    """What :func:`write_tensors` wrote, on the CPU, without running any code from it.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged, or another one; the file is named.
    """
    import torch

    try:
        if why := damage(path):
            raise ValueError(why)
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # torch raises many kinds
        said = str(error).partition("\n")[0]
        raise ValueError(f"{path} is damaged: {said}") from error


def damage(path: Path) -> str:
    """Why a file of tensors is not what was written; empty where it is.

    It may be cut off or have flipped bits: torch keeps checksums but does not read them.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except OSError:
        raise
    except Exception as error:  # whatever a damaged archive leads to
        return str(error) or type(error).__name__
    return "" if bad is None else f"its part {bad} is not what was written"
