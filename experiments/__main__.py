"""The console script ``ritard``, also ``python -m ritard.experiments``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_USER, _FAILED, _STOPPED = 2, 1, 130


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and turn what went wrong into one line and an exit code.

    Returns:
        0; 1 where runs failed; 2 for a mistake of the user's; 130 after Ctrl-C.
    """
    try:
        return _invoke(arguments)
    except KeyboardInterrupt:
        return _STOPPED
    except BrokenPipeError:
        # The reader has gone: keep the interpreter from flushing into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except ModuleNotFoundError as error:
        _say(f'error: {error.name} is not installed; run: pip install "ritard[experiments]"')
        return _USER
    except (ValueError, OSError, ImportError) as error:
        _say(f"error: {error}")
        return _USER


def _invoke(arguments: Sequence[str]) -> int:
    import typer

    from .cli import app

    try:
        return app(list(arguments), prog_name="ritard", standalone_mode=False) or 0
    except typer.TyperException as error:  # a wrong option
        if message := error.format_message():  # empty where no command was given: help was printed
            _say(f"error: {message}")
        return error.exit_code


def _say(text: str) -> None:
    print(" ".join(text.splitlines()), file=sys.stderr)


if __name__ == "__main__":
    main()
