"""Online refinement: the refined schedule of arXiv:2310.07831, learned in the run that uses it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from ..schedules import Budget, GradNormRecorder, Linear, ScheduleLR, Tabulated
from ..schedules._checks import number
from ..schedules._state import check_keys, check_state, reading
from ..schedules.refinement._log import checked_state
from ..schedules.refinement.norms import Norm
from ._course import Course
from ._forecast import refined_slope
from ._levels import Levels

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

BINS, BLOCKS, LEAST_BLOCK = 1000, 100, 8
"""Norms are kept as medians of a BINS-th of the run, and the schedule is recomputed BLOCKS times,
but not more often than every LEAST_BLOCK updates."""


class OnlineRefinement(ScheduleLR):
    """A ScheduleLR whose remaining part is refined from the gradient norms of the run so far.

    **Experimental**: of two tasks it was level with linear decay on one and worse on the other.

    Refinement (:func:`~ritard.schedules.refine`) needs the norms of a whole run. Here those still
    to come are forecast: **each is taken to be the last filtered norm**, the median of the last
    tenth of the run (``smoothing``). With the weights w_p = G_p^-2 (l2 norms, SGD) or G_p^-1 (l1
    norms, Adam family), in units of the last of them, the forecast weights are 1, and

        m_t = w_t sum_{p > t} w_p / max_s (w_s sum_{p > s} w_p) = (T - t) / max_s (...),

    p = 0..T: from the present a straight line to zero at T, whose slope is corrected after each
    percent of the run. Update t depends on the norms of updates before t alone.

    - Constant norms give linear decay, bit for bit. Where the forecast comes true, what remains
      is what :func:`~ritard.schedules.refine` would have given.
    - The maximum runs over past and forecast, so that 0 <= m_t <= 1: the base rate is the highest
      of the run, as for a refined schedule, and noise can only lower it. Norms count between a
      thousandth and a thousand of their median.
    - What cannot be foreseen is missed: while norms fall, the present is always the peak, and the
      rate stays near the base rate. No warm-up emerges; two runs give one.

    Call :meth:`record` after ``backward()`` and before clipping, once an update, or :meth:`attach`;
    and :meth:`step` after ``optimizer.step()``. Norms wait on the device and are fetched once in a
    percent of the run; about a thousand medians are kept, however long it is.

    Args:
        optimizer: The optimizer; one multiplier drives the learning rate of all its groups.
        total_steps: Updates of the run, or a Budget in steps or epochs.
        smoothing: Width of the median filter as a part of the run, in (0, 1].
        norm: ``"l1"`` or ``"l2"``; by default l1 for the Adam family, l2 for others.
        group: The processes over which plain gradients are sharded (FSDP1).
        last_epoch: As for :class:`ScheduleLR`.

    Raises:
        TypeError: an argument of the wrong kind.
        ValueError: a budget that does not count updates (the sums do), a smoothing out of range,
            or what :class:`ScheduleLR` refuses. Nothing has been changed then.

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> optimizer = torch.optim.SGD([weight], lr=0.4)
        >>> scheduler = OnlineRefinement(optimizer, total_steps=100).attach()
        >>> for t in range(50):
        ...     weight.grad = torch.ones(1) if t < 24 else torch.full((1,), 2.0)
        ...     optimizer.step()
        ...     scheduler.step()
        >>> round(scheduler.get_last_lr()[0], 3)  # twice the norm for the second half: linear: 0.2
        0.03

    Source: arXiv:2310.07831, Algorithm 1, for the weights and the rule. The forecast is ours, and
    so is this: at both edges the filter holds its nearest complete window, so that no single
    first norm sets the scale, and runs of 2000 updates and more are filtered in bins.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_steps: int | Budget,
        smoothing: float = 0.1,
        norm: Norm | None = None,
        *,
        group: ProcessGroup | None = None,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"optimizer={optimizer!r}: expected a torch.optim.Optimizer")
        budget = _counted(total_steps)
        self.smoothing = float(number("smoothing", smoothing, low=0, high=1, open_low=True))
        self._recorder = GradNormRecorder(optimizer, norm, group=group)
        self._own_scale = 1.0
        self._levels = Levels(max(1, int(budget.total) // BINS))
        self._course = Course(budget.total)
        super().__init__(optimizer, Linear(), budget, last_epoch)

    # ---- recording ----------------------------------------------------------------------

    @property
    def norm(self) -> Norm:
        """Which norm is recorded."""
        return self._recorder.norm

    def record(self, scaler: GradScaler | None = None) -> Tensor:
        """Record the norm of the present gradients; see :meth:`GradNormRecorder.record`."""
        return self._recorder.record(max(0, self.last_epoch), scaler)

    def attach(self) -> OnlineRefinement:
        """Record by itself at every step of the optimizer; see :meth:`GradNormRecorder.attach`."""
        self._recorder.attach()
        return self

    def detach(self) -> None:
        """Undo :meth:`attach`."""
        self._recorder.detach()

    # ---- the schedule -------------------------------------------------------------------

    def schedule(self) -> Tabulated:
        """The curve so far and its forecast, as a schedule to save, draw or run again.

        Its values are exact at every update of a run of up to 10,000 whole updates; a longer one
        is sampled. :attr:`scale` is no part of it.
        """
        return self._course.table(self.budget.total)

    def apply(self) -> None:
        """Write the rates of the present position into the optimizer's groups."""
        super().apply()
        self._recorder.step = max(0, self.last_epoch)
        self._levels.forget(self._recorder.step)  # after a jump back

    @property
    def scale(self) -> float:
        """A factor on the refined rate, saved with the state; other tuners set it."""
        return self._own_scale

    @scale.setter
    def scale(self, value: float) -> None:
        with self._whole():
            self._own_scale = float(number("scale", value, low=0))
            self._scale = self._own_scale * self._course.factor
            self.apply()

    @property
    def budget(self) -> Budget:
        """The horizon. Setting it (a budget that counts updates) refines and applies at once."""
        return self._clock.budget

    @budget.setter
    def budget(self, total_steps: int | Budget) -> None:
        budget = _counted(total_steps)
        cast("Any", ScheduleLR.budget).fset(self, budget)
        self._refine()
        self.apply()

    # ---- saving and loading -------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Plain values only: it loads under ``torch.load(weights_only=True)`` and is JSON."""
        self._collect()
        name = {"name": "online", "smoothing": self.smoothing, "norm": self.norm}
        refinement = {
            "scale": self._own_scale,
            "levels": self._levels.state_dict(),
            "course": self._course.state_dict(),
            "recorder": self._recorder.state_dict(),
        }
        return super().state_dict() | {"schedules": {"lr": name}, "refinement": refinement}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved position; another horizon than the saved one is fine.

        Raises:
            ValueError: the state of another scheduler, smoothing or norm, or what
                :class:`ScheduleLR` refuses. Nothing has been changed then.
        """
        here = self.state_dict()
        check_state(state_dict, here)
        kept = state_dict["refinement"]
        levels, course = _checked(kept, here["refinement"])
        super().load_state_dict(state_dict)
        self._own_scale, self._levels, self._course = float(kept["scale"]), levels, course
        self._recorder.load_state_dict(kept["recorder"])
        if state_dict["budget"]["total"] != self.budget.total:
            self._refine()
            if state_dict["in_charge"]:
                self.apply()

    # ---- inside -------------------------------------------------------------------------

    def _update_lr(self, epoch: int | None = None) -> None:
        super()._update_lr(epoch)
        T, width = int(self.budget.total), self._levels.width
        block = max(LEAST_BLOCK, T // BLOCKS) // width * width or width
        if self.last_epoch % block == 0:
            self._refine()
            self.apply()

    def _refine(self) -> None:
        """Fetch the norms, and take the line that they and the forecast call for."""
        self._collect()
        t, T, levels = self.last_epoch, float(self.budget.total), self._levels
        if t < T:
            slope = refined_slope(levels.values, levels.width, T, self.smoothing, self.norm)
            self._course.turn(t, slope, T)
        self._scale = self._own_scale * self._course.factor

    def _collect(self) -> None:
        """Bring the norms of whole bins to the levels; the others wait in the recorder.

        Past the end, where the rate is zero, none is kept.
        """
        log, T = self._recorder.norms(), math.ceil(self.budget.total)
        self._warn_where_nothing_comes(len(log))
        rest = self._levels.take(log, min(self._recorder.step, T))
        inside = rest.steps < T
        waiting = {"steps": rest.steps[inside].tolist(), "norms": rest.norms[inside].tolist()}
        self._recorder.load_state_dict({"step": self._recorder.step} | waiting)

    def _warn_where_nothing_comes(self, found: int) -> None:
        if found or self._levels.values or self.last_epoch < LEAST_BLOCK:
            return
        text = "no gradient norms: the decay stays linear; call record() after backward()"
        warnings.warn(f"OnlineRefinement: {text}", UserWarning, stacklevel=2)


def _counted(total_steps: int | Budget) -> Budget:
    budget = Budget.of(total_steps)
    if not budget.counts_updates:
        raise ValueError(
            f"total_steps={budget}: the refined schedule sums over the updates to come, which "
            f"{budget.unit} do not count; expected Budget.steps or Budget.epochs"
        )
    return budget


def _checked(kept: Any, here: Mapping[str, Any]) -> tuple[Levels, Course]:
    """The levels and the course of a saved state; ValueError where it is not such as ``here``."""
    levels, course = Levels(1), Course(1)
    with reading("refinement"):
        number("scale", kept["scale"], low=0)
        levels.load_state_dict(kept["levels"])
        course.load_state_dict(kept["course"])
        checked_state(kept["recorder"])
    for part in ("levels", "recorder"):
        check_keys(part, kept[part], here[part])
    check_keys("refinement", kept, here)
    return levels, course
