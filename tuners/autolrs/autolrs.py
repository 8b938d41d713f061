"""AutoLRS: the learning rate searched while training, in a plain loop."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import islice
from typing import Any, Unpack

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from ...schedules import Constant, Schedule, ScheduleLR, Tabulated
from ...schedules._checks import whole
from ...schedules._drive import checked_drives
from ...schedules.budget import Budget
from ._bench import Bench
from ._faithful import Faithful, FaithfulSettings
from ._improved import Improved, Options, Settings
from ._pilot import Pilot
from ._ranks import Ranks
from ._replay_batch import tensors
from ._snapshot_random import RandomState
from ._training import PlainTraining
from .forecast import Forecaster
from .ledger import Ledger
from .plan import LEAST_PROBE
from .released import Released
from .report import Report

FEW = 256
"""Examples to score on below which a warning is given."""


class AutoLRS:
    """Searches a factor on any base schedule while training, at a small and known cost.

    A few times in a run the present factor and some others are tried from the same state, on the
    same batches with the same random numbers: each trains for a moment, then cools down to a rate
    of zero, and is scored. What a rate would gain at once and lose to noise is so judged after
    the decay that every run ends with. The state goes back, and the run goes on as if nothing had
    been tried, unless another factor won by more than its standard error: then it goes on from
    there, with that factor.

    - Rates are base rate x factor x base schedule: warm-up and the groups' ratios stay.
    - The batches tried on are those that the run has trained on: the data are not disturbed, and
      if nothing wins, the run is bit for bit the one without search.
    - The search costs at most ``overhead`` of ``total_steps``, scoring included; see ``ledger``.
    - Where processes train together (torch.distributed), they agree: losses are averaged over
      them, and the first decides. No other update has a collective more.
    - What is yielded, saved or interrupted is never inside a probe.

    Args:
        model: The module. It may be wrapped (DistributedDataParallel, compiled).
        optimizer: Its optimizer, at its base rates, without a scheduler.
        loss: The loss of a batch: a scalar, or one value an example.
        total_steps: Updates that the run consists of (what is tried comes on top).
        base: The base schedule; constant by default, with a linear cooldown over the last fifth.
        held_out: Batches to score on, not those that the result is reported on; the first
            ``scored`` are taken once. By default the last batches trained on before a stage: where
            the training set is fitted, held-out ones matter.
        step: Makes an update on a batch and returns its loss; by default ``loss``, backward,
            ``optimizer.step()``. It must neither step a scheduler nor keep state that is not
            in the model, the optimizer or ``state``.
        state: What else changes while training: a GradScaler, averaged models, metrics.
        group: Process group; torch's default one.
        **options: See :class:`Options`.

    Attributes:
        ledger: What was run and what the search cost.

    Raises:
        TypeError, ValueError: bad arguments; nothing was changed then.
        AllDiverged: while training, where no factor tried had a finite loss; the training is put
            back to the stage's beginning.
        MemoryError: a snapshot of the training fits nowhere; nothing was changed then.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(4, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
        >>> tuner = AutoLRS(model, optimizer, lambda x: model(x).square().mean(), total_steps=2000)
        >>> data = torch.randn(2000, 16, 4, generator=torch.Generator().manual_seed(0))
        >>> for loss in tuner.train(data):
        ...     pass
        >>> tuner.reports[0].scale > 1, tuner.ledger.productive, tuner.ledger.overhead <= 0.1
        (True, 2000, True)

    Source: Jin et al. (2021), AutoLRS, arXiv:2105.10762, for stages, candidates from one state
    and the Gaussian process. Different: the score, replayed batches, a trust region, a budget.
    :meth:`faithful` is the published algorithm.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss: Callable[[Any], Tensor],
        total_steps: int,
        *,
        base: Schedule | None = None,
        held_out: Iterable[Any] | None = None,
        step: Callable[[Any], Tensor] | None = None,
        state: Sequence[Any] = (),
        group: Any = None,
        **options: Unpack[Options],
    ) -> None:
        total_steps = whole("total_steps", total_steps, low=1)
        base = Constant().cooldown(0.2, "linear") if base is None else base
        settings = Settings(**options)
        scoring = [] if held_out is None else scoring_batches(held_out, settings.scored)
        checked_drives(optimizer, base, Budget.steps(total_steps))
        training = PlainTraining(model, optimizer, loss, step, state)
        self._begin(training, ScheduleLR(optimizer, base, total_steps), Ranks(group), total_steps)
        self._mode = improved(settings, base, total_steps, self._bench, scoring)

    @classmethod
    def faithful(
        cls,
        model: nn.Module,
        optimizer: Optimizer,
        loss: Callable[[Any], Tensor],
        total_steps: int,
        *,
        lr_min: float,
        lr_max: float,
        k: int = 10,
        tau0: int = 1000,
        ratio: float = 0.1,
        tau_max: int = 8000,
        kappa: float = 1e6,
        warmup_steps: int = 0,
        warmup_lr: float | None = None,
        val_fn: Callable[[], Any] | None = None,
        forecast: Forecaster | None = None,
        val_forecast: Forecaster | None = None,
        replay: bool = False,
        seed: int = 0,
        step: Callable[[Any], Tensor] | None = None,
        state: Sequence[Any] = (),
        group: Any = None,
        on_stage: Callable[[Report], Any] | None = None,
    ) -> AutoLRS:
        """AutoLRS as published and released, for reference.

        The run is cut into stages of tau updates at one rate. Before each, k rates are tried from
        its state for tau' = ``ratio`` x tau updates on the next batches of the stream, the first
        drawn log-uniformly, the next by a Gaussian process with mean - ``kappa`` x deviation; the
        losses are extrapolated to tau, and the tried rate of the least forecast is taken. tau
        doubles from ``tau0`` to ``tau_max``; after the first stage of that length, losses of
        ``val_fn``, at 16 points of a probe, take the place of training losses.

        Different from the released code, all its known defects being mended: a candidate that is
        not finite is never chosen and sets no scale; every update has the rate that was asked for;
        groups keep their ratios; updates are counted; the state that goes back is complete; no
        files, sockets or waits at every update; a search that would not leave a whole stage is
        not begun. Its own Gaussian process stands for scikit-optimize's. Probes that diverge run
        to their end, as released.

        Args:
            model: As for :class:`AutoLRS`, as are all that say no more here.
            optimizer: At its base rates; those of other groups keep their ratio to the first's.
            loss: Of a batch.
            total_steps: All updates of the run, search included.
            lr_min: Least rate of the first group, > 0.
            lr_max: Its largest.
            k: Rates tried in a stage.
            tau0: Updates of the first stage.
            ratio: Length of a probe over that of its stage.
            tau_max: Updates of the longest stage.
            kappa: Weight of the deviation; the released 1e6 bisects the interval.
            warmup_steps: Updates at the start at rates ``warmup_lr`` (t + 1) / ``warmup_steps``.
            warmup_lr: Where the warm-up ends; the optimizer's rate by default.
            val_fn: The validation loss, on data that are not reported; without it training
                losses go on to be used.
            forecast: Of training losses; the released one by default, :func:`varpro` is robust.
            val_forecast: Likewise of validation losses.
            replay: Whether all candidates of a stage train on the same batches, which the winner
                then begins with (the released code does not).
            seed: Of the first draws.
            step: Makes an update.
            state: What else changes.
            group: Process group.
            on_stage: Called with the :class:`Report` of each stage: scales are over the base rate,
                scores are forecasts.
        """
        total_steps = whole("total_steps", total_steps, low=1)
        checked_drives(optimizer, Constant(), Budget.steps(total_steps))
        base_lr = float(
            optimizer.param_groups[0].get("initial_lr", optimizer.param_groups[0]["lr"])
        )
        if base_lr <= 0:
            raise ValueError(f"optimizer: the first group's rate is {base_lr!r}; expected > 0")
        settings = FaithfulSettings(
            lr_min, lr_max, k, tau0, ratio, tau_max, kappa, warmup_steps,
            base_lr if warmup_lr is None else warmup_lr, val_fn, forecast or Released(),
            val_forecast or Released(rounds=1, share=0), replay, seed, on_stage,
        )  # fmt: skip
        self = cls.__new__(cls)
        training = PlainTraining(model, optimizer, loss, step, state)
        scheduler = ScheduleLR(optimizer, Constant(), total_steps)
        self._begin(training, scheduler, Ranks(group), total_steps)
        self._mode = Faithful(settings, total_steps, self._bench, base_lr)
        return self

    def _begin(
        self, training: PlainTraining, scheduler: ScheduleLR, ranks: Ranks, total_steps: int
    ) -> None:
        self.total_steps = total_steps
        self.ledger = Ledger()
        self._training = training
        self._bench = Bench(training, Pilot(scheduler), ranks, self.ledger)
        self._mode: Improved | Faithful

    # ---- running ------------------------------------------------------------------------

    def train(self, batches: Iterable[Any]) -> Generator[Tensor]:
        """One pass over batches, or less where ``total_steps`` is reached.

        Call it for each epoch. Validate, save or leave the loop between the losses as you like:
        the training then stands where the run does, never inside a probe.

        Yields:
            The loss of each productive update, after it.
        """
        for batch in batches:
            if self.done:
                return
            loss, productive = self._advance(batch)
            if productive:
                yield loss

    @property
    def done(self) -> bool:
        """Whether ``total_steps`` is reached."""
        return self._run >= self.total_steps

    @property
    def _run(self) -> int:
        faithful = isinstance(self._mode, Faithful)
        return self.ledger.productive + (self.ledger.search if faithful else 0)

    def _advance(self, batch: Any) -> tuple[Tensor, bool]:
        began = time.perf_counter()
        try:
            self._mode.begin()
            self._mode.saw(batch)
            loss = self._training.update(batch)
            return loss, self._mode.end(loss)
        except BaseException:
            self._mode.abandon()
            raise
        finally:
            self.ledger.seconds += time.perf_counter() - began

    # ---- what it found ------------------------------------------------------------------

    @property
    def scale(self) -> float:
        """The present factor on the base rate."""
        return self._mode.scale

    @property
    def reports(self) -> Sequence[Report]:
        """What each stage found."""
        return tuple(self._mode.reports)

    def schedule(self) -> Tabulated:
        """The multipliers of the base rates that the run was made with, as a schedule.

        At its updates it is exact: ``ScheduleLR(optimizer, tuner.schedule(), n)`` with n the run's
        productive updates runs them again, at no cost of a search. What is still to come of an
        improved run is included at the present factor.
        """
        n = self.ledger.productive if isinstance(self._mode, Faithful) else self.total_steps
        return learned(self._bench.pilot.scheduler, self._mode.segments, max(n, 1))

    # ---- saving and loading -------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The search's state, as plain values; save it beside the model's and the optimizer's.

        A stage under way is not in it: the resumed run begins that stage anew. The position in
        the data is ``ledger.productive`` batches (in the faithful mode those of searches more).

        Raises:
            RuntimeError: inside a probe, where the model is not in a state to be saved.
        """
        if self._mode.probing:
            raise RuntimeError(
                "AutoLRS.state_dict: the training stands inside a probe; save between the losses "
                "that train() yields"
            )
        return {
            "mode": type(self._mode).__name__.lower(),
            "total_steps": self.total_steps,
            "ledger": self.ledger.state_dict(),
            "search": self._mode.state_dict(),
            "scheduler": self._bench.pilot.scheduler.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state, after the model's and the optimizer's were loaded.

        Raises:
            ValueError: it is of another mode or length of run.
        """
        mine = {"mode": type(self._mode).__name__.lower(), "total_steps": self.total_steps}
        for key, value in mine.items():
            if state_dict.get(key) != value:
                raise ValueError(
                    f"state_dict: {key} is {state_dict.get(key)!r}, and this run's is {value!r}"
                )
        self.ledger.load_state_dict(state_dict["ledger"])
        self._mode.load_state_dict(state_dict["search"])
        self._bench.pilot.scheduler.load_state_dict(state_dict["scheduler"])
        self._bench.pilot.scheduler.apply()


