"""Starting a command in its folder, as a new interpreter or from a process that has the modules."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from . import limits
from .case import Case

HEAVY = (
    "optuna",
    "matplotlib.figure",
    "numba",
    "sqlalchemy",
    "typer",
    "ritard.experiments.chaos.fits",
    "ritard.experiments.chaos.studies",
    "ritard.experiments.compare",
)
"""What takes seconds to import."""

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True)
class Place:
    """Where a command runs.

    Attributes:
        folder: Its working directory is in here, and what it prints.
    """

    folder: Path

    @property
    def work(self) -> Path:
        """The working directory."""
        return self.folder / "work"

    @property
    def out(self) -> Path:
        """The folder of the results."""
        return self.work / "out"

    @property
    def printed(self) -> Path:
        """What the last start printed, on stdout and stderr."""
        return self.folder / "printed.txt"

    def make(self) -> Place:
        """Make the folders."""
        self.work.mkdir(parents=True, exist_ok=True)
        (self.folder / "tmp").mkdir(exist_ok=True)
        return self


@dataclass(frozen=True)
class Life:
    """A running command.

    Attributes:
        pid: Of the process.
        wait: Given seconds, the exit code (that of a signal negative), or None if it runs on.
    """

    pid: int
    wait: Callable[[float], int | None]

    def settle(self) -> None:
        """Wait until it has handlers for what asks it to end: an interpreter not up has none."""
        while self.wait(0.01) is None and not _handles(self.pid, signal.SIGTERM):
            pass


Limit = Callable[[], None]
"""Called in the new process before the command: takes something away from it."""

Launch = Callable[..., Life]
"""(case, place, limit=...) -> a running command."""


@dataclass(frozen=True)
class Start:
    """A way to start a command, and what is known of its beginning.

    Attributes:
        launch: Starts it.
        idle: Seconds of a run in which nothing is left to do.
    """

    launch: Launch
    idle: float


def fresh(case: Case, place: Place, limit: Limit = limits.nothing) -> Life:
    """Start a command as a user does: a new interpreter, which imports everything."""
    with place.printed.open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", case.module, *case.arguments],
            cwd=place.work,
            env=os.environ | _ENVIRONMENT | {"TMPDIR": str(place.folder / "tmp")},
            stdout=printed,
            stderr=subprocess.STDOUT,
            preexec_fn=limit,
        )

    def wait(seconds: float) -> int | None:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    return Life(process.pid, wait)


class Forked:
    """Starts commands from a server process that has imported what is heavy.

    A life then begins with its work, which is where a kill tells something.
    """

    def __init__(self) -> None:
        os.environ.update(_ENVIRONMENT)  # the server takes it over
        self._context = multiprocessing.get_context("forkserver")
        assert isinstance(self._context, ForkServerContext)
        self._context.set_forkserver_preload([*HEAVY, __name__])
        first = self._context.Process(target=limits.nothing)
        first.start()
        first.join()  # the imports are done

    def __call__(self, case: Case, place: Place, limit: Limit = limits.nothing) -> Life:
        """Start a command."""
        place.printed.write_text("")
        begins = self._context.Event()
        arguments = case.module, case.arguments, place, limit, begins
        process = self._context.Process(target=_live, args=arguments)
        process.start()
        assert process.pid is not None
        while not begins.wait(1.0) and process.is_alive():
            pass

        def wait(seconds: float) -> int | None:
            process.join(seconds)
            return process.exitcode

        return Life(process.pid, wait)


def _handles(pid: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal, or has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def _live(module: str, arguments: tuple[str, ...], place: Place, limit: Limit, begins: Any) -> None:
    """What a forked process does: the command's ``main``, alone in its folder."""
    with place.printed.open("wb") as printed:
        for descriptor in (1, 2):
            os.dup2(printed.fileno(), descriptor)
    os.chdir(place.work)
    tempfile.tempdir = str(place.folder / "tmp")
    sys.argv = [module, *arguments]
    main: Any = importlib.import_module(module).main
    # A command asks whether the process that started it is alive: this one was started by hand.
    multiprocessing.process._parent_process = None  # type: ignore[attr-defined]
    begins.set()
    limit()
    main()
