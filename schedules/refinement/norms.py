"""The log of gradient norms of a run."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._checks import whole
from .._lengths import MOST
from ..schedule import Array

Norm = Literal["l1", "l2"]


def check_norm(norm: str) -> None:
    """ValueError where it is neither of the two."""
    if norm not in ("l1", "l2"):
        raise ValueError(f"norm={norm!r}: expected 'l1' or 'l2'")


@dataclass(frozen=True, eq=False)
class GradNorms:
    """Norms of the gradients that an optimizer used, update by update.

    Steps ascend and stand once each: where a log repeats a step, as after a resumed run, the
    later entry counts. Norms that are not finite are kept, so that they can be counted.

    Attributes:
        steps: Update numbers, int64, ascending, shape (n,).
        norms: Norms at these updates, before clipping, float64, >= 0 or not finite, shape (n,).
        norm: ``"l2"`` (for SGD) or ``"l1"`` (for the Adam family).
        optimizer: Name of the optimizer's class; empty if not known.
        meta: What else is known of the run, JSON values.
    """

    steps: NDArray[np.int64]
    norms: Array
    norm: Norm = "l2"
    optimizer: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(
        cls,
        norms: ArrayLike,
        norm: Norm = "l2",
        steps: Sequence[int] | None = None,
        optimizer: str = "",
        meta: Mapping[str, Any] | None = None,
    ) -> GradNorms:
        """A log from numbers; steps are 0, 1, ... unless given.

        Raises:
            ValueError: norms that are no numbers or negative, other lengths of steps and norms,
                steps that are negative or not whole, or a norm that is neither ``"l1"`` nor
                ``"l2"``.

        Example:
            >>> GradNorms.of([4, 2, 1], steps=[0, 1, 1]).norms.tolist()
            [4.0, 1.0]
        """
        check_norm(norm)
        try:
            found = np.array(norms, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"norms={reprlib.repr(norms)}: expected numbers") from error
        at = np.arange(len(found)) if steps is None else np.asarray(steps)
        if at.shape != found.shape:
            raise ValueError(f"steps: {at.size} of them for {found.size} norms")
        if at.size and (at.dtype.kind not in "iu" or at.min() < 0 or at.max() > MOST):
            raise ValueError(f"steps={reprlib.repr(steps)}: expected ints from 0 to {MOST}")
        if np.any(found < 0):
            bad = int(np.flatnonzero(found < 0)[0])
            raise ValueError(f"norms: {found[bad]} at step {at[bad]}; expected numbers >= 0")
        # The last of equal steps is the first of them in the reversed log.
        once, where = np.unique(at[::-1], return_index=True)
        return cls(once.astype(np.int64), found[::-1][where], norm, optimizer, dict(meta or {}))

    def __len__(self) -> int:
        """Number of logged steps."""
        return len(self.steps)

    def filled(self) -> Array:
        """A norm for every step from the first logged to the last, shape (last - first + 1,).

        Steps that are missing, or whose norm is not finite, are interpolated linearly; at the
        ends the nearest is taken.

        Raises:
            ValueError: no finite norm at all.
        """
        finite = np.isfinite(self.norms)
        if not finite.any():
            raise ValueError(f"norms: none of {len(self)} is finite; there is nothing to use")
        every = np.arange(self.steps[0], self.steps[-1] + 1)
        return np.interp(every, self.steps[finite], self.norms[finite])

    def at_length(self, total_steps: int) -> Array:
        """The norms resampled to a run of ``total_steps`` in normalised time, shape (T,)."""
        T, found = whole("total_steps", total_steps, low=1), self.filled()
        if len(found) == T:
            return found
        return np.interp(np.linspace(0, 1, T), np.linspace(0, 1, len(found)), found)

    def trimmed(self, count: int = 2) -> GradNorms:
        """The log without its first and last ``count`` entries, where a run's ends are odd.

        The authors of arXiv:2310.07831 drop two at each end; nothing here does so by itself.

        Raises:
            ValueError: nothing would be left.

        Example:
            >>> GradNorms.of([90, 4, 2, 1, 7]).trimmed(1).norms.tolist()
            [4.0, 2.0, 1.0]
        """
        inside = slice(whole("count", count), len(self) - count)
        if 2 * count >= len(self):
            raise ValueError(f"count={count}: the log has {len(self)} entries; none would be left")
        return replace(self, steps=self.steps[inside], norms=self.norms[inside])

    def save(self, path: str | Path) -> None:
        """Write the log whole: JSON Lines, or NPZ where the name ends in ``.npz``."""
        from ._files import save

        save(self, Path(path))

    @staticmethod
    def load(path: str | Path, norm: Norm | None = None) -> GradNorms:
        """Read a log: JSON Lines, NPZ, or two columns (step, norm) with commas or blanks.

        A last line that was cut off in the middle of writing is left out.

        Args:
            path: The file.
            norm: Which norm a file of two columns holds; l2 if not given. For the other kinds,
                the norm that the file must hold.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no such log, or holds another norm than ``norm``.
        """
        from ._files import load

        return load(Path(path), norm)
