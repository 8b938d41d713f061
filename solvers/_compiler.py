"""Compiling loops with numba, so that the next process finds the machine code."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from ..schedules._atomic import lock

_LOCK = Lock()


@cache
def have_numba(otherwise: str) -> bool:
    """Whether loops can be compiled; a warning, once, of what happens ``otherwise``."""
    try:
        import_module("numba")
    except ImportError:
        warnings.warn(
            f'numba is not installed: {otherwise}. pip install "ritard[solvers]"',
            RuntimeWarning,
            stacklevel=4,
        )
        return False
    return True


def compiler(module: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` for a loop whose callees are all in its own folder.

    The machine code is kept in the user's cache (``NUMBA_CACHE_DIR`` where it is set), by what all
    sources of the folder say; where that cannot be written it is kept nowhere. Left to itself,
    numba asks only whether the file of the loop has changed, not those that it calls; it writes
    into the installation, where an uninstallation leaves the files, and with them a folder that
    hides other installations; and it refuses to compile where it can write nowhere.

    Args:
        module: The ``__file__`` of a module in the folder.
        options: Of ``njit``.
    """
    import numba
    from numba.core import config as numba_config

    config: Any = numba_config

    def compiled(function: Callable[..., Any]) -> Any:
        with _LOCK:  # another thread may be compiling another folder
            before = config.CACHE_DIR
            place = _place(Path(module).parent, Path(before or _user_caches()))
            config.CACHE_DIR = str(place or "")  # it is read here, and only here
            try:
                loop = numba.njit(cache=place is not None, nogil=True, **options)(function)
            finally:
                config.CACHE_DIR = before
        if place is not None:
            _guard(loop, place)
        return loop

    return compiled


def _guard(loop: Any, place: Path) -> None:
    """Let one process at a time keep machine code, and go on where the disk is full.

    Two processes that write numba's index of a loop at once can leave one that names the other's
    machine code; and numba lets an OSError of its cache end the call that compiled.
    """
    cache: Any = getattr(loop, "_cache", None)  # numba's own; without it all is as numba has it
    save: Callable[..., None] | None = getattr(cache, "save_overload", None)
    if save is None:
        return

    def guarded(*compiled: Any) -> None:
        with suppress(OSError), (place / "lock").open("wb") as file:
            lock(file.fileno(), wait=True)
            save(*compiled)

    cache.save_overload = guarded


def _user_caches() -> str:
    return os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")


@cache
def _place(sources: Path, caches: Path) -> Path | None:
    """Where the machine code of a folder of sources is kept; None if it cannot be written."""
    whole = hashlib.sha256()
    for path in sorted(sources.glob("*.py")):
        whole.update(path.name.encode() + path.read_bytes())
    place = caches / "ritard" / "compiled" / whole.hexdigest()[:16]
    try:
        place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        return None
    return place
