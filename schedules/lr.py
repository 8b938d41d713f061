"""ScheduleLR: schedules as a torch learning-rate scheduler."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ._checks import number, whole
from ._clock import Clock
from ._drive import PerGroup, checked_drives
from ._entries import Entry
from ._lengths import MOST
from ._pace import too_slow
from ._state import check_state
from .budget import Budget


class ScheduleLR(LRScheduler):
    """Drives the learning rate, or any numeric entry of the param groups, by schedules.

    rate = base rate * scale * s(position, T), always from the base and never from the last
    rate, so that resuming, nesting, a changed horizon, groups added late and tensor learning
    rates are right by construction. Call :meth:`step` once after every optimizer update. After
    ``add_param_group`` call :meth:`apply`, or the new group runs one update at its base rate.
    In Lightning use :class:`~ritard.schedules.ScheduleCallback`: it steps a scheduler that a module
    returns once an epoch, unless the ``"interval"`` is ``"step"``.

    How it differs from torch's schedulers: it does not wrap ``optimizer.step`` (so it never
    warns wrongly under GradScaler and keeps no reference cycle); past the end the last value
    holds; :meth:`load_state_dict` writes the rates into the optimizer. Inside torch's
    ``ChainedScheduler`` a closed form cannot see the other factors: multiply the schedules
    (``s * other``) instead.

    Args:
        optimizer: The optimizer; tensor learning rates are filled in place.
        schedule: A schedule for the learning rate of all groups, a list with one per group, or
            a dict from entries (``"lr"``, ``"weight_decay"``, ``"momentum"``, ``"betas[0]"``)
            to either. Each multiplies the entry's value at construction.
        total_steps: Number of updates of the run, or a :class:`Budget`.
        last_epoch: Index of the last update done, as in torch: the next one runs at
            ``last_epoch + 1``; -1 starts anew.

    Attributes:
        last_epoch: Updates done so far, t.
        base_lrs: Base rates of the groups (each group's ``initial_lr``).

    Raises:
        TypeError: an argument of the wrong kind.
        ValueError: a group without the entry, another number of schedules than groups, rates
            that are not finite, or a schedule that does not fit the horizon. Nothing has been
            changed then.

    Example:
        >>> import torch
        >>> from ritard.schedules import REX
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.3)
        >>> scheduler = ScheduleLR(optimizer, REX(), total_steps=100)
        >>> for _ in range(50):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> [round(lr, 4) for lr in scheduler.get_last_lr()]
        [0.2]
    """

    # The attribute is `budget`, not `total_steps`: accelerate takes a scheduler with that name
    # for OneCycleLR and stops stepping it early under gradient accumulation.

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: PerGroup | Mapping[str, PerGroup],
        total_steps: int | Budget,
        last_epoch: int = -1,
    ) -> None:
        budget = Budget.of(total_steps)
        last_epoch = whole("last_epoch", last_epoch, low=-1, high=MOST)
        if last_epoch > -1 and not budget.counts_updates:
            raise ValueError(
                f"last_epoch={last_epoch!r} under a budget in {budget.unit}: expected -1, or an "
                "int >= 0 where the budget counts updates (else use load_state_dict)"
            )
        self._drives = checked_drives(optimizer, schedule, budget)
        groups = optimizer.param_groups

        # From here on things change. torch's __init__ is not called: it would wrap
        # optimizer.step, and the initial step is an ordinary apply().
        self.optimizer = optimizer
        self._clock = Clock(budget)
        self._scale = 1.0
        self._warned = False
        self.last_epoch = last_epoch + 1
        self._step_count = 1
        for drive in self._drives:
            drive.entry.adopt(groups)
            drive.entry.unshare(optimizer.defaults, groups)
        self.apply()

    # ---- what runs it -------------------------------------------------------------------

    def step(self, epoch: int | None = None) -> None:
        """Go on by one update; call it after ``optimizer.step()``.

        Args:
            epoch: Jump to this update instead (torch's deprecated argument).
        """
        self._update_lr(epoch)
        self._step_count += 1
        if self.last_epoch > self._clock.suspicious and not self._warned:
            if message := self._clock.warning(self.last_epoch):
                warnings.warn(message, UserWarning, stacklevel=2)
            self._warned = True
        elif self._step_count == 2 and (message := too_slow(self, sys._getframe(1))):
            warnings.warn(message, UserWarning, stacklevel=2)

    def advance(self, amount: float) -> None:
        """Report progress under a budget in samples or tokens; :meth:`step` then uses it.

        Args:
            amount: Samples or tokens of this update, over all processes, >= 0.

        Raises:
            ValueError: a negative or non-finite amount, or a budget that advances by itself.
        """
        self._clock.advance(amount)

    def apply(self) -> None:
        """Write the values of the present position into the optimizer's groups.

        Raises:
            ValueError: a late group lacks an entry, or a schedule for it. Nothing is written then.
        """
        groups, position = self.optimizer.param_groups, self.position
        scale = self._scale
        found = [(d, d.values(groups, position, scale if d.is_lr else 1.0)) for d in self._drives]
        for drive, values in found:
            drive.entry.write(groups, values)
            if drive.is_lr:
                self._last_lr: list[Any] = values

    # ---- what it knows ------------------------------------------------------------------

    @property
    def position(self) -> float:
        """Where the run stands, in what the budget counts (updates under steps and epochs).

        Setting it applies at once. Processes whose clocks differ agree by it under seconds.
        """
        return self.last_epoch if self._clock.counts_updates else self._clock.elapsed

    @position.setter
    def position(self, value: float) -> None:
        with self._whole():
            if self._clock.counts_updates:
                self.last_epoch = whole("position", value, high=MOST)
            else:
                self._clock.set(number("position", value, low=0))
            self.apply()

    @property
    def elapsed(self) -> float:
        """What the clock shows now: under seconds it runs on between steps."""
        return self._clock.now()

    @property
    def budget(self) -> Budget:
        """The horizon. Setting it (an int or a Budget of the same kind) applies at once."""
        return self._clock.budget

    @budget.setter
    def budget(self, total_steps: int | Budget) -> None:
        budget = Budget.of(total_steps)
        self._clock.check_same_count(budget.unit)
        readers = [drive.readers(budget) for drive in self._drives]
        with self._whole():
            self._clock.budget = budget
            for drive, read in zip(self._drives, readers, strict=True):
                drive.use(read)
            self.apply()

    @property
    def scale(self) -> float:
        """A factor on the learning rate, saved with the state; tuners set it. Applies at once."""
        return self._scale

    @scale.setter
    def scale(self, value: float) -> None:
        with self._whole():
            self._scale = float(number("scale", value, low=0))
            self.apply()

    @property
    def base_lrs(self) -> list[float]:
        """Base rates of the groups. Set the whole list to change them; it applies at once."""
        return Entry("lr").bases(self.optimizer.param_groups)

    @base_lrs.setter
    def base_lrs(  # pyright: ignore[reportIncompatibleVariableOverride]  # torch keeps a copy
        self, values: Sequence[float]
    ) -> None:
        groups = self.optimizer.param_groups
        if not isinstance(values, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"base_lrs={values!r}: expected a list, one rate for each group")
        checked = [float(number("base_lrs", value)) for value in values]
        if len(checked) != len(groups):
            raise ValueError(f"base_lrs={checked}: expected {len(groups)}, one for each group")
        with self._whole():
            Entry("lr").rebase(groups, checked)
            self.apply()

    def get_last_lr(self) -> list[Any]:
        """The learning rates last written, one number for each group."""
        driven = any(drive.is_lr for drive in self._drives)
        return list(self._last_lr) if driven else Entry("lr").read(self.optimizer.param_groups)

    get_lr = get_last_lr  # in closed form there is no "next" rate to compute from the last

    # ---- saving and loading -------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Plain values only: it loads under ``torch.load(weights_only=True)`` and is JSON."""
        groups = self.optimizer.param_groups
        return {
            "last_epoch": self.last_epoch,
            "_step_count": self._step_count,
            "elapsed": self._clock.now(),
            "scale": self._scale,
            "budget": {"unit": self.budget.unit, "total": self.budget.total},
            "bases": {d.entry.name: d.entry.bases(groups) for d in self._drives},
            "schedules": {d.entry.name: d.to_plain() for d in self._drives},
            # Whether the optimizer holds the rates last written here.
            "in_charge": Entry("lr").holds(groups, self.get_last_lr()),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the saved position and write the rates of that position into the optimizer.

        Schedule and horizon are those given to the constructor: another horizon than the saved
        one is fine, another schedule is an error. It may come before or after
        ``optimizer.load_state_dict``; with another horizon after it, or call :meth:`apply` then
        (the optimizer brings the old horizon's rates with it). Where the rates were not this
        scheduler's when the state was saved (another one had taken over in a SequentialLR), none
        are written. So, to hand over to a new scheduler of the same optimizer, take the old state
        before building it.

        Raises:
            TypeError: not a dict. Nothing has been changed then, nor is it by a ValueError:
            ValueError: the state of another scheduler, schedule, number of groups or kind of
                budget, or a damaged one.
        """
        groups = self.optimizer.param_groups
        check_state(state_dict, self.state_dict())
        self._clock.check_same_count(state_dict["budget"]["unit"])
        with self._whole():
            self.last_epoch = state_dict["last_epoch"]
            self._step_count = state_dict["_step_count"]
            self._clock.set(float(state_dict["elapsed"]))
            self._scale = float(state_dict["scale"])
            for drive in self._drives:
                drive.entry.adopt(groups)  # a loaded optimizer may share tensors again
                drive.entry.rebase(groups, state_dict["bases"][drive.entry.name])
            if state_dict["in_charge"]:
                self.apply()

    # ---- helpers ------------------------------------------------------------------------

    def _update_lr(self, epoch: int | None = None) -> None:
        # torch's SequentialLR calls this with 0 where a phase begins.
        before, elapsed = self.last_epoch, 0.0
        to = before + 1 if epoch is None else whole("epoch", epoch, high=MOST)
        if not self._clock.counts_updates:
            elapsed = self._clock.now()
            self._clock.tick(epoch)
        self.last_epoch = to
        try:
            self.apply()
        except BaseException:
            self.last_epoch = before
            self._clock.set(elapsed)
            raise

    @contextmanager
    def _whole(self) -> Generator[None]:
        """What is set inside, or nothing of it where it is refused."""
        parts = map(vars, (self, self._clock, *self._drives))
        before = [(part, dict(part)) for part in (*parts, *self.optimizer.param_groups)]
        try:
            yield
        except BaseException:
            for part, kept in before:
                part.update(kept)
            raise
