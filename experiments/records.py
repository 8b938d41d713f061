"""Results in files, and read from them: rows as CSV, everything as strict JSON, tensors."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..schedules._atomic import atomic_path
from ..schedules._checks import shown
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
    """One JSON object with the version of its form first; ValueError where a number is not finite.

    Example:
        >>> print(json_text({"test": 1.5}), end="")
        {
         "format": 1,
         "test": 1.5
        }
    """
    return json.dumps({"format": format, **data}, indent=1, allow_nan=False) + "\n"


def read_json(path: Path, read: Callable[[Any], T]) -> T:
    """What ``read`` makes of the JSON in a file.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged, or not what ``read`` takes; the file is named.
    """
    try:
        return read(json.loads(path.read_text("utf-8")))
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
