"""What must hold after a command has been complete: everything, once, equal, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .case import Case, Kept
from .launch import Place

TRACE = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Calm:
    """What an undisturbed run gave.

    Attributes:
        result: What must be equal.
        kept: What was finished, and what it gave.
        files: Names of all files.
        largest: Bytes of the largest file.
        seconds: What it took.
        again: What the same command takes when nothing is left to do.
    """

    result: Any = field(repr=False)
    kept: Mapping[str, Any] = field(repr=False)
    files: frozenset[str]
    largest: int
    seconds: float
    again: float

    @staticmethod
    def read(case: Case, place: Place, seconds: float, again: float) -> Calm:
        """Read a complete run."""
        kept, names = dict(case.kept(place.out)), files(place)
        largest = max((place.work / name).stat().st_size for name in names)
        return Calm(case.result(place.out), kept, names, largest, seconds, again)


@dataclass
class Verdict:
    """What was found, which grows.

    Attributes:
        twice: Pieces of work that were finished more than once.
        lost: Pieces of work that were finished, and then not, or gave something else.
        equal: Whether every result equals the undisturbed one.
        faults: Everything that should not be, in words.
        said: What commands printed that ended badly, for who looks into it.
    """

    twice: int = 0
    lost: int = 0
    equal: bool = True
    faults: list[str] = field(default_factory=list[str])
    said: list[str] = field(default_factory=list[str], repr=False)

    def complete(self, case: Case, place: Place, calm: Calm) -> None:
        """Judge a complete run."""
        now, names = self.kept(case, place), files(place)
        self.grown(calm.kept, now)
        self._named("not asked for", dict(now).keys() - calm.kept.keys())
        if (found := self._read(case.result, place, None)) != calm.result:
            self.equal = False
            self.faults.append(f"another result: {difference(calm.result, found)}")
        self._named("left behind", names - calm.files)
        self._named("not written", calm.files - names)

    def kept(self, case: Case, place: Place) -> Kept:
        """What is finished; nothing where that cannot be read, which is a fault."""
        return self._read(case.kept, place, [])

    def grown(self, before: Mapping[str, Any], now: Kept) -> None:
        """Judge what is kept now by what was kept before, or must be."""
        counts, after = Counter(name for name, _ in now), dict(now)
        twice = [name for name, count in counts.items() if count > 1]
        lost = [name for name, value in before.items() if after.get(name) != value]
        self.twice += len(twice)
        self.lost += len(lost)
        self._named("twice", twice)
        self._named("lost", lost)

    def ended(self, code: int | None, expected: Any, place: Place) -> None:
        """Judge how a command ended, and what it said."""
        said = place.printed.read_text(errors="replace")
        if code not in expected:
            how = "did not end" if code is None else f"ended with {code}"
            self.faults.append(f"{how}, expected {'/'.join(map(str, expected))}: {last_line(said)}")
            self.said.append(said)
        elif TRACE in said:
            self.faults.append(f"ended with {code}, with a traceback: {raised(said)}")
            self.said.append(said)

    def _named(self, fault: str, names: Collection[str]) -> None:
        """Some names are a fault, if there are any."""
        if names:
            self.faults.append(f"{fault}: {', '.join(sorted(names)[:3])}")

    def _read(self, read: Callable[[Path], Any], place: Place, otherwise: Any) -> Any:
        try:
            return read(place.out)
        except Exception as error:  # whatever a missing or damaged file leads to
            self.faults.append(f"unreadable: {type(error).__name__}: {error}")
            return otherwise


def difference(expected: Any, found: Any, where: str = "") -> str:
    """The first place where two results differ.

    Example:
        >>> difference({"a": [1, 2]}, {"a": [1, 3]})
        'a/1: 3, expected 2'
    """
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        pairs = [(key, expected[key], found[key]) for key in expected]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = [(i, *pair) for i, pair in enumerate(zip(expected, found, strict=True))]
    else:
        return f"{where}: {_short(found)}, expected {_short(expected)}"
    name, one, other = next(pair for pair in pairs if pair[1] != pair[2])
    return difference(one, other, f"{where}/{name}".lstrip("/"))


def files(place: Place) -> frozenset[str]:
    """All files in a working directory."""
    found = (path for path in place.work.rglob("*") if not path.is_dir())
    return frozenset(path.relative_to(place.work).as_posix() for path in found)


def contents(place: Place) -> dict[Path, bytes]:
    """All files in a working directory, with what they hold."""
    return {path: path.read_bytes() for path in place.work.rglob("*") if path.is_file()}


def raised(text: str) -> str:
    """What the first traceback ends with."""
    lines = text.partition(TRACE)[2].splitlines()[1:]
    return next((line.strip()[:300] for line in lines if line and line[0] != " "), "cut off")


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "nothing was said"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
