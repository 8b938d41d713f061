"""Where data sets lie: the folder in ``RITARD_DATA``, then the cache, then the public copy."""

import hashlib
import os
from functools import cache
from pathlib import Path

from ..failure import Failure
from ._extra import extra
from .registry import DataSet, File, dataset

ENVIRONMENT = "RITARD_DATA"
"""Environment variable that names a folder laid out as ``<folder of the set>/<file>``."""


class ChecksumError(Failure, ValueError):
    """A file is there, but its content is not the one that was recorded."""


def find(name: str) -> Path:
    """The folder that holds the files of a data set, downloaded if need be.

    Looked for in the folder named by ``RITARD_DATA``, then in the cache, then at the public
    address. Every file is checked against its sha256, once per process and state of the file.

    Raises:
        ValueError: no set has this name.
        ChecksumError: a file is damaged or another one; nothing is changed.
        FileNotFoundError: the set is nowhere, or ``RITARD_DATA`` names no folder.
        OSError: the download failed; nothing is left behind.
    """
    return locate(name) or fetch(name)


def locate(name: str) -> Path | None:
    """As :func:`find`, but never downloads: None where the set is not on this machine."""
    entry = dataset(name)
    for where in (_given_folder, cache_folder):  # the second needs pooch, the first does not
        root = where()
        if root is not None and _complete(root / entry.folder, entry):
            return root / entry.folder
    return None


def fetch(name: str) -> Path:
    """The folder of a data set in the cache; what is missing there is downloaded.

    A download goes to a temporary file and is renamed once its checksum is right, so that a
    killed or failed one leaves nothing behind.

    Raises:
        ValueError, ChecksumError, FileNotFoundError, OSError: as :func:`find`.
    """
    entry = dataset(name)
    folder = cache_folder() / entry.folder
    for file in entry.files:
        if (folder / file.name).is_file():
            _verify(folder / file.name, file)
        else:
            _download(file, folder, entry)
    return folder


def cache_folder() -> Path:
    """The folder for downloads and decoded images: pooch's per-user cache, not yet made."""
    with extra():
        import pooch
    return Path(pooch.os_cache("ritard"))


def _given_folder() -> Path | None:
    value = os.environ.get(ENVIRONMENT)
    if not value:
        return None
    if not Path(value).is_dir():
        raise FileNotFoundError(f"{ENVIRONMENT}={value}: no such folder")
    return Path(value)


def _complete(folder: Path, entry: DataSet) -> bool:
    if not all((folder / file.name).is_file() for file in entry.files):
        return False
    for file in entry.files:
        _verify(folder / file.name, file)
    return True


def _download(file: File, folder: Path, entry: DataSet) -> None:
    if file.url is None:
        raise FileNotFoundError(_nowhere(file, entry))
    with extra():
        import pooch
    try:
        pooch.retrieve(file.url, f"sha256:{file.public_sha256}", file.name, folder)
    except ValueError as error:
        raise ChecksumError(f"{file.url}: not kept. {error}") from error
    except OSError as error:
        raise OSError(f"{entry.name}: downloading {file.url} failed: {error}") from error


def _nowhere(file: File, entry: DataSet) -> str:
    given = os.environ.get(ENVIRONMENT)
    looked = f"{ENVIRONMENT}={given}" if given else f"{ENVIRONMENT} (not set)"
    return (
        f"{entry.name}: {entry.folder}/{file.name} not found in {looked} nor in the cache "
        f"{cache_folder()}, and no public copy with its checksum is known. Put a file with "
        f"sha256 {file.sha256} ({file.size} bytes) at {entry.folder}/{file.name} in a folder "
        f"and set {ENVIRONMENT} to that folder"
    )


def _verify(path: Path, file: File) -> None:
    stat = path.stat()
    found = _sha256(path, stat.st_size, stat.st_mtime_ns)
    if found not in file.accepted:
        raise ChecksumError(
            f"{path}: expected sha256 {' or '.join(sorted(file.accepted))} ({file.size} bytes), "
            f"found {found} ({stat.st_size} bytes). Left as it is: replace or remove it"
        )


@cache
def _sha256(path: Path, size: int, modified: int) -> str:
    del size, modified  # part of the cache's key: a changed file is read again
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
