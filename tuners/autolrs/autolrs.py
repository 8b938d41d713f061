"""AutoLRS: the learning rate searched while training, in a plain loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Unpack

from torch import Tensor, nn
from torch.optim import Optimizer

from ...schedules import Constant, Linear, Schedule, ScheduleLR
from ...schedules._checks import whole
from ...schedules._drive import checked_drives
from ...schedules.budget import Budget
from ._faithful import Faithful
from ._faithful_settings import FaithfulSettings, first_rate
from ._improved import improved
from ._improved_settings import Options, Settings
from ._pilot import check_rates
from ._ranks import Ranks
from ._scoring import scoring_batches
from ._searched_run import SearchedRun
from ._training import PlainTraining
from .forecast import Forecaster
from .released import Released
from .report import Report


class AutoLRS(SearchedRun):
    """Searches a factor on any base schedule while training, at a small and known cost.

    A few times in a run the present factor and some others are tried from the same state, on the
    same batches with the same random numbers: each trains for a moment, then cools down to a rate
    of zero, and is scored. What a rate would gain at once and lose to noise is so judged after
    the decay that every run ends with. The state goes back, and the run goes on as if nothing had
    been tried, unless another factor won by more than twice its standard error and a hundredth
    of the score per factor of 2: then it goes on from there, with that factor.

    - Rates are base rate x factor x base schedule: warm-up and the groups' ratios stay.
    - The batches tried on are those that the run has trained on: the data are not disturbed, and
      if nothing wins, the run is bit for bit the one without search.
    - The search costs at most ``overhead`` of ``total_steps``, scoring included; see ``ledger``.
    - Where processes train together (torch.distributed), they agree: losses are averaged over
      them, and the first decides. No other update has a collective more.
    - A candidate that diverges is left early, as is a lower one that is behind, and what that saves
      pays for more of them.
    - After the first stage lower ones are tried only where the base schedule does not itself
      anneal, or the present one's losses rise. Where two stages in a row changed nothing, stages
      are passed over.
    - A raised factor is watched, a probe's length at a time: if the loss diverges after all, the
      run is put back to before that, and goes on at the former factor.
    - What is yielded, saved or interrupted is never inside a probe.

    Args:
        model: The module. It may be wrapped (DistributedDataParallel, compiled).
        optimizer: Its optimizer, at its base rates, without a scheduler.
        loss: The loss of a batch: a scalar, or one value an example.
        total_steps: Updates that the run consists of (what is tried comes on top).
        base: The base schedule; linear decay to zero by default.
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
        RuntimeError: while training, where something else has written the learning rate.
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
    and the Gaussian process. Different: the score, replayed batches, the search, a budget.
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
        base = Linear() if base is None else base
        settings = Settings(**options)
        scoring = [] if held_out is None else scoring_batches(held_out, settings.scored)
        checked_drives(optimizer, base, Budget.steps(total_steps))
        check_rates(optimizer)
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
        base_lr = first_rate(optimizer)
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
