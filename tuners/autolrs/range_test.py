"""range_test: which learning rates a model can take, found in a few steps that leave no trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from ...schedules._checks import number, whole
from ._range_curve import RangeTest, bound, curve
from ._range_rate import RateWriter
from ._snapshot_random import RandomState
from .replay import ReplayBuffer
from .snapshot import Snapshot

Floats = NDArray[np.float64]
Step = Callable[[Any], Tensor | float]
LEAST = 10  # batches; a shorter curve says nothing


def range_test(
    step: Step,
    model: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[Any],
    *others: Any,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
) -> RangeTest:
    """Train a few steps at rates that grow from ``low`` to ``high``, see what the loss does, undo.

    Half of the steps go up the rates, one batch each. The other half show the same batches (and
    the same dropout) to the model as it stands: what is looked at is the *difference*, in which
    the noise from batch to batch has gone. So it works in mid-training too, where that noise is
    larger than anything that a few steps change. Everything is then as it was, bit for bit:
    model, optimizer, ``others``, random numbers; and the batches, where a :class:`ReplayBuffer`
    is given, come again.

    A range test sees no further than its few steps: it favours rates that pay at once. Take the
    suggestion as a start, not as the best peak of a long schedule.

    Args:
        step: One whole update as the training does it (``zero_grad``, forward, ``backward``,
            clipping, ``optimizer.step()``); gets a batch and returns its loss. It may step a
            scheduler after the optimizer.
        model: The model, for its state.
        optimizer: Whose learning rate is tested. With several groups the rates are those of the
            first, and the others keep their ratios to it.
        batches: A :class:`ReplayBuffer`, or batches as a DataLoader gives. Of an iterator those
            drawn are gone.
        others: What else the step changes: schedulers, a GradScaler, averages, other optimizers
            (as the parts of a :class:`Snapshot`).
        low: Least rate, > 0.
        high: Largest rate, > ``low``; the test ends earlier where the loss diverges.
        steps: Training steps in all, >= 20; half as many batches.

    Returns:
        The rates, the losses and a suggestion with its reason.

    Raises:
        MemoryError: the state does not fit into memory a second time.
        RuntimeError: the step changed the rate before it called ``optimizer.step()``.
        TypeError: an argument of the wrong kind.
        ValueError: a range that is reversed or holds 0, fewer than 10 batches, a loss that is not
            finite before anything was changed, a step that never called ``optimizer.step()``.
            Everything is as it was then, too.

    Source: the sweep is of Smith (2017), Cyclical Learning Rates, arXiv:1506.01186, section 3.3.
    We differ in the paired losses and in the suggestion (see :class:`RangeTest`).
    """
    low = float(number("low", low, low=0, open_low=True))
    high = float(number("high", high, low=low, open_low=True))
    n = whole("steps", steps, low=2 * LEAST) // 2
    buffer = batches if isinstance(batches, ReplayBuffer) else ReplayBuffer[Any](batches)
    writer = RateWriter(optimizer)
    with Snapshot(model, optimizer, *others) as origin, _marked(buffer, n):
        before = _unchanged(step, buffer, origin, n)
        buffer.rewind()
        rates = np.geomspace(low, high, len(before))
        with writer:
            after = _sweep(step, buffer, writer, rates, bound(before))
    return curve(rates, before, after)


@contextmanager
def _marked(buffer: ReplayBuffer[Any], n: int) -> Generator[None]:
    """Whatever is drawn in here comes again."""
    buffer.mark(n)
    try:
        yield
    finally:
        if buffer.marked:  # it gives up by itself where memory is short
            buffer.rewind()
            buffer.release()


def _unchanged(step: Step, buffer: ReplayBuffer[Any], origin: Snapshot, n: int) -> list[float]:
    """The losses of the next n batches, each at the present state."""
    losses: list[float] = []
    for batch in _next(buffer, n):
        losses.append(_number(step(batch)))
        # What comes next is drawn as it would be had the training gone on.
        random = RandomState()
        origin.restore()
        random.restore()
        if not math.isfinite(losses[-1]):
            raise ValueError(
                f"range_test: the loss is {losses[-1]} on batch {len(losses)} before any rate was "
                "tried; mend the model or its data first"
            )
    if len(losses) < LEAST:
        raise ValueError(f"batches: they ended after {len(losses)}, expected at least {LEAST}")
    return losses


def _sweep(
    step: Step, buffer: ReplayBuffer[Any], writer: RateWriter, rates: Floats, too_much: float
) -> list[float]:
    """The losses on the way up, each before the update at its rate; the last may be too much."""
    losses: list[float] = []
    for rate, batch in zip(rates, _next(buffer, len(rates)), strict=True):
        writer.write(float(rate))
        losses.append(_number(step(batch)))
        if not abs(losses[-1]) <= too_much:
            break
    if not writer.updates:
        raise ValueError("step: it did not call optimizer.step(), which is its to do")
    return losses


def _number(loss: Tensor | float) -> float:
    return float(loss.detach() if isinstance(loss, Tensor) else loss)


def _next(buffer: ReplayBuffer[Any], n: int) -> Iterator[Any]:
    """The next n batches, into the next pass where one ends, or fewer where there is none."""
    for _ in range(n):
        try:
            yield next(buffer)
        except StopIteration:
            try:
                yield next(iter(buffer))
            except StopIteration:
                return
