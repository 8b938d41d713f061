"""NPZ files, read whole or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def load_npz(path: str | Path) -> dict[str, NDArray[Any]]:
    """All arrays of a file, pickles refused; their checksums are verified.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is damaged, or no such file.
    """
    with Path(path).open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as data:
                return {name: data[name] for name in data.files}
        except Exception as error:  # NumPy, zipfile and zlib have a dozen kinds for damage
            raise ValueError(f"not an NPZ file, or a damaged one: {error!r}") from error
