"""Where the trained weights lie, and how they are written and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..data.store import cache_folder
from ..records import read_tensors, write_tensors

COMMAND = "python -m ritard.experiments.testbeds.train_unet"
"""What builds the weights."""


def weights_path() -> Path:
    """The file of the trained U-Net in the cache; it need not be there."""
    return cache_folder() / "testbeds" / "unet-fashion.pt"


def save(content: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values: whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, content)


def load(path: Path) -> dict[str, Any]:
    """Read what :func:`save` wrote, without running any code from it.

    Raises:
        FileNotFoundError: there is no such file; the message names the command that makes it.
        ValueError: the file is damaged or another one.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the U-Net is not trained yet; run: {COMMAND}")
    try:
        content = read_tensors(path)
    except ValueError as error:
        raise ValueError(f"{error}; remove it and run: {COMMAND}") from error
    if not isinstance(content, dict) or "record" not in content:
        raise ValueError(f"{path}: not made by {COMMAND}; remove it and run that")
    return content
