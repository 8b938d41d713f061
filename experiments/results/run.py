"""Reruns the rows of RESULTS.md: ``python experiments/results/run.py [ROW ...]``.

Each row is one ``ritard compare`` command, printed before it runs. What it finds goes to
``experiments/results/ROW``; a killed row goes on where it was.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALL = "linear,cosine,rex,uba(phi=1),step,exponential,onecycle,wsd"
PAPER = "linear,cosine,step,exponential,onecycle,rex"
ROWS = {
    "digits": f"--task digits --schedules {ALL} --budgets 1,5,10,25,50,100 --seeds 10",
    "logreg": f"--task logreg:letter.scale --schedules {ALL} --budgets 1,5,10,25,50,100 --seeds 10",
    "vae-mnist": f"--task vae-mnist --schedules {PAPER} --budgets 1,5 --seeds 3",
}


def main() -> None:
    """Run the rows that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}")
    for row in parser.parse_args().rows or ROWS:
        if row not in ROWS:
            parser.error(f"ROW={row!r}: expected one of {', '.join(ROWS)}")
        words = ["compare", *ROWS[row].split(), "--jobs", "2", "--out", str(HERE / row)]
        print("ritard", shlex.join([*words[:-1], f"experiments/results/{row}"]), flush=True)
        subprocess.run([sys.executable, "-m", "ritard.experiments", *words], check=True)


if __name__ == "__main__":
    main()
