"""Optuna's journal file, such that neither a kill nor a full disk can break it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from optuna.storages.journal import JournalFileBackend


class Damaged(ValueError):
    """What is kept in a storage cannot be what was written there."""


class Journal(JournalFileBackend):
    """The journal in a file, of the same form as Optuna's, written in another way.

    Optuna's lock is a file beside it. A killed worker leaves that behind: others wait for half a
    minute and then break it, or, where the path is relative, wait for ever. Here the kernel locks
    the journal itself, and lets it go with the process. And where a disk is full, or a machine
    fails, Optuna leaves half a line, after which nothing more can be read: here it is taken out.

    Args:
        path: Of the file, which is made if it is missing.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(str(path))
        self._journal = Path(path)
        self._ends = [0]  # of the lines read so far, in bytes

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any]]:
        """The lines from a number on; one that is not whole yet is left for later.

        Raises:
            Damaged: a line is whole and no JSON. Optuna would read on until another follows.
        """
        first = min(log_number_from, len(self._ends) - 1)
        with self._journal.open("rb") as file:
            file.seek(self._ends[first])
            whole = file.read().rpartition(b"\n")[0]
        for number, line in enumerate(whole.split(b"\n") if whole else (), first):
            if number + 1 == len(self._ends):
                self._ends.append(self._ends[-1] + len(line) + 1)
            if number >= log_number_from:
                yield self._parsed(line, number)

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            return json.loads(line)
        except ValueError as error:
            raise Damaged(f"{self._journal}: line {number + 1} is damaged: {error}") from error

    def append_logs(self, logs: Sequence[dict[str, Any]]) -> None:
        """Append lines, all or none.

        Raises:
            OSError: they cannot be written; the file is as it was.
        """
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with self._journal.open("r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
            end = _end_of_lines(file)
            file.truncate(end)
            try:
                _write(file, end, text.encode())
            except BaseException:
                file.truncate(end)
                raise


def _write(file: BinaryIO, at: int, data: bytes) -> None:
    """Write all of it, however little the system takes at a time."""
    file.seek(at)
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())


def _end_of_lines(file: BinaryIO, block: int = 1 << 16) -> int:
    """Where the last whole line ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - block)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
