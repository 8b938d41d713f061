"""RangeTest: what a range test found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...schedules.plot import PALETTE, _new_axes
from ._range_fit import Advice, advise, smooth

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RangeTest:
    """Losses over rates, and the rate that they suggest.

    Attributes:
        rates: Rates of the first group, growing; shape (n,).
        losses: Loss on the next batch after the update at each rate; shape (n,).
        before: Loss of that batch in the state before the test; shape (n,).
        diverged: The rate at which the loss was not finite or four times its size before; the
            test ended there, and the curve ends before it. None if it never was.
        suggestion: The rate to try. Where the loss falls: the geometric mean of the rate at which
            ``losses - before``, smoothed (medians of 3, lines over 0.3 decades), falls fastest in
            log10(rate), and of the one after which it is lowest. Where it only rises: a tenth of
            where that begins. None where the curve shows neither, or diverges from the lowest
            rate on.
        reason: How the suggestion came about, a sentence.
    """

    rates: Floats
    losses: Floats
    before: Floats
    diverged: float | None
    suggestion: float | None
    reason: str

    @property
    def change(self) -> Floats:
        """What the updates up to each rate changed of a batch's loss; negative is better."""
        return self.losses - self.before

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss over the rates, the noise from batch to batch taken out.

        Args:
            ax: Where to draw; a new figure's axes by default.

        Returns:
            The axes.

        Raises:
            ImportError: matplotlib is not installed.
        """
        ax = _new_axes() if ax is None else ax
        start, change = float(self.before.sum()) / max(len(self.before), 1), self.change
        ax.plot(self.rates, start + change, ".", color=PALETTE[5], label="loss")
        if len(self.rates) >= 3:
            level = smooth(self.rates, change, self.diverged).level
            ax.plot(self.rates, start + level, color=PALETTE[0], linewidth=2, label="smoothed")
            room = 0.5 * max(-float(level.min()), float(np.median(np.abs(change))))
            if room > 0:
                ax.set_ylim(start + float(level.min()) - room, start + 3 * room)
        if self.suggestion is not None:
            label = f"suggestion {self.suggestion:.2g}"
            ax.axvline(self.suggestion, color=PALETTE[1], linestyle="--", label=label)
        ax.set(xscale="log", xlabel="learning rate", ylabel="training loss")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
        return ax


def curve(rates: Floats, before: Sequence[float], after: Sequence[float]) -> RangeTest:
    """The result of a sweep whose last loss is out of bounds where it is shorter than ``rates``.

    Args:
        rates: The rates of the updates; shape (n,).
        before: Losses of the n batches in the state before.
        after: Losses on the way up, each taken before the update at its rate; at most n.
    """
    # The loss that an update at rate i leads to is the next one.
    given, last = np.asarray(after, dtype=np.float64), len(after) - 1
    ended = not abs(given[-1]) <= bound(before)
    diverged = float(rates[max(last - 1, 0)]) if ended else None
    n = last - 1 if ended else last
    tried, losses, old = rates[:n], given[1 : n + 1], np.asarray(before, np.float64)[1 : n + 1]
    advice: Advice = advise(tried, losses - old, diverged)
    return RangeTest(tried, losses, old, diverged, advice.rate, advice.reason)


def bound(before: Sequence[float]) -> float:
    """The size of loss that counts as diverged: four times that of the batches before."""
    size = np.abs(np.asarray(before, dtype=np.float64))
    return 4.0 * float(size.mean() + size.std())
