"""The console script ``ritard``, also ``python -m ritard.experiments``."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .failure import NAMED_WRONGLY, Failure, is_refusal
from .trials.stop import exit_code, ignore_signals, interrupt_on_signals

DONE, FAILED, MISTAKE, BUG = 0, 1, 2, 70
PIPE_CLOSED = 128 + signal.SIGPIPE
"""As a shell reports it."""

MOST = 3000
"""Characters of what is said of an error: enough for any list of what is allowed."""

TRACEBACK = "RITARD_TRACEBACK"
"""Environment variable: where it is set, every error shows where it was raised."""

_EXTRAS = {"numba": "solvers", "pyamg": "solvers", "diffusers": "diffusers"}
"""What brings a package, where it is not the extra of the command line itself."""


def main() -> None:
    """Run the command line; the process ends with its exit code."""
    try:
        interrupt_on_signals()
        _mend_streams()
        code = run(sys.argv[1:])
        ignore_signals()
    except KeyboardInterrupt as signalled:  # one more, while the first was told
        code = exit_code(signalled)
    sys.exit(code)


def _mend_streams() -> None:
    """Make streams that the caller has closed, and let none fail for what it cannot encode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Otherwise the next file that is opened would take its number, here and in workers.
            setattr(sys, name, Path(os.devnull).open(mode))
            os.set_inheritable(getattr(sys, name).fileno(), True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def run(arguments: Sequence[str]) -> int:
    """Run the command line and turn what went wrong into one line and an exit code.

    Returns:
        0; 1 where what was asked could not be done; 2 for a mistake of the user's; 130 after
        SIGINT, 143 after SIGTERM; 141 where the reader of the output has gone; 70 after an error
        that is nobody's but ours, with its traceback.
    """
    try:
        code = _invoke(arguments)
        sys.stdout.flush()
        return code
    except SystemExit as end:  # by rich, which prints --help
        return PIPE_CLOSED if isinstance(end.__context__, BrokenPipeError) else FAILED
    except BrokenPipeError:
        # Keep the interpreter from flushing into the pipe at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt as signalled:
        _say("stopped; what is finished is kept: the same command goes on")
        return exit_code(signalled)
    except Exception as error:
        code, said = _verdict(error)
        if code == BUG or os.environ.get(TRACEBACK):
            traceback.print_exc()
        _say(f"error: {said}")
        return code


def _verdict(error: Exception) -> tuple[int, str]:
    """The exit code of an error, and what to say of it."""
    if isinstance(error, Failure):
        return FAILED, str(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("ritard"):
        extra = _EXTRAS.get((error.name or "").partition(".")[0], "experiments")
        return MISTAKE, f'{error.name} is not installed; run: pip install "ritard[{extra}]"'
    if isinstance(error, ValueError | ImportError) and is_refusal(error):
        return MISTAKE, str(error)
    if isinstance(error, OSError | MemoryError):
        named_wrongly = isinstance(error, NAMED_WRONGLY)
        return MISTAKE if named_wrongly else FAILED, str(error) or "out of memory"
    return BUG, "this is a mistake of ritard's, not yours; please report it"


def _invoke(arguments: Sequence[str]) -> int:
    import typer

    from .cli import app

    command = typer.main.get_command(app)
    for argument in arguments:
        if any("\ud800" <= letter <= "\udfff" for letter in argument):
            raise ValueError(f"argument {argument!r}: expected text that is valid in this locale")
    try:
        # Calling the app would make a plain exit of every interruption.
        with command.make_context("ritard", list(arguments)) as context:
            command.invoke(context)
        return DONE
    except typer.Exit as end:  # after --help and --version
        return end.exit_code
    except typer.BadParameter as error:
        _say(f"error: {_mistake(error, arguments)}")
        return MISTAKE
    except typer.TyperException as error:  # an unknown command or option
        if message := error.format_message():  # empty where no command was given: help was printed
            _say(f"error: {message}")
        return error.exit_code


def _mistake(error: Any, arguments: Sequence[str]) -> str:
    """What typer says of a wrong value, with the value."""
    options: Sequence[str] = getattr(error.param, "opts", ())
    for i in reversed(range(len(arguments))):  # of an option given twice the last one counts
        name, equals, value = arguments[i].partition("=")
        if name in options:
            given = value if equals else "".join(arguments[i + 1 : i + 2])
            said = error.message.removeprefix("Value error, ").replace(
                "Input should be", "expected"
            )
            return f"{name.lstrip('-')}={given!r}: {said}"
    return error.format_message()


def _say(text: str) -> None:
    line = " ".join(text.splitlines())
    more = f"... ({len(line)} characters)" if len(line) > MOST else ""
    print(line[:MOST] + more, file=sys.stderr)


if __name__ == "__main__":
    main()
