"""Files of gradient norms: JSON Lines, NPZ, and two columns of text."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._atomic import atomic_path
from .._npz import load_npz
from .._state import DAMAGE
from ._columns import Entries, load_columns
from .norms import GradNorms, Norm

FORMAT = 1


def header(norms: GradNorms, start: int | None = None) -> str:
    """The first line of a JSON Lines log; one stands again where a resumed run goes on.

    Args:
        norms: What it describes.
        start: First step of what follows. Entries from there on that stand before this line are
            of an attempt that was given up, and :func:`load` leaves them out.
    """
    head = {"ritard": "grad-norms", "format": FORMAT, "norm": norms.norm}
    head |= {"optimizer": norms.optimizer, "meta": dict(norms.meta)}
    try:
        return json.dumps(head if start is None else head | {"start": start}) + "\n"
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"meta={reprlib.repr(norms.meta)}: expected JSON values: {error}"
        ) from error


def lines(norms: GradNorms) -> str:
    """One line ``[step, norm]`` for each entry; null stands for what is not finite."""
    pairs = zip(norms.steps.tolist(), norms.norms.tolist(), strict=True)
    return "".join(json.dumps([s, g if math.isfinite(g) else None]) + "\n" for s, g in pairs)


def save(norms: GradNorms, path: Path) -> None:
    """See :meth:`GradNorms.save`."""
    with atomic_path(path) as temporary:
        if path.suffix == ".npz":
            with temporary.open("wb") as file:
                text = header(norms)
                np.savez_compressed(file, header=text, steps=norms.steps, norms=norms.norms)
        else:
            temporary.write_text(header(norms) + lines(norms), encoding="utf-8")


def load(path: Path, norm: Norm | None) -> GradNorms:
    """See :meth:`GradNorms.load`."""
    with path.open("rb") as file:
        start = file.read(2)
    if not start:
        raise ValueError(f"{path}: the file is empty; expected a log of gradient norms")
    if start == b"PK":
        found = _load_npz(path)
    elif start[:1] in (b"{", b"["):
        found = _load_lines(path)
    else:
        return load_columns(path, norm or "l2")
    if norm not in (None, found.norm):
        raise ValueError(f"norm={norm!r}: {path} is a log of {found.norm} norms")
    return found


def read_header(entry: Any, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A header that is what this version writes and goes on with the norms of the one before."""
    head: dict[str, Any] = entry if isinstance(entry, dict) else {}
    if (head.get("ritard"), head.get("format")) != ("grad-norms", FORMAT) or "norm" not in head:
        raise ValueError(f"header {entry!r}; expected a log of gradient norms, format {FORMAT}")
    if before is not None and before["norm"] != head["norm"]:
        raise ValueError(f"it goes on with {head['norm']} norms after {before['norm']} norms")
    return {"optimizer": "", "meta": {}} | head


def _load_lines(path: Path) -> GradNorms:
    head: dict[str, Any] | None = None
    entries = Entries(path)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):  # cut off while it was written
                break
            try:
                entry = json.loads(line)
                if isinstance(entry, dict):
                    head = read_header(entry, head)
                    entries.drop_from(head.get("start", math.inf))
                else:
                    entries.add(*entry)
            except DAMAGE as error:
                raise ValueError(
                    f"{path}, line {number}: not an entry of a log: {error}"
                ) from error
    if head is None:
        raise ValueError(f"{path}: not a log of gradient norms; its first line is missing")
    return entries.norms(head)


def _load_npz(path: Path) -> GradNorms:
    try:
        data = load_npz(path)
        head = read_header(json.loads(str(data["header"])))
        steps: Any = data["steps"]
        return GradNorms.of(data["norms"], head["norm"], steps, head["optimizer"], head["meta"])
    except DAMAGE as error:
        raise ValueError(f"{path}: not an NPZ log of gradient norms: {error}") from error
