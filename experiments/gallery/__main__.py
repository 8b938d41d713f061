"""The command that draws the gallery."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ...schedules._atomic import write_text
from ..names import known
from . import PICTURES, page


def main() -> None:
    """Draw the pictures that are asked for, all by default, and write their page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        type=known("NAME", PICTURES),
        metavar="NAME",
        help=f"of {', '.join(PICTURES)}",
    )
    parser.add_argument("--results", type=Path, default=Path("experiments/results"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    given = parser.parse_args()
    if not given.results.is_dir():
        parser.error(f"--results {given.results}: no such folder; run at the top of the repository")
    torch.set_num_threads(1)
    (given.docs / "images").mkdir(parents=True, exist_ok=True)
    for name in given.names or PICTURES:
        path = given.docs / "images" / f"{name}.png"
        PICTURES[name].save(given.results, path)
        print(path, flush=True)
    write_text(given.docs / "gallery.md", page(PICTURES))


if __name__ == "__main__":
    main()
