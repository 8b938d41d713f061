"""What a folder of results holds: written once, and checked by whoever goes on in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..schedules._checks import shown
from .records import read_json, write_json

SETTINGS = "settings.json"


def keep_settings(settings: Mapping[str, Any], folder: Path) -> None:
    """Make a folder and write what it is to hold, or check that it holds the same.

    Args:
        settings: All that the results depend on, as JSON values.
        folder: Of the results.

    Raises:
        ValueError: it holds results of other settings, or what it says of them is damaged.
    """
    path = folder / SETTINGS
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, settings)
        return
    try:
        held: dict[str, Any] = read_json(path, dict)
    except ValueError as error:
        raise ValueError(f"out={str(folder)!r}: {error}; expected another folder") from error
    for name, value in json.loads(json.dumps(settings)).items():
        if held.get(name) != value:
            raise ValueError(
                f"out={str(folder)!r}: it holds runs with {name}={shown(held.get(name))}, "
                f"not {shown(value)}; expected another folder"
            )
