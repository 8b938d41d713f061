"""The files of pictures of a search."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor

from ..figures import picture, save
from .figures import draw_errors, draw_schedule, schedule_handles
from .ground import Ground
from .jobs import Found

SAMPLES = 10
"""Columns of the grid of samples."""


def draw_all(ground: Ground, found: Mapping[int, Found], folder: Path) -> None:
    """``errors.png``, ``schedule-nfe5.png`` and so on, and of image models ``samples.png``."""
    save([partial(draw_errors, found)], (9, 5), folder / "errors.png")
    for nfe, one in found.items():
        save([partial(_schedule, one)], (11, 4.6), folder / f"schedule-nfe{nfe}.png")
    if ground.subject.image is not None:
        _samples(ground, found, folder / "samples.png")


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
    layout = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    size, width = (SAMPLES + 1.2, len(rows)), len(judge.eps)
    with picture(path, size, len(rows), width, layout=layout) as axes:
        for i, (name, samples) in enumerate(rows):
            line = axes[i * width : (i + 1) * width]
            for ax, sample in zip(line, samples, strict=True):
                draw_image(sample.reshape(ground.subject.image or ()).cpu().numpy(), ax)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=12)


def draw_image(pixels: np.ndarray, ax: Axes) -> None:
    """An image of shape (channels, rows, columns), values in [-1, 1]."""
    shown = np.clip((pixels.transpose(1, 2, 0) + 1) / 2, 0, 1)
    ax.imshow(shown[..., 0] if shown.shape[-1] == 1 else shown, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
