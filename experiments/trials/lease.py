"""Leases: how a worker shows that it lives, and how others tell that it does not.

One mechanism for every storage. No clocks of two machines are ever compared: a worker counts
up, and an observer measures on its own clock how long the count has stood still.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

BEAT_SECONDS = 10.0
"""A worker counts up this often."""

PATIENCE_SECONDS = 60.0
"""A count that has stood still for this long is a dead worker's."""


def worker_name() -> str:
    """This process as "host:pid:start time", which no later process can have."""
    pid = os.getpid()
    return f"{_host()}:{pid}:{_start_time(pid) or ''}"


def is_gone(worker: str) -> bool:
    """Whether a worker's process is known to have ended: only told of this host's processes."""
    named = re.fullmatch(r"(.*):(\d+):(\d+)", worker)
    if named is None or named[1] != _host():
        return False
    return _start_time(int(named[2])) != named[3]


class Observer:
    """Watches the counts of running trials and tells which are dead.

    Args:
        patience: Seconds that a count may stand still.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(
        self, patience: float = PATIENCE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._seen: dict[int, tuple[int, float]] = {}

    def is_dead(self, trial: int, worker: str, beat: int) -> bool:
        """Whether the worker of a trial has ended, or has not counted up for too long."""
        now = self._clock()
        last, since = self._seen.get(trial, (None, now))
        if last != beat:
            since = now
        self._seen[trial] = (beat, since)
        return is_gone(worker) or now - since > self._patience


class Heartbeat(AbstractContextManager["Heartbeat"]):
    """Calls ``beat(1)``, ``beat(2)``, ... from a thread while a block runs.

    A call that fails is passed over: the next may succeed, and if none does, the lease ends.
    """

    def __init__(self, beat: Callable[[int], object], every: float = BEAT_SECONDS) -> None:
        self._beat = beat
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ritard-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._stop.wait(self._every):
            count += 1
            try:
                self._beat(count)
            except Exception:  # a storage may raise anything of its driver's
                continue


def _host() -> str:
    """This machine, boot and process space: where a pid means what it means here."""
    boot = _read("/proc/sys/kernel/random/boot_id")[:8]
    try:
        space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        space = ""
    return f"{socket.gethostname()}/{boot}/{space}"


def _start_time(pid: int) -> str | None:
    """When a process began, in the kernel's ticks; None where it has ended or cannot be told."""
    # The name in brackets may hold spaces: count from its end.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
