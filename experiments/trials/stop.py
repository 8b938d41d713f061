"""A polite end: the first Ctrl-C or SIGTERM asks for it, the second forces it.

A signal may reach the command alone or, from a terminal or a scheduler, all its processes. So in a
worker it only ever asks, however often it comes: the command, which alone counts, forces.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

FORCE = signal.SIGUSR1
"""From a command to its workers, which have been asked already."""


class Interrupted(Exception):
    """The user asked for an end in the middle of a job."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as by SIGINT with KeyboardInterrupt."""


class Forced(KeyboardInterrupt):
    """The command forces this worker to end."""


_KINDS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated, FORCE: Forced}


def interruption(number: int) -> KeyboardInterrupt:
    """What stands for a signal that asks for the end."""
    return _KINDS[signal.Signals(number)]()


def interrupt_on_signals(number: int = signal.SIGTERM) -> None:
    """Let a signal interrupt this process as SIGINT does; from then on neither can be lost."""
    signal.signal(number, _interrupt)
    sys.unraisablehook = _unraisable


def ignore_signals() -> None:
    """Heed neither SIGINT nor SIGTERM any more: the process ends, and what it did stands."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def exit_code(signalled: KeyboardInterrupt) -> int:
    """How a shell reports a process that the signal behind an interruption has ended."""
    return 128 + _number(signalled)


def _number(signalled: KeyboardInterrupt) -> signal.Signals:
    return next(number for number, kind in _KINDS.items() if kind is type(signalled))


def _interrupt(number: int, _: Any) -> None:
    raise interruption(number)


def _unraisable(ignored: Any) -> None:
    """Ask again for the end where Python drops the request: an object is deleted, C calls back."""
    if isinstance(ignored.exc_value, KeyboardInterrupt):
        # From a thread of its own: raised in here, it would be dropped once more.
        arguments = os.getpid(), _number(ignored.exc_value)
        threading.Timer(0.01, os.kill, arguments).start()
    else:
        sys.__unraisablehook__(ignored)


class Stop:
    """Whether this process should end: asked by a signal, or orphaned by its parent's death."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._signal = int(signal.SIGINT)

    def __call__(self) -> bool:
        """True from the first request on."""
        parent = multiprocessing.parent_process()
        return self._asked.is_set() or (parent is not None and not parent.is_alive())

    @property
    def interruption(self) -> KeyboardInterrupt:
        """What stands for the request where it ends the work."""
        return interruption(self._signal)

    def wait(self, seconds: float) -> None:
        """Sleep, but not past a request."""
        self._asked.wait(seconds)

    @contextmanager
    def on_signals(self) -> Generator[None]:
        """Let SIGINT and SIGTERM set the request while the block runs; the next one interrupts.

        Outside the main thread, which alone may set handlers, nothing changes.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, self._handle) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def in_worker(self) -> None:
        """Let SIGINT and SIGTERM set the request, and :data:`FORCE` interrupt, to the end."""
        interrupt_on_signals(FORCE)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _handle(self, number: int, frame: Any) -> None:
        if self._asked.is_set():
            raise interruption(number)
        self._ask(number, frame)

    def _ask(self, number: int, _: Any) -> None:
        self._signal = number
        self._asked.set()
