"""How a script of this package ends: in one line where it cannot write, and at once when asked."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run(work: Callable[[str, int, Path], None]) -> None:
    """Do ``work(NAME, SIZE, OUT)`` with the arguments of the command line.

    The exit code is 1 where something cannot be written, 130 after SIGINT, 143 after SIGTERM.
    """
    try:
        signal.signal(signal.SIGTERM, _terminated)
        name, size, out = sys.argv[1:]
        Path(out).mkdir(parents=True, exist_ok=True)
        work(name, int(size), Path(out))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        sys.exit(f"error: {error}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends anyway


def _terminated(number: int, _: Any) -> None:
    sys.exit(128 + number)
