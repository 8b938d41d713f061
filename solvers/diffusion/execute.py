"""The executor: runs a coefficient table, row by row."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import torch
from torch import Tensor

from ...schedules._checks import one_of
from ._scalar import Scalar, as_float
from ._tensors import broadcasts, check_floating
from .afs import first_output
from .model import PREDICTIONS, Model, Prediction, as_model, conversion, convert
from .step import Kind
from .table import CoefficientTable, Row

Callback = Callable[[int, float, Tensor], None]


def sample(
    model: Model, x: Tensor, table: CoefficientTable, callback: Callback | None = None
) -> Tensor:
    """Run a sampler from noise to data.

    Args:
        model: The model; it is called ``table.nfe`` times with x in the dtype of ``x``.
        x: The state at the start, shape (batch, ...): for pure noise, sigma times a standard
            normal. It is not changed.
        table: What :func:`lower` or a preset gives.
        callback: ``callback(step, t, x)`` after each of the ``table.steps`` steps, with the
            state there before its correction, if any; the tensor may be kept.

    Returns:
        The state at the end, shape, dtype and device of ``x``. Gradients flow where ``x`` or the
        table's coefficients require them, and are not recorded otherwise.

    Raises:
        TypeError: ``model`` is not a :class:`Model`, or ``x`` no floating tensor.
        ValueError: a table made for another noise schedule, an ``x`` that is not finite, a
            model that cannot say what the table asks. All before the first evaluation.
        FloatingPointError: the model's output is not finite; the message names the evaluation.

    Example:
        >>> from ritard.solvers.diffusion import EDM, Model, ddim, lower, sample
        >>> noise = EDM()
        >>> gaussian = Model(lambda x, t: x / (1 + t**2)[:, None], noise, "data")
        >>> table = lower(ddim(noise, (80.0, 10.0, 1.0, 0.0)))
        >>> sample(gaussian, torch.full((1, 1), 80.0), table)
        tensor([[0.5451]])
    """
    _check(model, x, table)
    learned = torch.is_grad_enabled() and (x.requires_grad or table.requires_grad)
    with torch.set_grad_enabled(learned):
        run = Execution(table, x)
        if table.first != "network":
            run.advance(first_output(table.first, run.x, table.nodes[0], model.mean), "noise")
        sums: list[Tensor] = []
        step = 0
        while (place := run.node) is not None:
            if callback and run.step > step:
                step = _report(run, callback)
            output = model(run.x.to(x.dtype), table.nodes[place].t)
            sums.append(output.detach().sum(dtype=run.x.dtype))
            run.advance(output, model.prediction)
        if callback:
            _report(run, callback)
        _check_finite(sums, table)
        return run.x.to(x.dtype)


class Execution:
    """One run of a table, driven by whoever calls the network.

    ``x`` is the state and ``node`` the place where the network is to be evaluated next (None at
    the end); :meth:`advance` takes the output there. What no later row needs is dropped; sums
    use its memory again where it is the run's own and no gradient is recorded.

    Args:
        table: The table.
        x: The state at node 0, shape (batch, ...); half precision is summed in float32.

    Raises:
        TypeError: no table, or no floating tensor.
    """

    def __init__(self, table: CoefficientTable, x: Tensor) -> None:
        _check_table(table)
        check_floating(x=x)
        self.table = table
        self.x = x if x.dtype in (torch.float32, torch.float64) else x.float()
        self.node: int | None = 0
        self.step = 0
        self.row = 0
        self._states = {0: self.x}
        self._outputs: dict[tuple[int, Kind], Tensor] = {}
        # Nodes whose state others may hold: the caller, a callback, a network that returns it.
        self._foreign = {0}

    def advance(self, output: Tensor, prediction: Prediction) -> None:
        """Take the network's output at ``node`` and run the rows up to the next evaluation."""
        place = self.node
        if place is None:
            raise RuntimeError("the run is over: there is nothing left to advance")
        one_of("prediction", prediction, PREDICTIONS)
        if output.shape != self.x.shape:
            raise ValueError(
                f"output: shape {tuple(output.shape)}, expected that of x, {tuple(self.x.shape)}"
            )
        if output.untyped_storage().data_ptr() == self.x.untyped_storage().data_ptr():
            self._foreign.add(place)  # a network that returns its input
        for kind in self.table.kinds[place]:
            node = self.table.nodes[place]
            self._outputs[place, kind] = convert(output, self.x, prediction, kind, node)
        rows, self.node = self.table.rows, None
        while self.node is None and self.row < len(rows):
            self._run(rows[self.row])

    def keep_state(self, x: Tensor | None = None) -> None:
        """Leave the present state to others; ``x`` takes its place (masks, edits).

        Raises:
            ValueError: an ``x`` of another shape.
        """
        if x is not None and x.shape != self.x.shape:
            raise ValueError(
                f"x: shape {tuple(x.shape)}, expected that of the run's, {tuple(self.x.shape)}"
            )
        target = self.table.rows[self.row - 1].target if self.row else 0
        self._foreign.add(target)
        if x is not None:
            self.x = self._states[target] = x.to(self.x.dtype)

    def fork(self, table: CoefficientTable | None = None) -> Execution:
        """Another run from here on; this one stays as it is.

        Args:
            table: For the run from here, with rows of the same places; the same if None.
        """
        other = copy(self)
        other.table = self.table if table is None else table
        other._states, other._outputs = dict(self._states), dict(self._outputs)
        self._foreign |= self._states.keys()
        other._foreign = set(self._foreign)
        return other

    def _run(self, row: Row) -> None:
        index, self.row = self.row, self.row + 1
        self.step += row.role == "predict"
        x = self._states[row.base]
        in_place = False
        if self.table.last_base[row.base] == index:
            del self._states[row.base]
            in_place = row.base not in self._foreign
        terms = [(self._outputs[j, row.kind], c) for j, c in row.terms]
        self.x = _combine(x, row.scale, terms, x if in_place else None)
        self._states[row.target] = self.x
        self._foreign.discard(row.target)
        for j, _ in row.terms:
            if self.table.last_use[j, row.kind] == index:
                del self._outputs[j, row.kind]
        if row.evaluate:
            self.node = row.target


