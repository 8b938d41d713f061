"""The report: a row for everything that a command went through, one file for each command."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...schedules._atomic import write_text
from ..records import write_json
from .case import Case
from .checks import Verdict
from .kept import TIMES

HEADS = (
    "command", "went through", "kills", "signals", "completed", "done twice", "lost", "equal",
    "seconds", "faults",
)  # fmt: skip


NOTES = (
    "Kills are SIGKILL, signals SIGINT and SIGTERM. Seconds are those of the whole row. Killed "
    "lives, and those under a hardship, are forked from a process that has the modules; signals "
    "meet new interpreters. Equal means bit for bit, in all fields but wall times ({times})."
)


@dataclass(frozen=True)
class Row:
    """What one command went through, and how it came out.

    Attributes:
        command: Its name.
        trial: What was done to it.
        kills: By SIGKILL.
        signals: SIGINT and SIGTERM.
        completed: How often it was complete afterwards.
        verdict: What was found.
        seconds: Of the whole.
    """

    command: str
    trial: str
    kills: int
    signals: int
    completed: int
    verdict: Verdict
    seconds: float

    def cells(self) -> tuple[str, ...]:
        """As text."""
        found = self.verdict
        faults = "; ".join(dict.fromkeys(found.faults)).replace("|", "\\|")
        numbers = (self.kills, self.signals, self.completed, found.twice, found.lost)
        return (
            self.command, self.trial, *map(str, numbers), "yes" if found.equal else "NO",
            f"{self.seconds:.0f}", faults or "none",
        )  # fmt: skip


def record(case: Case, rows: Sequence[Row], kills: int, seed: int) -> dict[str, Any]:
    """What one command went through, as plain values, with all that it takes to do it again."""
    return {
        "command": case.name,
        "asked": f"--kills {kills} --seed {seed}",
        "compared": list(case.compared),
        "by": f"Python {platform.python_version()}, torch {version('torch')}, {platform.system()}",
        "rows": [row.cells() for row in rows],
    }


def write(found: dict[str, Any], folder: Path) -> None:
    """Keep a command's record, and write ``report.md`` from those of all that are there."""
    write_json(folder / f"{found['command'].replace(' ', '-')}.json", found)
    write_text(folder / "report.md", markdown(read(folder)))


def read(folder: Path) -> list[dict[str, Any]]:
    """The records of all commands that were tried, in the order of their names."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]


def markdown(records: Sequence[dict[str, Any]]) -> str:
    """A table, and under it what each command was compared by and how it was tried."""
    lines = ["`python -m ritard.experiments.chaos`", "", _line(HEADS), _line(["---"] * len(HEADS))]
    lines += [_line(cells) for found in records for cells in found["rows"]]
    lines += ["", NOTES.format(times=", ".join(TIMES)), ""]
    lines += [
        f"- {found['command']} (`{found['asked']}`; {found['by']}): {', '.join(found['compared'])}"
        for found in records
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
