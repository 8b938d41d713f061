"""What a picture of the gallery is: one style, one way to a file, one section of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from ...schedules._atomic import atomic_path
from ...schedules.plot import PALETTE
from ..figures import picture

BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK, _ = PALETTE
COLOURS = (BLUE, RED, GREEN, PINK, ORANGE, SKY, BLACK)
"""Without yellow, which is hard to see on white."""

SHADES = 128
"""Colours of a file, which are enough for lines and a third of the size."""


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        title: The section's title.
        caption: What is to be seen, in one line.
        source: The command that makes the data, or what they are computed from.
        draw: Draws on the axes, row by row, given the folder of committed results.
        size: Inches. One of 9 in width is shown at about its size, so that letters of 11 points
            can be read.
        rows: Of axes.
        columns: Of axes.
        sharey: Whether the axes of a row have one scale.
    """

    title: str
    caption: str
    source: str
    draw: Callable[[list[Axes], Path], None]
    size: tuple[float, float] = (9.0, 4.5)
    rows: int = 1
    columns: int = 1
    sharey: bool = False

    def save(self, results: Path, path: Path) -> None:
        """Draw into a PNG file, which is there whole or not at all."""
        from PIL import Image

        with atomic_path(path) as temporary:
            with picture(temporary, self.size, self.rows, self.columns, sharey=self.sharey) as axes:
                self.draw(axes, results)
            few = Image.open(temporary).convert("RGB").quantize(SHADES)
            few.save(temporary, format="PNG", optimize=True)


def page(pictures: Mapping[str, Picture]) -> str:
    """The gallery as Markdown."""
    parts = [
        "# Gallery\n\n`make gallery` draws all of it from the committed results and from what can "
        "be computed exactly in\nseconds; nothing is trained. What the figures mean, with their "
        "spread, is in [RESULTS.md](../RESULTS.md).\n"
    ]
    for name, one in pictures.items():
        parts.append(
            f"\n## {one.title}\n\n![{one.title}](images/{name}.png)\n\n"
            f"{one.caption}  \nData: {one.source}\n"
        )
    return "".join(parts)


def below(axes: Sequence[Axes], columns: int) -> None:
    """The legend of the first axes under the whole figure, away from the data."""
    figure: Any = axes[0].figure
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def under(ax: Axes, columns: int) -> None:
    """The legend of one of several axes, under it."""
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=columns)
