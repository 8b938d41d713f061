"""The files of pictures of a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor

from ...schedules._atomic import atomic_path
from ..figures import _STYLE
from .figures import draw_errors, draw_schedule, schedule_handles
from .ground import Ground
from .jobs import Found

SAMPLES = 10
"""Columns of the grid of samples."""


def draw_all(ground: Ground, found: Mapping[int, Found], folder: Path) -> None:
    """``errors.png``, ``schedule-nfe5.png`` and so on, and of image models ``samples.png``."""
    _save(folder / "errors.png", (9, 5), draw_errors, found)
    for nfe, one in found.items():
        _save(folder / f"schedule-nfe{nfe}.png", (11, 4.6), _schedule, one)
    if ground.subject.image is not None:
        _samples(ground, found, folder / "samples.png")


def _save(path: Path, size: tuple[float, float], draw: Callable[..., object], data: Any) -> None:
    with rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        ax: Axes = figure.subplots()
        draw(data, ax)
        ax.spines[["top", "right"]].set_visible(False)
        with atomic_path(path) as temporary:
            figure.savefig(temporary)


def _schedule(found: Found, ax: Axes) -> None:
    draw_schedule(found, ax)
    legend: Any = {
        "loc": "lower center",
        "bbox_to_anchor": (0.5, 1.0),
        "ncols": 3,
        "columnspacing": 1.2,
    }
    ax.legend(handles=schedule_handles(), frameon=False, **legend)


def _samples(ground: Ground, found: Mapping[int, Found], path: Path) -> None:
    """Rows of samples from the same noises: exact, then before and after at each NFE."""
    judge = ground.first(SAMPLES)
    rows: list[tuple[str, Tensor]] = [("exact", judge.reference)]
    for nfe, one in found.items():
        for name, sampler in (
            ("fixed", one.result.fixed_sampler),
            ("found", one.result.sampler),
        ):
            rows.append((f"NFE {nfe}\n{name}", judge.samples(sampler)))
    with rc_context(_STYLE):
        layout = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
        figure = Figure(figsize=(SAMPLES + 1.2, len(rows)), layout=layout)
        axes = figure.subplots(len(rows), len(judge.eps), squeeze=False)
        for line, (name, samples) in zip(axes, rows, strict=True):
            for ax, sample in zip(line, samples, strict=True):
                draw_image(sample.reshape(ground.subject.image or ()).cpu().numpy(), ax)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=12)
        with atomic_path(path) as temporary:
            figure.savefig(temporary)


def draw_image(pixels: np.ndarray, ax: Axes) -> None:
    """An image of shape (channels, rows, columns), values in [-1, 1]."""
    shown = np.clip((pixels.transpose(1, 2, 0) + 1) / 2, 0, 1)
    ax.imshow(shown[..., 0] if shown.shape[-1] == 1 else shown, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
