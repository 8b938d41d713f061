"""All benchmarks, one table: ``python experiments/benchmarks/run.py``, or ``make bench``.

Each script runs in a process of its own, with one thread. The table holds what has a goal; what
has none is in the scripts' own tables and in ``--json``. ``--write`` puts both into BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from goals import GOALS
from measure import Row
from report import machine, markdown, verdict
from ritard.experiments.names import known
from ritard.schedules._atomic import write_text

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "BENCHMARKS.md"
START, END = "<!-- bench -->\n", "<!-- /bench -->\n"
SCRIPTS = (
    "scheduler_step", "recorder", "refine_and_score", "relaxation",
    "bandits", "diffusion_sampler", "rollback", "lr_search",
)  # fmt: skip


def run_script(name: str, repeats: int | None = None) -> list[Row]:
    """The rows of one script, from a process of its own."""
    command = [sys.executable, "-W", "ignore", str(HERE / f"{name}.py"), "--json"]
    command += ["--repeats", str(repeats)] if repeats else []
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | threads)
    if done.returncode:
        raise SystemExit(f"{name}.py ended with code {done.returncode}")
    return [Row.from_dict(row) for row in json.loads(done.stdout.splitlines()[-1])]


def page(text: str, lines: Sequence[str], rows: Sequence[Row]) -> str:
    """The text with what was measured between its two markers; ValueError without them."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"expected {START.strip()} and {END.strip()} in the page")
    day = datetime.date.today().isoformat()
    other = [row for row in rows if row.what not in GOALS]
    body = [
        f"Last run {day}: {verdict(rows)}.", "", "```text", *lines, "```", "",
        markdown([row for row in rows if row.what in GOALS]), "",
        "Beside these, without a goal:", "", markdown(other), "",
    ]  # fmt: skip
    return before + start + "\n".join(body) + end + after


def main() -> None:
    """Run, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        type=known("NAME", SCRIPTS),
        metavar="NAME",
        help=f"of {', '.join(SCRIPTS)}",
    )
    parser.add_argument("--repeats", type=int, help="turns in every script, instead of its own")
    parser.add_argument("--json", action="store_true", help="all rows as JSON")
    parser.add_argument("--write", action="store_true", help="put the tables into BENCHMARKS.md")
    given = parser.parse_args()
    names = given.names or SCRIPTS
    if given.write and given.names:
        parser.error("--write: expected all benchmarks, as the page holds all")
    lines, start, rows = machine(), time.monotonic(), list[Row]()
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += run_script(name, given.repeats)
    if given.json:
        found: dict[str, Any] = {"machine": lines, "rows": [row.to_dict() for row in rows]}
        print(json.dumps(found, indent=1))
    else:
        aimed = [row for row in rows if row.what in GOALS]
        print(*lines, "", markdown(aimed), "", verdict(rows), sep="\n")
        print(f"{time.monotonic() - start:.0f} s")
    if given.write:
        write_text(PAGE, page(PAGE.read_text("utf-8"), lines, rows))


if __name__ == "__main__":
    main()
