"""How a script of this package ends: in one line where it cannot write, and at once when asked."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ..trials.stop import exit_code, ignore_signals, interrupt_on_signals


def run(work: Callable[[str, int, Path], None]) -> None:
    """Do ``work(NAME, SIZE, OUT)`` with the arguments of the command line.

    The exit code is 1 where something cannot be written, 130 after SIGINT, 143 after SIGTERM.
    """
    try:
        interrupt_on_signals()
        name, size, out = sys.argv[1:]
        Path(out).mkdir(parents=True, exist_ok=True)
        work(name, int(size), Path(out))
    except KeyboardInterrupt as signalled:
        sys.exit(exit_code(signalled))
    except OSError as error:
        sys.exit(f"error: {error}")
    ignore_signals()
