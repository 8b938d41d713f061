"""``refined(PATH)``, where the command line names schedules: one read from a file."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from ...schedules import GradNorms, Schedule, Tabulated, refine
from ...schedules._state import DAMAGE
from ...schedules._text import parse_part, split

_REFINED = re.compile(r"\s*refined\s*\((.*)\)\s*", re.DOTALL | re.IGNORECASE)


class Refined(Tabulated, listed=False):
    """A table that prints as its file's name and a digest, not as thousands of values.

    Runs are kept under a schedule's text: the digest keeps those under another version of the
    file apart. Saved as JSON it is the plain table.
    """

    def __init__(self, table: tuple[float, ...], file: str) -> None:
        super().__init__(table)
        digest = hashlib.sha256(repr(self.table).encode()).hexdigest()[:8]
        object.__setattr__(self, "_text", f"refined({file}#{digest})")

    def __str__(self) -> str:
        """``refined(norms.jsonl#1a2b3c4d)``."""
        return self.__dict__["_text"]


def parse(text: str) -> Schedule:
    """:meth:`Schedule.parse`, with ``refined(PATH)`` as one more shape to begin with."""
    first, *operators = split(text, "+") or [""]
    named = _REFINED.fullmatch(first)
    if named is None:
        return Schedule.parse(text)
    schedule = read_schedule(Path(named[1].strip()))
    for operator in operators:
        schedule = parse_part(operator, schedule, text)
    return schedule


def read_schedule(path: Path) -> Schedule:
    """The schedule saved as JSON in a file, or the one refined from a log of gradient norms.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is neither.
    """
    try:
        found = _saved(path) or refine(GradNorms.load(path))
    except DAMAGE as error:
        raise ValueError(
            f"refined({path}): expected a log of gradient norms or a saved schedule: {error}"
        ) from error
    return Refined(tuple(found.table), path.name) if isinstance(found, Tabulated) else found


def _saved(path: Path) -> Schedule | None:
    with path.open("rb") as file:
        if file.read(1) != b"{":
            return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # a log has more than one line
        return None
    return Schedule.from_dict(data) if "name" in data else None
