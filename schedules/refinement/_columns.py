"""Reading entries of a log, and the plainest file of them: two columns of text."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._state import DAMAGE
from .norms import GradNorms, Norm


class Entries:
    """Steps and norms while they are read: 16 bytes an entry, whatever the file's length."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._steps, self._values = array("q"), array("d")

    def add(self, step: Any, value: Any) -> None:
        """Take one in; TypeError, ValueError or OverflowError where it is no entry."""
        norm = math.nan if value is None else float(value)
        self._steps.append(step)
        self._values.append(norm)

    def drop_from(self, start: float) -> None:
        """Leave out the steps from there on."""
        kept = np.frombuffer(self._steps, np.int64) < start
        self._values = array("d", np.frombuffer(self._values)[kept].tobytes())
        self._steps = array("q", np.frombuffer(self._steps, np.int64)[kept].tobytes())

    def norms(self, head: Mapping[str, Any]) -> GradNorms:
        """The log; ValueError names the file."""
        try:
            return GradNorms.of(
                self._values, head["norm"], self._steps, head["optimizer"], head["meta"]
            )
        except DAMAGE as error:
            raise ValueError(f"{self._path}: {error}") from error


def load_columns(path: Path, norm: Norm) -> GradNorms:
    """A text file of step and norm, with commas or blanks, with or without a header."""
    entries = Entries(path)
    # utf-8-sig: spreadsheets put a byte-order mark before the first line.
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            words = line.replace(",", " ").split()
            if not words or line.startswith("#") or (number == 1 and not _is_number(words[0])):
                continue
            try:
                step, value = words
                entries.add(int(step), value)
            except (ValueError, OverflowError):
                raise ValueError(
                    f"{path}, line {number}: {line[:80]!r}; expected two columns: step, norm"
                ) from None
    found = entries.norms({"norm": norm, "optimizer": "", "meta": {}})
    if not len(found):  # the first byte of another kind of file looks like a header too
        raise ValueError(f"{path}: no entries; expected a log of gradient norms")
    return found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
