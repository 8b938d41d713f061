"""Files that are there whole or not at all."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Generator[Path]:
    """A temporary path in the folder of ``path`` that takes its place when the block succeeds.

    A reader sees the old file or the new one, never a half; a failed block leaves the old one.
    What a writer that was killed has left behind, the next one removes.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "table.csv"
        ...     with atomic_path(target) as temporary:
        ...         _ = temporary.write_text("a,b")
        ...     target.read_text()
        'a,b'
    """
    path = Path(path)
    prefix = f".{path.stem}-"
    for other in path.parent.glob(f"{glob.escape(prefix)}*{glob.escape(path.suffix)}"):
        _remove_if_left(other)
    handle, temporary = _locked_file(path, prefix)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file whole."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _locked_file(path: Path, prefix: str) -> tuple[int, Path]:
    """A temporary file that no other writer takes for one that was left behind."""
    while True:
        # The suffix stays last: drawing libraries read the format from it.
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
        if not lock(handle, wait=True) or os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # another writer removed it before it was locked


def _remove_if_left(temporary: Path) -> None:
    """Remove the temporary file of a writer that was killed: nobody holds its lock any more."""
    with suppress(OSError), temporary.open("rb") as file:
        if lock(file.fileno()):
            temporary.unlink()


def lock(handle: int, wait: bool = False) -> bool:
    """Lock an open file, which the system unlocks when its process ends; False if it cannot be."""
    try:
        import fcntl
    except ImportError:  # Windows: what a killed writer leaves is left
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
