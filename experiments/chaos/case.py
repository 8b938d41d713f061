"""A case: a long command, where its results are, and what of them must be equal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Kept = list[tuple[str, Any]]
"""Finished pieces of work by name, as often as they were finished, with what they gave."""

OUT = "out"
"""The folder of the results, in the folder in which a command runs."""

STOPPED: Mapping[int, Collection[int]] = {
    signal.SIGKILL: (-signal.SIGKILL,),
    # Where a library drops a Ctrl-C that came while it evaluated a string, the work goes on to
    # its end, and Python then ends itself by SIGINT.
    signal.SIGINT: (128 + signal.SIGINT, -signal.SIGINT),
    signal.SIGTERM: (128 + signal.SIGTERM,),
}


@dataclass(frozen=True)
class Case:
    """A command that goes on where it was, whenever it is started again.

    Attributes:
        name: In the report.
        arguments: Of the command, which writes below :data:`OUT` alone.
        result: What must be equal, read from the folder :data:`OUT` of a complete run.
        compared: Names of the files that it is read from.
        kept: What is finished, read there at any time.
        module: Where the command's ``main`` is.
        storage: URL of what several processes share; empty where they cannot.
        stopped: Exit codes after a signal.
        outlives: Whether it goes on where a full disk takes no more of its log, and says so.
    """

    name: str
    arguments: tuple[str, ...]
    result: Callable[[Path], Any] = field(repr=False)
    compared: tuple[str, ...]
    kept: Callable[[Path], Kept] = field(repr=False)
    module: str = "ritard.experiments.__main__"
    storage: str = ""
    stopped: Mapping[int, Collection[int]] = field(default_factory=lambda: STOPPED)
    outlives: bool = False
