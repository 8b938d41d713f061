"""Compiling loops with numba, so that the next process finds the machine code."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def compiler(module: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` for a loop whose callees are all in its own folder.

    The machine code is kept in the user's cache (``NUMBA_CACHE_DIR`` where it is set), by what all
    sources of the folder say. Left to itself, numba asks only whether the file of the loop has
    changed, not those that it calls; and it writes into the installation, where an uninstallation
    leaves the files, and with them a folder that hides other installations.

    Args:
        module: The ``__file__`` of a module in the folder.
        options: Of ``njit``.
    """
    import numba
    from numba.core import config as numba_config

    config: Any = numba_config
    caches = config.CACHE_DIR or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    place = Path(caches) / "ritard" / "compiled" / _digest(Path(module).parent)

    def compiled(function: Callable[..., Any]) -> Any:
        before, config.CACHE_DIR = config.CACHE_DIR, str(place)  # it is read here, and only here
        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        finally:
            config.CACHE_DIR = before

    return compiled


def _digest(folder: Path) -> str:
    """Of the sources in a folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()[:16]