def improved(
    settings: Settings, base: Schedule, total_steps: int, bench: Bench, scoring: Sequence[Any]
) -> Improved:
    """The improved mode of a run, with a word where it has no room to search."""
    plan = settings.plan(base, total_steps)
    if not plan.starts:
        warnings.warn(
            f"AutoLRS: {settings.overhead:.3g} of {total_steps} updates does not pay for "
            f"{settings.stages or 'one'} stage(s) of {settings.candidates} probes of {LEAST_PROBE} "
            "updates: nothing is searched and the rate stays (fewer stages, candidates or scored "
            "batches, or a larger overhead, make room)",
            UserWarning,
            stacklevel=3,
        )
    return Improved(settings, plan, bench, scoring)


def scoring_batches(held_out: Iterable[Any], count: int) -> list[Any]:
    """The first batches to score on, without a trace in the global random numbers.

    Raises:
        ValueError: there are none, or only one: there is no standard error then.
    """
    random = RandomState()
    found = list(islice(held_out, count))
    random.restore()
    if len(found) < 2:
        raise ValueError(f"held_out: it has {len(found)} batches; expected at least 2")
    sizes = [next((len(t) for t in tensors(batch) if t.ndim > 0), 1) for batch in found]
    if sum(sizes) < FEW:
        warnings.warn(
            f"held_out: {sum(sizes)} examples in {len(found)} batches are few to compare rates "
            f"on; expected about {FEW} or more",
            UserWarning,
            stacklevel=3,
        )
    return found


def learned(scheduler: ScheduleLR, segments: Sequence[tuple[int, float]], n: int) -> Tabulated:
    """The base schedule times the scales of its segments, at 0..n."""
    (drive,) = scheduler._drives
    assert isinstance(drive.schedules, Schedule)
    values = drive.schedules(np.arange(n + 1, dtype=np.float64), scheduler.budget)
    starts = np.array([start for start, _ in segments])
    scales = np.array([scale for _, scale in segments])
    return Tabulated(values * scales[np.searchsorted(starts, np.arange(n + 1), side="right") - 1])
