"""What a command has kept, read from its files: its results, and the pieces that are finished."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..trials.storage import find_study
from .case import Kept

TIMES = ("seconds", "spent", "search_seconds", "solve_seconds", "tuning_seconds")
"""Wall times, which no two runs share."""


# ---- results -----------------------------------------------------------------------------------


def rows(path: Path) -> list[dict[str, str]]:
    """A table without its times."""
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def plain(path: Path) -> Any:
    """A report without its times."""
    return timeless(json.loads(path.read_text()))


def timeless(value: Any) -> Any:
    """A report without its times.

    Example:
        >>> timeless({"cost": [{"seconds": 2.0, "calls": 3}]})
        {'cost': [{'calls': 3}]}
    """
    if isinstance(value, dict):
        return {key: timeless(part) for key, part in value.items() if key not in TIMES}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def arrays(path: Path) -> dict[str, Any]:
    """Arrays of an NPZ file."""
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        return {name: file[name].tolist() for name in file}


def weights(path: Path) -> dict[str, Any]:
    """A network's record, and its weights bit for bit."""
    import torch

    saved = torch.load(path, weights_only=True)
    return {"record": saved["record"], "weights": digest(saved["weights"].values())}


def digest(tensors: Any) -> str:
    """Of all bits of some tensors."""
    whole = hashlib.sha256()
    for tensor in tensors:
        whole.update(tensor.numpy().tobytes())
    return whole.hexdigest()


# ---- what is finished ---------------------------------------------------------------------------


def trials(url: str, study: str) -> Callable[[Path], Kept]:
    """Completed trials of a storage, by their keys; nothing is written there."""

    def kept(out: Path) -> Kept:
        found = find_study(url.format(out), study) if out.is_dir() else None
        if found is None:
            return []
        trials = found.storage.get_all_trials(found.id)
        done = [t.user_attrs for t in trials if t.state.name == "COMPLETE"]
        return [(_common(attrs["key"]), timeless(attrs["result"])) for attrs in done]

    return kept


def _common(key: str) -> str:
    """A key without the name of the folder that some of a search's jobs belong to."""
    first, *rest = key.split("|")
    return "|".join([first, *rest[1:]]) if first == "exact" else key


def systems(out: Path) -> Kept:
    """Systems in the checkpoints, by tuner and number."""
    kept: Kept = []
    for path in _whole(out, "*.checkpoint"):
        found = arrays(path)
        columns = zip(found["arms"], found["iterations"], strict=True)
        kept += [(f"{path.stem} {i}", row) for i, row in enumerate(columns)]
    return kept


def stages(out: Path) -> Kept:
    """Stages of an automatic rate, by the update that each began at."""
    import torch

    if (out / "report.json").exists():
        found: list[Any] = plain(out / "report.json")["stages"]
    elif (out / "run.checkpoint").exists():
        saved = torch.load(out / "run.checkpoint", weights_only=True)
        found = timeless(saved["callbacks"]["AutoLRSCallback"]["search"]["reports"])
    else:
        return []
    return [(str(stage["start"]), stage) for stage in found]


def checkpoints(out: Path) -> Kept:
    """Checkpoints of a fit, by their weights: a fit is as far as its last one."""
    import torch

    def held(path: Path) -> str:
        return digest(torch.load(path, weights_only=True)["state_dict"].values())

    return [(path.stem, held(path)) for path in _whole(out, "checkpoints/*.ckpt")]


def files(out: Path) -> Kept:
    """Runs of which each has a file."""
    return [(path.stem, plain(path)) for path in _whole(out, "*.json")]


def sets(out: Path) -> Kept:
    """Sets in the report of the convex suite."""
    path = out / "report.json"
    return [(found["name"], found) for found in plain(path)["sets"]] if path.exists() else []


def tabled(out: Path) -> Kept:
    """Systems of a table of costs."""
    path = out / "table.npz"
    counts = arrays(path)["counts"] if path.exists() else []
    return [(str(i), row) for i, row in enumerate(counts)]


def losses(out: Path) -> Kept:
    """Mean losses between the checkpoints of a network's training."""
    import torch

    path = out / "checkpoint.pt"
    saved = torch.load(path, weights_only=True)["record"]["losses"] if path.exists() else []
    return [(str(i), loss) for i, loss in enumerate(saved)]


def _whole(out: Path, pattern: str) -> list[Path]:
    """Files by name, without those that a killed writer left half written, with a dot in front."""
    return sorted(path for path in out.glob(pattern) if not path.name.startswith("."))
