"""A locked storage, two at once, worker processes, a full disk, a read-only folder."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from . import limits
from .case import Case
from .checks import Calm, Verdict, contents, last_line
from .killer import PATIENCE, end, finish
from .launch import Launch, Life, Place

HELD = 8.0
"""Seconds for which a storage is locked: longer than SQLite waits by itself."""

RACES = 3
"""How often one of two is killed."""


@dataclass(frozen=True)
class Setting:
    """What is tried, and where.

    Attributes:
        case: The command.
        calm: What an undisturbed run gave.
        place: Its folder.
        launch: How it is started.
        rng: Draws the moments.
    """

    case: Case
    calm: Calm
    place: Place
    launch: Launch
    rng: random.Random

    def begun(self) -> None:
        """Leave the command killed in the middle of its work: some of it is finished."""
        seconds = (self.calm.seconds + self.calm.again) / 2
        while not self.case.kept(self.place.out):
            if (life := self.launch(self.case, self.place)).wait(seconds) is None:
                end(life, signal.SIGKILL)
                seconds *= 1.5  # where nothing was finished yet
            else:
                shutil.rmtree(self.place.work)  # it was faster than before
                self.place.make()
                seconds /= 2


# ---- a storage that another process holds ------------------------------------------------------


def locked(at: Setting, verdict: Verdict) -> int:
    """The storage is locked when the command comes, and once more while it works."""
    at.begun()
    url = at.case.storage.format(at.place.out)
    with _holding(url, HELD):
        life = at.launch(at.case, at.place)
        time.sleep(HELD)
    with _holding(url, HELD / 2):
        code = life.wait(PATIENCE + 10 * at.calm.seconds)
    verdict.ended(code, (0,), at.place)
    finish(at.case, at.place, at.calm, at.launch, verdict)
    return 1


@contextmanager
def _holding(url: str, seconds: float) -> Generator[None]:
    """Lock a storage as another of its users would, and let it go after a while."""
    held, over = threading.Event(), threading.Event()
    hold = _hold_sqlite if url.startswith("sqlite") else _hold_journal
    path = Path(url.partition("///")[2] or url.partition(":")[2])
    thread = threading.Thread(target=hold, args=(path, seconds, held, over))
    thread.start()
    held.wait()
    try:
        yield
    finally:
        thread.join()


def _hold_sqlite(path: Path, seconds: float, held: threading.Event, over: threading.Event) -> None:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    held.set()
    over.wait(seconds)
    connection.rollback()
    connection.close()


def _hold_journal(path: Path, seconds: float, held: threading.Event, over: threading.Event) -> None:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        held.set()
        over.wait(seconds)


# ---- two at once -------------------------------------------------------------------------------


def race(at: Setting, verdict: Verdict) -> int:
    """The same command twice at once; one of the two is killed again and again."""
    first = at.launch(at.case, at.place)
    # The second one shares folder and storage, and prints elsewhere.
    beside = _Beside(at.place.folder)
    for _ in range(RACES):
        life = at.launch(at.case, beside)
        if life.wait(at.rng.uniform(0.0, at.calm.seconds / 2)) is None:
            end(life, signal.SIGKILL)
    last = at.launch(at.case, beside)
    for life, place in ((first, at.place), (last, beside)):
        verdict.ended(_wait(life, at.calm), (0,), place)
    verdict.complete(at.case, at.place, at.calm)
    return RACES


class _Beside(Place):
    @property
    def printed(self) -> Path:
        return self.folder / "printed-beside.txt"


def _wait(life: Life, calm: Calm) -> int | None:
    code = life.wait(PATIENCE + 20 * calm.seconds)
    return end(life, signal.SIGKILL) if code is None else code


def workers(at: Setting, verdict: Verdict) -> int:
    """With two worker processes: however the command ends, they end too, and nothing is lost."""
    case = replace(at.case, arguments=(*at.case.arguments, "--jobs", "2"))
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        before = dict(verdict.kept(case, at.place))
        life = at.launch(case, at.place)
        life.settle()
        while len(_running(at.place)) < 3 and life.wait(0.1) is None:
            pass  # it has no workers yet
        if life.wait(at.rng.uniform(0.0, at.calm.seconds / 2)) is None:
            verdict.ended(end(life, number), (0, *case.stopped[number]), at.place)
        _all_end(at.place, verdict)
        verdict.grown(before, verdict.kept(case, at.place))
    finish(case, at.place, at.calm, at.launch, verdict)
    return 1


def _all_end(place: Place, verdict: Verdict) -> None:
    """Wait for processes whose parent is gone, and end those that live on."""
    deadline = time.monotonic() + PATIENCE
    while _running(place) and time.monotonic() < deadline:
        time.sleep(0.1)
    if left := _running(place):
        verdict.faults.append(f"left running: {len(left)} processes")
    for pid in left:
        os.kill(pid, signal.SIGKILL)


def _running(place: Place) -> list[int]:
    """Processes in the working directory of a command."""
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cwd") if _at(path, place)]


def _at(link: Path, place: Place) -> bool:
    try:
        return link.resolve(strict=True) == place.work.resolve()
    except OSError:  # it has ended, or is another user's
        return False


# ---- nowhere to write --------------------------------------------------------------------------


def full(at: Setting, verdict: Verdict) -> int:
    """Files may grow to a part of what they need, and then to a larger part."""
    for part in (0.02, 0.3, 0.6, 0.9):
        before = dict(verdict.kept(at.case, at.place))
        limit = partial(limits.small_files, int(part * at.calm.largest))
        _refused(at, limit, verdict)
        verdict.grown(before, verdict.kept(at.case, at.place))
        if at.case.outlives:  # its log stays short: begun anew, it must become whole
            shutil.rmtree(at.place.work)
            at.place.make()
    finish(at.case, at.place, at.calm, at.launch, verdict)
    return 0


def read_only(at: Setting, verdict: Verdict) -> int:
    """Begun, and then nothing may be written any more: it stays as it is."""
    at.begun()
    before = contents(at.place)
    with _frozen(at.place.work):
        _refused(at, limits.obedience, verdict)
    if contents(at.place) != before:
        verdict.faults.append("a read-only folder has changed")
    finish(at.case, at.place, at.calm, at.launch, verdict)
    return 1


def _refused(at: Setting, limit: Callable[[], None], verdict: Verdict) -> None:
    """A start that cannot succeed: one line of an error, and an exit code that says so."""
    code = _wait(at.launch(at.case, at.place, limit=limit), at.calm)
    said = at.place.printed.read_text(errors="replace")
    if code == 0 and at.case.outlives and os.strerror(errno.EFBIG) in said:
        return
    verdict.ended(code, (1, 2), at.place)
    if "error: " not in (last := last_line(said)):
        verdict.faults.append(f"no clear error: {last}")


@contextmanager
def _frozen(folder: Path) -> Generator[None]:
    """Take away all rights to write below a folder."""
    paths = [folder, *folder.rglob("*")]
    modes = [path.stat().st_mode for path in paths]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)


Hardship = Callable[[Setting, Verdict], int]
"""Judges what becomes of a command; gives back how often it was killed."""

_ALL: Mapping[str, Hardship] = {"full disk": full, "read-only folder": read_only}
_SHARED: Mapping[str, Hardship] = {
    "locked storage": locked,
    "two at once": race,
    "two workers": workers,
}


def hardships(case: Case) -> Mapping[str, Hardship]:
    """What a case goes through; only what has a storage can be locked out, or share its work."""
    return {**_SHARED, **_ALL} if case.storage else _ALL
