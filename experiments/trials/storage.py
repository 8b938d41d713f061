"""Opening the storage of shared work: any that Optuna knows, checked before it is touched."""

import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import sqlalchemy as sql
from optuna.exceptions import DuplicatedStudyError, StorageInternalError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from .journal import Damaged, Journal

FORMAT = 1
"""Version of what is kept in a study, under its user attribute "ritard"."""

JOURNAL = "journal:"

SQLITE_SECONDS = 60.0
"""How long a lock is waited for: SQLite's own 5 s are short for many workers on one file."""


class Study(NamedTuple):
    """A study in an open storage."""

    storage: BaseStorage
    id: int


def open_study(url: str, name: str) -> Study:
    """Open the storage at ``url`` and a study in it, making them where they are missing.

    Args:
        url: An SQLAlchemy URL ("sqlite:///runs.db", "postgresql+psycopg://user@host/base"), or
            "journal:PATH" for Optuna's journal file.
        name: Of the study, which holds all trials of one command, as "ritard-compare".

    Raises:
        ValueError: the storage cannot be reached, is no Optuna database, or its study is
            another program's.
    """
    check_storage(url)
    try:
        storage = _open(url)
        study = Study(storage, _study_id(storage, name))
        marks = storage.get_study_user_attrs(study.id)
        trials = storage.get_n_trials(study.id)
    except Exception as error:  # each storage raises its own driver's
        raise ValueError(f"storage={hidden(url)!r}: cannot be used: {first_line(error)}") from error
    if not marks and trials == 0:
        storage.set_study_user_attr(study.id, "ritard", FORMAT)
    elif marks.get("ritard") != FORMAT:
        raise ValueError(
            f"storage={hidden(url)!r}: its study {name!r} was not written by this version of "
            f"{name.replace('-', ' ')}; give another storage"
        )
    return study


def find_study(url: str, name: str) -> Study | None:
    """Open a study at ``url`` if it is there; nothing is made where it is not.

    Raises:
        ValueError: as :func:`open_study`.
    """
    if not check_storage(url):
        return None
    try:
        storage = _open(url)
        return Study(storage, storage.get_study_id_from_name(name))
    except KeyError:
        return None
    except Exception as error:  # each storage raises its own driver's
        raise ValueError(f"storage={hidden(url)!r}: cannot be used: {first_line(error)}") from error


def check_storage(url: str) -> bool:
    """Refuse a storage that cannot serve, writing nothing; tell whether it exists already.

    Raises:
        ValueError: as :func:`open_study`.
    """
    if url.startswith(JOURNAL):
        return _check_journal(Path(url.removeprefix(JOURNAL)), url)
    return _check_database(url)


def sqlite_url(path: Path) -> str:
    """The URL of a file of SQLite, whatever its name holds.

    Example:
        >>> sqlite_url(Path("who?/trials.db"))
        'sqlite:///who%3F/trials.db'
    """
    return sql.URL.create("sqlite", database=str(path)).render_as_string()


@contextmanager
def reachable(url: str) -> Generator[None]:
    """Name the storage where it fails in the middle of the work.

    Raises:
        OSError: it was lost.
        ValueError: what it holds is damaged.
    """
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        raise OSError(f"storage={hidden(url)!r}: lost: {first_line(error)}") from error
    except Damaged as error:
        raise ValueError(f"storage={hidden(url)!r}: {error}") from error


def hidden(url: str) -> str:
    """The URL without its password."""
    try:
        return sql.make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def first_line(error: BaseException) -> str:
    """The first line of what the driver says, or of the error itself."""
    said = repr(error) if isinstance(error, LookupError) else error  # str() gives the key alone
    lines = str(getattr(error, "orig", None) or said).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _open(url: str) -> BaseStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url.startswith(JOURNAL):
        return optuna.storages.JournalStorage(Journal(url.removeprefix(JOURNAL)))
    waits = _patience(sql.make_url(url))
    for pause in (0.2, 0.5, 1.0):
        try:
            return optuna.storages.get_storage(optuna.storages.RDBStorage(url, engine_kwargs=waits))
        except SQLAlchemyError:  # another worker is making the same tables
            time.sleep(pause)
    return optuna.storages.get_storage(optuna.storages.RDBStorage(url, engine_kwargs=waits))


def _patience(url: sql.URL) -> dict[str, Any]:
    """How long to wait for others."""
    return (
        {"connect_args": {"timeout": SQLITE_SECONDS}} if url.get_backend_name() == "sqlite" else {}
    )


def _study_id(storage: BaseStorage, name: str) -> int:
    try:
        return storage.get_study_id_from_name(name)
    except KeyError:
        pass
    try:
        return storage.create_new_study([StudyDirection.MINIMIZE], name)
    except DuplicatedStudyError:  # another worker was faster
        return storage.get_study_id_from_name(name)


def _check_journal(path: Path, url: str) -> bool:
    _check_folder(path, url)
    if not path.exists():
        return False
    try:
        with path.open("rb") as file:
            first = file.readline(1 << 20)
        if first and "op_code" not in json.loads(first):
            raise ValueError
    except ValueError:
        raise ValueError(f"storage={url!r}: {path} is not a journal file of Optuna") from None
    return bool(first)


def _check_database(url: str) -> bool:
    try:
        parsed = sql.make_url(url)
        if parsed.get_backend_name() == "sqlite" and not _check_sqlite(parsed.database, url):
            return False
        tables = _tables(parsed)
        if "studies" in tables and "version_info" not in tables:
            time.sleep(1)  # another worker may be making them
            tables = _tables(parsed)
    except ArgumentError:
        raise ValueError(
            f"storage={url!r}: expected an SQLAlchemy URL, as sqlite:///PATH or "
            "postgresql+psycopg://USER@HOST/NAME, or journal:PATH"
        ) from None
    except (SQLAlchemyError, ModuleNotFoundError, UnicodeError) as error:  # damaged names of tables
        raise ValueError(
            f"storage={hidden(url)!r}: cannot be opened: {first_line(error)}"
        ) from None
    if tables and "version_info" not in tables:
        raise ValueError(
            f"storage={hidden(url)!r}: not a database of Optuna; it has the tables "
            + ", ".join(sorted(tables)[:5])
        )
    return bool(tables)


def _tables(url: sql.URL) -> list[str]:
    engine = sql.create_engine(url, **_patience(url))
    try:
        return sql.inspect(engine).get_table_names()
    finally:
        engine.dispose()


def _check_sqlite(database: str | None, url: str) -> bool:
    """Whether the file exists; connecting to one that does not would make it."""
    if database in (None, "", ":memory:"):
        raise ValueError(f"storage={url!r}: workers cannot share a database in memory; give a file")
    path = Path(database)
    _check_folder(path, url)
    return path.exists()


def _check_folder(path: Path, url: str) -> None:
    # Where a folder may not be looked into, pathlib would raise.
    if os.path.isdir(path):
        raise ValueError(f"storage={url!r}: {path} is a folder; expected a file")
    if not os.path.isdir(path.parent):
        raise ValueError(f"storage={url!r}: its folder {path.parent} does not exist")
    if not os.access(path if os.path.exists(path) else path.parent, os.W_OK):
        raise ValueError(f"storage={url!r}: {path} cannot be written")
