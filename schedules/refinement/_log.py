"""A log of gradient norms that grows: in memory, or block by block in a file."""

from __future__ import annotations

import json
import math
import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from .._checks import whole
from .._state import DAMAGE
from ._files import header, lines, load, read_header
from .norms import GradNorms

_START = b'{"ritard": "grad-norms"'
_CHUNK = 1 << 16


class Log:
    """Entries that wait in memory and, where there is a path, go to a JSON Lines file.

    A write leaves whole blocks: one that fails is taken back, and its entries wait on.

    Args:
        empty: A log without entries: the norm, the optimizer and the meta of this one.
        path: The file; an old one of the same norm is continued. Memory alone if None.

    Raises:
        OSError: it cannot be opened.
        ValueError: it holds something else, or other norms.
    """

    def __init__(self, empty: GradNorms, path: Path | None) -> None:
        self.path = path
        self._empty = empty
        header(empty)  # what meta cannot say in JSON is refused before a file is made
        self._start: float | None = math.inf  # where a header goes that is still to be written
        self._file = None if path is None else _open(path, empty)
        self.steps, self.values = array("q"), array("d")

    def add(self, steps: Iterable[int], values: Iterable[float]) -> None:
        """Take entries in."""
        self.steps.extend(steps)
        self.values.extend(values)

    def go_on(self, start: int, steps: Iterable[int], values: Iterable[float]) -> None:
        """Take up a saved run at ``start``: what stands from there on is of an attempt given up.

        In memory the saved entries are all there is. Where there is a file they are those that it
        had not taken; with the next that are written it says from which step on its own are void.
        """
        self.steps, self.values = array("q", steps), array("d", values)
        self._start = start

    def write(self) -> None:
        """Bring what waits to the file; OSError leaves file and entries as they were."""
        if self._file is None or not self.steps:
            return
        text = lines(self._waiting())
        if self._start is not None:
            text = header(self._empty, start=int(min(self._start, self.steps[0]))) + text
        _append(self._file, text.encode())
        self._start = None
        self.steps, self.values = array("q"), array("d")

    def norms(self) -> GradNorms:
        """All of it: the whole file, of earlier runs too, or what is in memory."""
        if self.path is None:
            return self._waiting()
        self.write()
        return load(self.path, None) if self.path.stat().st_size else self._empty

    def close(self) -> None:
        """Write, and close the file."""
        self.write()
        if self._file is not None:
            self._file.close()

    def _waiting(self) -> GradNorms:
        empty = self._empty
        return GradNorms.of(self.values, empty.norm, self.steps, empty.optimizer, empty.meta)


def checked_state(state: Any) -> tuple[int, Sequence[int], Sequence[float]]:
    """The position, steps and norms of a recorder's state; ValueError where it holds none."""
    if not isinstance(state, Mapping) or "step" not in state:
        held = sorted(state) if isinstance(state, Mapping) else type(state).__name__
        raise ValueError(f"state_dict: of another than GradNormRecorder, it holds {held}")
    found: Mapping[str, Any] = state
    steps, norms = found.get("steps", ()), found.get("norms", ())
    try:
        step = whole("step", found["step"])
        GradNorms.of(norms, steps=steps)
        return step, array("q", steps), array("d", norms)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"state_dict: {error}") from error


def _open(path: Path, empty: GradNorms) -> FileIO:
    if path.suffix == ".npz":
        raise ValueError(
            f"path={str(path)!r}: a log grows as JSON Lines; expected another suffix, such as "
            ".jsonl (GradNorms.save writes NPZ)"
        )
    if path.exists() and path.stat().st_size:
        _check_same_kind(path, empty)
        _drop_cut_line(path)
    return path.open("ab", buffering=0)


def _check_same_kind(path: Path, empty: GradNorms) -> None:
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    # A run killed while it wrote its very first line left a piece of it.
    if not first.endswith(b"\n") and (first.startswith(_START) or _START.startswith(first)):
        return
    try:
        there = read_header(json.loads(first))["norm"]
    except DAMAGE as error:
        raise ValueError(f"path={str(path)!r}: it cannot be continued: {error}") from error
    if there != empty.norm:
        raise ValueError(f"norm={empty.norm!r}: {path} is a log of {there} norms")


def _drop_cut_line(path: Path) -> None:
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = file.seek(max(end - _CHUNK, 0))
            newline = file.read(end - start).rfind(b"\n")
            end = start if newline < 0 else start + newline + 1
            if newline >= 0:
                break
        file.truncate(end)


def _append(file: FileIO, data: bytes) -> None:
    start, rest = file.seek(0, os.SEEK_END), memoryview(data)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except BaseException as error:  # an interrupt too must not leave half a line behind
        with suppress(OSError):
            file.truncate(start)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(file.name)) from error
        raise
