"""How much memory is free, on a device, on the host and on disk."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import torch

_UNLIMITED = 1 << 60  # what cgroup v1 says for "max", or more


def free_on(device: torch.device) -> float:
    """Bytes that can be had on a device; infinity where nobody tells."""
    if device.type == "cpu":
        return free_on_host()
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    return math.inf


def free_on_host() -> float:
    """Bytes of memory that can be had: the machine's, or what this process's cgroup leaves."""
    return min(_machine(), _cgroup())


def free_on_disk(folder: Path) -> float:
    """Bytes that can be had in a folder."""
    return shutil.disk_usage(folder).free


def _machine() -> float:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    return math.inf


def _cgroup() -> float:
    """The limit less what is used; cached files do not count, they give way."""
    for limit, used, stat, cache in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat",
         "total_inactive_file"),
    ):  # fmt: skip
        top, now = _number(limit), _number(used)
        if top is not None and now is not None and top < _UNLIMITED:
            cached = [line.split()[1] for line in _lines(_path(stat)) if line.split()[0] == cache]
            return max(0, top - now + sum(map(int, cached)))
    return math.inf


def _number(name: str) -> int | None:
    lines = _lines(_path(name))
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _path(name: str) -> str:
    return f"/sys/fs/cgroup/{name}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
