"""A polite end: the first Ctrl-C asks for it, the second forces it."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


class Interrupted(Exception):
    """The user asked for an end in the middle of a job."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as by SIGINT with KeyboardInterrupt."""


def interruption(number: int) -> KeyboardInterrupt:
    """What stands for a signal that asks for the end."""
    return Terminated() if number == signal.SIGTERM else KeyboardInterrupt()


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

    def _handle(self, number: int, _: Any) -> None:
        if self._asked.is_set():
            raise interruption(number)
        self._signal = number
        self._asked.set()
