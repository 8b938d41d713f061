"""Drawing what a sequence gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

# The house's palette and new axes are shared by all rooms.
from ...schedules.plot import _new_axes, line_style
from .report import SequenceReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_omegas(reports: Mapping[str, SequenceReport], ax: Axes | None = None) -> Axes:
    """Draw omega over the sequence, one dot for each system.

    Args:
        reports: Reports by label.
        ax: Where to draw; a new figure's axes by default.

    Returns:
        The axes.

    Raises:
        ValueError: no reports.
        ImportError: matplotlib is not installed.
    """
    ax = _checked(reports, ax)
    for i, (label, report) in enumerate(reports.items()):
        colour = line_style(i)["color"]
        ax.plot(report.omegas, ".", markersize=3, alpha=0.5, color=colour, label=label)
    ax.set(xlabel="system", ylabel="omega", xlim=(0, None))
    return _finished(ax)


def plot_solved(reports: Mapping[str, SequenceReport | ArrayLike], ax: Axes | None = None) -> Axes:
    """Draw systems solved against cumulative iterations, one line for each report.

    The paper's figure: further left is better.

    Args:
        reports: Reports, or arrays of iterations per system, by label.
        ax: Where to draw; a new figure's axes by default.

    Returns:
        The axes.

    Raises:
        ValueError: no reports.
        ImportError: matplotlib is not installed.
    """
    ax = _checked(reports, ax)
    for i, (label, report) in enumerate(reports.items()):
        iterations: Any = report.iterations if isinstance(report, SequenceReport) else report
        spent = np.concatenate([[0], np.cumsum(iterations)])
        ax.plot(spent, np.arange(len(spent)), label=label, linewidth=2, **line_style(i))
    ax.set(xlabel="cumulative iterations", ylabel="systems solved", xlim=(0, None), ylim=(0, None))
    return _finished(ax)


def _checked(reports: Mapping[str, Any], ax: Axes | None) -> Axes:
    if not reports:
        raise ValueError(f"reports={reports!r}: expected at least one")
    return ax if ax is not None else _new_axes()


def _finished(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax
