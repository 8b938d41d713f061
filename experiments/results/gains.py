"""Does the free diagnostic tell when refining pays? ``python experiments/results/gains.py``.

Runs nothing: it reads what the rows ``convex`` and ``refine-*`` have left, and prints and draws the
predicted gain of refining, from the gradient norms of one linear run, against the gain found: the
metric of linear decay over that of the refined schedule, each at its best rate. The metric is the
final training gap f - f* on the convex sets and the test metric on the other tasks.
"""

import argparse
from functools import partial
from pathlib import Path

from ritard.experiments.cli.refine import DOUBTFUL, WORTH
from ritard.experiments.convex import (
    Protocol,
    Store,
    draw_gains,
    draw_near,
    of_result,
    of_task,
    render_gains,
    write_gains,
)
from ritard.experiments.figures import save
from ritard.experiments.tables import show

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Read, print, draw."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    gains = [of_result(result) for result in Store(HERE / "convex/report.json", Protocol()).results]
    for folder in sorted(HERE.glob("refine-*")):
        try:
            gains.append(of_task(folder))
        except (OSError, ValueError) as error:  # a row that has not finished
            print(f"left out: {error}")
    if not gains:
        raise SystemExit("no results to read: run the rows convex and refine-* first")
    folder = HERE / "gains"
    folder.mkdir(exist_ok=True)
    write_gains(gains, folder / "table.csv")
    panels = [partial(draw, gains) for draw in (draw_gains, draw_near)]
    save(panels, (13, 6), folder / "gains.png")
    show(render_gains(gains, (WORTH, DOUBTFUL)))


if __name__ == "__main__":
    main()
