"""Pictures in files: one style, and one way to write them, for all of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from ..schedules._atomic import atomic_path

MARKERS = "osD^vPX*<"
"""Marks of lines and points, taken in turn beside the colours of ``PALETTE``."""

WIDE = 4
"""Metrics that differ by more than this factor are drawn on a log axis."""

_STYLE: Any = {
    "font.size": 12,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 120,
}


class _PlainLog(LogFormatter):
    """Labels where matplotlib puts them on a log axis, but 0.1 instead of 1e-01."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def plain_log(axis: Axis) -> None:
    """Such labels on an axis."""
    axis.set_major_formatter(_PlainLog())
    axis.set_minor_formatter(_PlainLog())


@contextmanager
def picture(
    path: Path,
    size: tuple[float, float],
    rows: int = 1,
    columns: int = 1,
    *,
    layout: Any = "constrained",
    **shared: Any,
) -> Generator[list[Axes]]:
    """Axes to draw on, row by row; the file is there when the block has ended, whole or not at all.

    Args:
        path: Of the file; its ending says the format.
        size: Inches.
        rows: Of axes.
        columns: Of axes.
        layout: Matplotlib's layout engine.
        **shared: As of ``Figure.subplots``: ``sharey`` and so on.
    """
    with rc_context(_STYLE):
        figure = Figure(figsize=size, layout=layout)
        yield list(figure.subplots(rows, columns, squeeze=False, **shared).flat)
        with atomic_path(path) as temporary:
            figure.savefig(temporary)


def save(panels: Sequence[Callable[[Axes], object]], size: tuple[float, float], path: Path) -> None:
    """Draw panels side by side into a file, each by a function of its axes."""
    with picture(path, size, columns=len(panels)) as axes:
        for draw, ax in zip(panels, axes, strict=True):
            draw(ax)
