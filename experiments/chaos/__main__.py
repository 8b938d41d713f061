"""``python -m ritard.experiments.chaos``: every long command through everything, and a report.

Of commands tried before, the report tells what was found then.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import report
from .case import Case
from .cases import long_cases
from .hardships import hardships
from .launch import Forked, fresh
from .plan import Plan
from .report import Row


def main() -> int:
    """Try the commands; 1 where anything was not as it should be."""
    known = {case.name: case for case in long_cases()}
    asked = _arguments(sorted(known))
    cases = [known[name] for name in asked.commands]
    asked.out.mkdir(parents=True, exist_ok=True)
    # A shell starts what is in its background deaf to Ctrl-C, and the commands would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faults = 0
    with tempfile.TemporaryDirectory(prefix="ritard-chaos-", dir=asked.out) as folder:
        plan = Plan(asked.kills, asked.seed, Path(folder).absolute(), Forked(), fresh)
        for case in cases:
            rows = [_told(row) for row in _rows(plan, case)]
            faults += sum(len(row.verdict.faults) for row in rows)
            report.write(report.record(case, rows, asked.kills, asked.seed), asked.out)
    print(report.markdown(report.read(asked.out)), end="")
    return int(faults > 0)


def _rows(plan: Plan, case: Case) -> Iterator[Row]:
    print(f"{case.name}: undisturbed", file=sys.stderr, flush=True)
    return plan.rows(case, hardships(case))


def _told(row: Row) -> Row:
    print(" | ".join(row.cells()), *row.verdict.said, sep="\n", file=sys.stderr, flush=True)
    return row


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m ritard.experiments.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="SIGKILLs a command")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments")
    parser.add_argument(
        "--commands", type=lambda text: text.split(","), default=names, metavar="NAMES",
        help=f"with commas between them: {', '.join(names)}",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("ritard-runs/chaos"), metavar="FOLDER",
        help="where the report goes, and everything runs",
    )  # fmt: skip
    asked = parser.parse_args()
    if unknown := set(asked.commands) - set(names):
        parser.error(f"--commands: no {sorted(unknown)[0]!r}; expected some of {', '.join(names)}")
    if asked.kills < 1:
        parser.error(f"--kills={asked.kills}: expected at least 1")
    return asked


if __name__ == "__main__":
    sys.exit(main())
