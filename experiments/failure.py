"""What ends a command: what could not be done, and what a check of ours has refused."""

from __future__ import annotations

import linecache
import traceback

NAMED_WRONGLY = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""Of the errors of the system those that another path would have avoided."""


class Failure(RuntimeError):
    """What was asked could not be done; the message says what and, where it helps, what next.

    The exit code 1 of the command line.
    """


def is_refusal(error: BaseException) -> bool:
    """Whether an error comes from a ``raise`` of ours: a check that says what is wrong and allowed.

    What NumPy, torch or Python refuse inside our code is our own mistake: a check is missing.
    """
    trace = list(traceback.walk_tb(error.__traceback__))
    if not trace:
        return False
    frame, line = trace[-1]
    statement = linecache.getline(frame.f_code.co_filename, line)
    ours = str(frame.f_globals.get("__name__", "")).startswith("ritard.")
    return ours and statement.lstrip().startswith("raise ")
