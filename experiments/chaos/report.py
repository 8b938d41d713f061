"""The report: a row for everything that a command went through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...schedules._atomic import write_text
from .case import Case
from .cases import TIMES
from .checks import Verdict

HEADS = (
    "command", "went through", "kills", "signals", "completed", "done twice", "lost", "equal",
    "seconds", "faults",
)  # fmt: skip


NOTES = (
    "Seconds are those of the whole row. Killed lives, and those under a hardship, are forked from "
    "a process that has the modules; SIGINT and SIGTERM meet new interpreters. Equal means bit for "
    "bit, in all fields but wall times ({times})."
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


def markdown(rows: Sequence[Row], seed: int, cases: Sequence[Case]) -> str:
    """A table, under the command that made it, with what was compared."""
    lines = [f"`python -m ritard.experiments.chaos --seed {seed}`", ""]
    lines += [_line(HEADS), _line(["---"] * len(HEADS))]
    lines += [_line(row.cells()) for row in rows]
    lines += ["", NOTES.format(times=", ".join(TIMES)), ""]
    lines += [f"- {case.name}: {', '.join(case.compared)}" for case in cases]
    return "\n".join(lines) + "\n"


def write(rows: Sequence[Row], seed: int, cases: Sequence[Case], folder: Path) -> None:
    """Write ``report.md``, whole or not at all."""
    write_text(folder / "report.md", markdown(rows, seed, cases))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
