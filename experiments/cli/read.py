"""Reading what the command line gives as text, and checking where its output goes."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..failure import NAMED_WRONGLY

if TYPE_CHECKING:
    from ...schedules import GradNorms, Schedule
    from ..rules import Control
    from ..trials.pool import Workers


def schedules(text: str, name: str = "schedules") -> tuple[Schedule, ...]:
    """Schedules in their text form, with commas between them.

    A schedule may also begin with ``refined(PATH)``, a file that :mod:`.refined` reads.

    Example:
        >>> [str(s) for s in schedules("linear, uba(phi=1)")]
        ['linear', 'uba(phi=1)']
    """
    from ...schedules import Schedule

    found = controls(text, name)
    known = tuple(one for one in found if isinstance(one, Schedule))
    if len(known) < len(found):
        rule = next(one for one in found if not isinstance(one, Schedule))
        raise ValueError(
            f"{name}={text!r}: {rule} reacts to the run and has no curve before it; expected "
            "schedules (ritard compare takes both)"
        )
    return known


def schedule(text: str, name: str = "schedule") -> Schedule:
    """One schedule, as :func:`schedules` reads it."""
    first, *more = schedules(text, name)
    if more:
        raise ValueError(f"{name}={text!r}: expected one schedule")
    return first


def controls(text: str, name: str = "schedules") -> tuple[Control, ...]:
    """Schedules as :func:`schedules` reads them, and rules that react to the run.

    Example:
        >>> [str(c) for c in controls("linear, online(smoothing=0.2)")]
        ['linear', 'online(smoothing=0.2)']
    """
    from ...schedules._text import split
    from . import refined, rules

    try:
        pieces = [piece.strip() for piece in split(text, ",")]
        found = tuple(rules.parse(piece) or refined.parse(piece) for piece in pieces)
    except (ValueError, *NAMED_WRONGLY) as error:
        raise ValueError(f"{name}={text!r}: {error}") from error
    if not found:
        raise ValueError(f"{name}={text!r}: expected at least one, as linear,rex")
    return found


def norms(name: str, path: Path, norm: Literal["l1", "l2"] | None = None) -> GradNorms:
    """A log of gradient norms.

    Args:
        name: The option.
        path: The file.
        norm: Which it must hold, "l1" or "l2".

    Raises:
        ValueError: there is no such file, or it is no such log.
    """
    from ...schedules import GradNorms

    try:
        return GradNorms.load(path, norm)
    except NAMED_WRONGLY as error:
        raise ValueError(f"{name}={str(path)!r}: {error.strerror}") from error


@contextmanager
def named(**options: str) -> Generator[None]:
    """Where an argument is refused, name the option that it comes from.

    Args:
        **options: By the argument, as the library calls it.
    """
    try:
        yield
    except ValueError as error:
        argument, equals, rest = str(error).partition("=")
        if argument not in options:
            raise
        raise ValueError(f"{options[argument]}{equals}{rest}") from error


def words(name: str, text: str) -> tuple[str, ...]:
    """Words with commas between them, each once."""
    found = tuple(piece.strip() for piece in text.split(","))
    if not all(found):
        raise ValueError(f"{name}={text!r}: expected names with commas between them")
    for i, word in enumerate(found):
        if word in found[:i]:
            raise ValueError(f"{name}={word!r}: given twice")
    return found


def numbers(name: str, text: str) -> tuple[float, ...]:
    """Numbers with commas between them.

    Example:
        >>> numbers("budgets", "1, 2.5")
        (1.0, 2.5)
    """
    try:
        return tuple(float(piece) for piece in text.split(","))
    except ValueError:
        raise ValueError(f"{name}={text!r}: expected numbers with commas between them") from None


def integers(name: str, text: str) -> tuple[int, ...]:
    """Whole numbers with commas between them.

    Example:
        >>> integers("nfe", "5, 10")
        (5, 10)
    """
    try:
        return tuple(int(piece) for piece in text.split(","))
    except ValueError:
        raise ValueError(
            f"{name}={text!r}: expected whole numbers with commas between them"
        ) from None


def rates(text: str) -> tuple[float, ...] | None:
    """Learning rates, or None for "auto"."""
    from ...schedules._checks import number

    if text.strip() == "auto":
        return None
    return tuple(number("lr-grid", rate, low=0, open_low=True) for rate in numbers("lr-grid", text))


def workers(jobs: int, threads: int, accelerator: str) -> Workers:
    """Who does the work, on a device that this machine has."""
    from ..trials.pool import Workers

    found = Workers(jobs, threads, accelerator)
    found.check_device()
    return found


def writable_folder(name: str, path: Path, given: Path | None = None) -> Path:
    """The path, if it is or can become a folder to write in; nothing is made.

    Args:
        name: The option.
        path: The folder.
        given: What the user gave, if that is a file in it.

    Raises:
        ValueError: it cannot.
    """
    told = str(given or path)
    # A link to nothing is there, too; what may not be looked at is not, where pathlib would raise.
    existing = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.lexists(p))
    if not existing.is_dir():
        raise ValueError(f"{name}={told!r}: {existing} is a file, not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"{name}={told!r}: {existing} cannot be written")
    return path


def output(name: str, path: Path, endings: tuple[str, ...], keep: Path | None = None) -> None:
    """Check a file to write, which may replace an older one; nothing is made.

    Args:
        name: The option.
        path: The file.
        endings: What its name may end in.
        keep: A file that must not be written over.

    Raises:
        ValueError: it cannot be written, or must not.
    """
    if path.suffix not in endings:
        raise ValueError(f"{name}={str(path)!r}: expected a name that ends in {', '.join(endings)}")
    if path.is_dir():
        raise ValueError(f"{name}={str(path)!r}: it is a folder; expected a file")
    if keep is not None and path.exists() and keep.exists() and path.samefile(keep):
        raise ValueError(f"{name}={str(path)!r}: it is the log itself; expected another file")
    writable_folder(name, path.parent, path)