def _check(model: Model, x: Tensor, table: CoefficientTable) -> None:
    """All that can be refused before the first evaluation."""
    as_model(model)
    _check_table(table)
    check_floating(x=x)
    if x.ndim == 0 or not bool(torch.isfinite(x.detach()).all()):
        raise ValueError("x: expected a batch of finite numbers")
    if model.noise != table.noise:
        alike = model.noise.name == table.noise.name
        settings = " with other settings" if alike else ""
        raise ValueError(
            f"table: made for noise schedule {table.noise.name!r}, the model's is "
            f"{model.noise.name!r}{settings}; schedule.on(model.noise) gives the same one under it"
        )
    if table.first == "mean" and model.mean is None:
        raise ValueError("model: mean=None; the table's analytic first step needs the data's mean")
    if table.first == "mean" and model.mean is not None and not broadcasts(model.mean, x):
        raise ValueError(
            f"model: mean of shape {tuple(model.mean.shape)} for x of {tuple(x.shape)}; expected "
            "one sample's shape, or what broadcasts to it"
        )
    for place, kinds in enumerate(table.kinds):
        for kind in kinds if place or table.first == "network" else ():
            conversion(model.prediction, kind, table.nodes[place])


def _check_table(table: Any) -> None:
    if not isinstance(table, CoefficientTable):
        raise TypeError(f"table={type(table).__name__}: expected lower(schedule)")


def _report(run: Execution, callback: Callback) -> int:
    run.keep_state()
    row = run.table.rows[run.row - 1]
    callback(run.step, as_float(run.table.nodes[row.target].t), run.x)
    return run.step


def _check_finite(sums: list[Tensor], table: CoefficientTable) -> None:
    """One transfer for the whole run: a sum is finite where all its numbers are."""
    bad = (
        ~torch.isfinite(torch.stack(sums))
        if sums
        else torch.zeros(1, dtype=torch.bool, device="cpu")
    )
    if not bool(bad.any()):
        return
    call = int(bad.nonzero()[0])
    node = table.nodes[table.evaluations[call]]
    raise FloatingPointError(
        f"model: output not finite at evaluation {call + 1} of {table.nfe}, "
        f"t={as_float(node.t):g}, sigma={as_float(node.sigma):g}"
    )


def _combine(
    x: Tensor, scale: Scalar, terms: list[tuple[Tensor, Scalar]], out: Tensor | None
) -> Tensor:
    """Scale x + sum_j c_j m_j."""
    if torch.is_grad_enabled():
        total = x * scale
        for m, c in terms:
            total = total + m * c
        return total
    total = torch.mul(x, as_float(scale), out=out)
    for m, c in terms:
        total.add_(m, alpha=as_float(c))
    return total
