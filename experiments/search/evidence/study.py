"""All cells of the comparison, one file each; a killed study goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....solvers.diffusion.saved import load_sampler
from ...records import or_inf, read_json, write_json
from .errors import Errors, distances
from .ground import Ground, lay_ground
from .judged import Distances, compare_distributions
from .methods import METHODS, Bench, Found
from .protocol import Cell, Protocol


@dataclass(frozen=True, eq=False)
class Outcome:
    """One finished cell.

    Attributes:
        cell: Which.
        found: The sampler, and what it took to find it.
        errors: On the test noises.
        distances: Of the test samples from data and from exact samples.
        each: Error of each test noise, shape (n,).
    """

    cell: Cell
    found: Found
    errors: Errors
    distances: Distances
    each: Tensor


def run_study(
    protocols: Mapping[str, Protocol], cells: Sequence[Cell], folder: Path
) -> Iterator[tuple[int, int, str]]:
    """Run the cells that the folder lacks, in their order.

    Args:
        protocols: By testbed.
        cells: What to run.
        folder: One JSON file a cell, and the noises of each testbed with their solutions.

    Yields:
        How many are done, of how many, and what was done last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left = [cell for cell in cells if _held(folder, cell, protocols[cell.testbed]) is None]
    yield len(cells) - len(left), len(cells), "kept from before"
    for done, cell in enumerate(left, len(cells) - len(left) + 1):
        protocol = protocols[cell.testbed]
        outcome = run_cell(cell, whole_ground(protocol, folder))
        write_json(folder / f"{cell.name}.json", _pack(outcome, protocol), indent=None)
        news = f"{outcome.errors.geometric:.4g} in {outcome.found.seconds:.0f} s"
        yield done, len(cells), f"{cell.name}: {news}"


def run_cell(cell: Cell, ground: Ground) -> Outcome:
    """Search, and judge what was found: the only use of the test noises."""
    start = time.perf_counter()
    found = METHODS[cell.method](Bench.of(ground, cell.nfe, cell.seed))
    found = replace(found, seconds=time.perf_counter() - start)
    test = ground.test()
    samples = test.samples(found.sampler)
    each = distances(samples, test.reference)
    errors = Errors.of(each, ground.bed.scale)
    return Outcome(cell, found, errors, compare_distributions(ground, samples), each)


def whole_ground(protocol: Protocol, folder: Path) -> Ground:
    """The noises and their solutions; solved where the folder lacks them."""
    return [*lay_ground(protocol, folder / f"{protocol.testbed}-ground.pt")][-1]


def read_outcomes(protocol: Protocol, cells: Sequence[Cell], folder: Path) -> list[Outcome]:
    """The cells that are there, in their order."""
    mine = [cell for cell in cells if cell.testbed == protocol.testbed]
    held = [_held(folder, cell, protocol) for cell in mine]
    return [outcome for outcome in held if outcome is not None]


# ---- files ---------------------------------------------------------------------------------


def _pack(outcome: Outcome, protocol: Protocol) -> dict[str, Any]:
    found = {**vars(outcome.found), "sampler": outcome.found.sampler.to_dict()}
    return {
        "settings": _settings(protocol),
        "found": found,
        "errors": asdict(outcome.errors),
        "distances": outcome.distances,
        "each": [float(f"{e:.5g}") for e in outcome.each.tolist()],
    }


def _settings(protocol: Protocol) -> dict[str, Any]:
    """What a cell's figures depend on: not on which other cells there are."""
    names = ("testbed", "seeds", "train", "validation", "test", "evaluations")
    return {name: getattr(protocol, name) for name in names}


def _held(folder: Path, cell: Cell, protocol: Protocol) -> Outcome | None:
    """What a file holds of a cell; None where there is none, or one of other settings."""
    path = folder / f"{cell.name}.json"

    def outcome(held: Any) -> Outcome | None:
        if held["settings"] != _settings(protocol):
            return None
        kept: dict[str, Any] = {k: math.nan if v is None else v for k, v in held["found"].items()}
        kept["sampler"] = load_sampler(kept["sampler"])
        each = torch.tensor([*map(or_inf, held["each"])], dtype=torch.float64)
        errors, far = (
            {name: or_inf(value) for name, value in held[part].items()}
            for part in ("errors", "distances")
        )
        return Outcome(cell, Found(**kept), Errors(**errors), far, each)

    return read_json(path, outcome) if path.exists() else None
