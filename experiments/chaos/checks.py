"""What must hold after a command has been complete: everything, once, equal, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
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
        kept: What was finished.
        files: Names of all files.
        largest: Bytes of the largest file.
        seconds: What it took.
        again: What the same command takes when nothing is left to do.
    """

    result: Any = field(repr=False)
    kept: frozenset[str]
    files: frozenset[str]
    largest: int
    seconds: float
    again: float

    @staticmethod
    def read(case: Case, place: Place, seconds: float, again: float) -> Calm:
        """Read a complete run."""
        kept = frozenset(name for name, _ in case.kept(place.out))
        names = files(place)
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
        kept = case.kept(place.out)
        self.grown({}, kept)
        if missing := calm.kept - {name for name, _ in kept}:
            self.lost += len(missing)
            self.faults.append(f"missing: {', '.join(sorted(missing)[:3])}")
        if (found := case.result(place.out)) != calm.result:
            self.equal = False
            self.faults.append(f"another result: {difference(calm.result, found)}")
        if left := files(place) - calm.files:
            self.faults.append(f"left behind: {', '.join(sorted(left)[:3])}")

    def grown(self, before: Mapping[str, Any], now: Kept) -> None:
        """Judge what is kept now by what was kept before."""
        counts = Counter(name for name, _ in now)
        if twice := [name for name, count in counts.items() if count > 1]:
            self.twice += len(twice)
            self.faults.append(f"twice: {', '.join(twice[:3])}")
        after = dict(now)
        if lost := [name for name, value in before.items() if after.get(name) != value]:
            self.lost += len(lost)
            self.faults.append(f"lost: {', '.join(lost[:3])}")

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
