"""How the benchmarks report: the machine, one table for all, and the command line of a script."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from goals import GOALS
from measure import Row, Spread
from threadpoolctl import threadpool_limits

PACKAGES = ("torch", "numpy", "scipy", "numba", "pyamg", "diffusers", "optuna", "scikit-learn")
HEAD = ("what", "case", "beside", "ours", "theirs", "ours / theirs", "goal", "met")


def machine() -> list[str]:
    """Two lines: processor and system; versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    busy = f"load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        f"{processor()}, {cores} cores, {platform.system()} {platform.machine()}; {busy}",
        f"Python {platform.python_version()}, {versions}",
    ]


def processor() -> str:
    """The CPU's name, as far as the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def markdown(rows: Sequence[Row]) -> str:
    """A table that is read in a terminal and is Markdown too; a subject is named once.

    Subjects stand in the order in which they come first.
    """
    subjects = list(dict.fromkeys(row.what for row in rows))
    rows = sorted(rows, key=lambda row: subjects.index(row.what))
    lines: list[tuple[str, ...]] = [HEAD]
    for i, row in enumerate(rows):
        again = i > 0 and rows[i - 1].what == row.what
        lines.append(("" if again else row.what, *_fields(row)))
    widths = [max(len(line[k]) for line in lines) for k in range(len(HEAD))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(line, widths) for line in (lines[0], rule, *lines[1:]))


def verdict(rows: Sequence[Row]) -> str:
    """How many goals are met."""
    aimed = [row for row in rows if row.what in GOALS]
    met = sum(GOALS[row.what].met(row) for row in aimed)
    return f"{met} of {len(aimed)} within their goals"


def _fields(row: Row) -> tuple[str, ...]:
    goal = GOALS.get(row.what)
    aim, met = (goal.text(row), "yes" if goal.met(row) else "NO") if goal else ("", "")
    took = [f"{number(s.median)} {row.unit}".rstrip() for s in (row.ours, row.theirs)]
    return row.case, row.peer, *took, _spread(row.ratio), aim, met


def number(x: float) -> str:
    """Three figures, and no exponent for a number in the thousands."""
    return f"{x:.0f}" if 1000 <= abs(x) < 1e6 else f"{x:.3g}"


def _spread(values: Spread) -> str:
    low, middle, high = (number(x) for x in (values.low, values.median, values.high))
    return f"{middle} [{low}, {high}]" if low != high else middle


def _line(fields: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(f"{x:<{n}}" for x, n in zip(fields, widths, strict=True)) + " |"


def options(doc: str | None, repeats: int) -> argparse.ArgumentParser:
    """The options that all scripts have."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=repeats, help="turns (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (%(default)s)")
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    return parser


def main(
    measure: Callable[[argparse.Namespace], Iterable[Row]], parser: argparse.ArgumentParser
) -> None:
    """Measure as the arguments say, and print."""
    given = parser.parse_args()
    if given.repeats < 2:
        parser.error(f"--repeats {given.repeats}: expected at least 2")
    if "torch" in sys.modules:
        torch: Any = sys.modules["torch"]
        torch.set_num_threads(given.threads)
    lines = machine()
    with threadpool_limits(given.threads):
        rows = list(measure(given))
    if given.json:
        print(json.dumps([row.to_dict() for row in rows]))
    else:
        print(*lines, "", markdown(rows), "", verdict(rows), sep="\n")
