"""Reruns the rows of RESULTS.md: ``python experiments/results/run.py [ROW ...]``.

Each row is one command, printed before it runs: ``ritard compare``, or a script beside this one.
What it finds goes to ``experiments/results/ROW``; a killed row goes on where it was.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from ritard.experiments.names import known

HERE = Path(__file__).resolve().parent
ALL = "linear,cosine,rex,uba(phi=1),step,exponential,onecycle,wsd"
PAPER = "linear,cosine,step,exponential,onecycle,rex"
COMPARISONS = {
    "digits": f"--task digits --schedules {ALL} --budgets 1,5,10,25,50,100 --seeds 10",
    "logreg": f"--task logreg:letter.scale --schedules {ALL} --budgets 1,5,10,25,50,100 --seeds 10",
    "vae-mnist": f"--task vae-mnist --schedules {PAPER} --budgets 1,5 --seeds 3",
}
EARLY = "--budget 20 --seeds 10 --schedules linear,cosine,linear+warmup(0.05),linear+warmup(0.4)"
SCRIPTS = {
    "convex": "convex.py",
    "convex-late": "late.py",
    "refine-digits": "refinement.py digits --budget 100 --seeds 10",
    "refine-fashion": "refinement.py fashion --budget 50 --seeds 5 --also online",
    "refine-shakespeare": "refinement.py shakespeare --optimizer adamw --budget 30 --seeds 5 "
    "--also online",
    "refine-fashion-mlp": f"refinement.py fashion:mlp {EARLY}",
    "refine-fashion-large-start": f"refinement.py fashion:large-start {EARLY}",
    "gains": "gains.py",
    "relax-synthetic": "relax_synthetic.py",
    "relax-heat": "relax_heat.py 25 50 100",
    "relax-heat-variable": "relax_heat.py 50 --variable",
    "relax-matrices": "relax_matrices.py",
    "search-digits": "search.py digits",
    "search-mixture": "search.py mixture",
    "search-fashion-pca": "search.py fashion-pca",
    "search-unet": "search.py unet",
    "search-span": "search_span.py",
    "autolrs-logreg": "automatic.py logreg",
    "autolrs-mlp": "automatic.py mlp",
    "autolrs-shakespeare": "automatic.py shakespeare",
    "autolrs-fashion": "automatic.py fashion",
    "autolrs-cifar10": "automatic.py cifar10",
    **{
        f"autolrs-fresh-{task}": f"automatic.py {task} --fresh"
        for task in ("logreg", "mlp", "shakespeare", "fashion", "cifar10")
    },
    "autolrs-scores": "automatic.py fashion --scores",
    "autolrs-scores-shakespeare": "automatic.py shakespeare --scores",
}


def command(row: str) -> list[str]:
    """The arguments of Python that run a row."""
    if row in SCRIPTS:
        script, *words = SCRIPTS[row].split()
        return [str(HERE / script), *words]
    words = ["compare", *COMPARISONS[row].split(), "--jobs", "2", "--plot", "--out"]
    words.append(str(HERE / row))
    return ["-m", "ritard.experiments", *words]


def main() -> None:
    """Run the rows that are asked for, all by default."""
    rows = [*COMPARISONS, *SCRIPTS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "rows", nargs="*", type=known("ROW", rows), metavar="ROW", help=f"of {', '.join(rows)}"
    )
    for row in parser.parse_args().rows or rows:
        words = command(row)
        print("python", shlex.join(words).replace(f"{HERE}", "experiments/results"), flush=True)
        subprocess.run([sys.executable, *words], check=True)


if __name__ == "__main__":
    main()
