"""GradNormRecorder: the gradient norms of a run, as it goes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from .._checks import whole
from .._lengths import MOST
from ._log import Log, checked_state
from ._measure import total_norm
from ._source import Source
from .norms import GradNorms, Norm

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


class GradNormRecorder:
    """Records the norm of the gradient that the optimizer is about to use, update by update.

    Call :meth:`record` after ``backward()`` and before clipping, once per optimizer update (so
    once under gradient accumulation). Norms stay on the device and are transferred a block at a
    time: no step waits for the device (sparse gradients do).

    Under DDP nothing is to be done: gradients are the global ones. Under FSDP2 and tensor
    parallelism every process must record, as for ``clip_grad_norm_``; under FSDP1 too, with
    ``group``. Only one process may write: give ``path`` on rank 0 alone.

    Args:
        source: The optimizer (held weakly), or parameters.
        norm: ``"l1"`` or ``"l2"``; by default l1 for the Adam family (optimizers with betas), l2
            for others. Parameters do not tell: it must be given with them.
        path: A JSON Lines log, appended to block by block; a run that resumes gives the same
            path, and what it repeats takes the old entries' place. Memory alone if not given.
        start: Number of the first update.
        group: The processes over which all gradients that are plain tensors are sharded (FSDP1).
        block: Updates between transfers; so many are lost when the process is killed.
        meta: What else the log shall say of the run, JSON values.

    Raises:
        OSError: the file cannot be opened.
        TypeError: an argument of the wrong kind.
        ValueError: no parameters, an unknown norm, or a file that is no log of this norm.

    Example:
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        >>> recorder = GradNormRecorder(optimizer)
        >>> layer(torch.tensor([3.0, 4.0])).sum().backward()
        >>> _ = recorder.record()
        >>> recorder.norms().norms.tolist()
        [5.0]
    """

    def __init__(
        self,
        source: Optimizer | Iterable[Tensor],
        norm: Norm | None = None,
        path: str | Path | None = None,
        *,
        start: int = 0,
        group: ProcessGroup | None = None,
        block: int = 512,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self.step = whole("start", start, high=MOST)
        self._block = whole("block", block, low=1)
        self._group = group
        self._source = Source(source)
        self.norm: Norm = norm or self._source.usual_norm()
        empty = GradNorms.of([], self.norm, [], self._source.name, meta)
        self._log = Log(empty, None if path is None else Path(path))
        self._closed = False
        self._steps, self._pending = list[int](), list[Tensor]()
        self._hook: Any = None

    # ---- recording ----------------------------------------------------------------------

    def record(self, step: int | None = None, scaler: GradScaler | None = None) -> Tensor:
        """Record the norm of the present gradients.

        Args:
            step: Number of the update; by default one more than the last. Where updates may be
                skipped (GradScaler), give your count of updates: the repeated step counts.
            scaler: A GradScaler whose ``unscale_`` has not been called for this update; its
                scale is divided out. After ``unscale_`` give none.

        Returns:
            The norm, a 0-dim tensor on the device (an l2 norm can go on to
            ``clip_grads_with_norm_``).

        Raises:
            ValueError: no parameter has a gradient, or the recorder is closed.
        """
        at = self.step if step is None else whole("step", step, high=MOST)
        if self._closed:
            raise ValueError("record: the recorder is closed; make a new one with the same path")
        found = total_norm(self._source.parameters(), self.norm, self._group)
        if scaler is not None:
            found = found / scaler.scale(torch.ones_like(found))
        self._steps.append(at)
        self._pending.append(found)
        self.step = at + 1
        if len(self._pending) >= self._block:
            self._write_or_warn()
        return found

    def attach(self) -> GradNormRecorder:
        """Record by itself whenever the optimizer steps; returns the recorder.

        Right only where nothing changes the gradients between ``backward()`` and ``step()``: no
        clipping, and no fused optimizer under GradScaler (others it has unscaled by then).

        Raises:
            ValueError: it was made from parameters. Later, by ``optimizer.step(closure)``:
                the gradients do not exist yet.
        """
        if self._hook is None:
            self._hook = self._source.optimizer.register_step_pre_hook(self._before_step)
        return self

    def detach(self) -> None:
        """Undo :meth:`attach`."""
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    # ---- what was recorded --------------------------------------------------------------

    def norms(self) -> GradNorms:
        """The log so far: with a path the whole file, earlier runs' entries included."""
        self._transfer()
        return self._log.norms()

    def flush(self) -> None:
        """Transfer and write what is pending; where it cannot be written, OSError, and it stays."""
        self._transfer()
        self._log.write()

    def close(self) -> None:
        """Detach, flush, close the file. Where the flush fails it may be called again."""
        self.detach()
        self._transfer()
        self._log.close()
        self._closed = True

    def __enter__(self) -> GradNormRecorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def state_dict(self) -> dict[str, Any]:
        """The position, and the entries that no file holds.

        With a path the log is brought to the file: none is left, unless it cannot be written.
        """
        self._write_or_warn()
        waiting = {"steps": list(self._log.steps), "norms": list(self._log.values)}
        return {"step": self.step} | waiting

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved position; what is pending is dropped.

        Also in the process that went further, as after a rollback: what it recorded from that
        position on is void (with a path, once the next entries are written).

        Raises:
            ValueError: not a recorder's state. Nothing has been changed then.
        """
        step, steps, norms = checked_state(state)
        self._steps, self._pending = [], []
        self.step = step
        self._log.go_on(step, steps, norms)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: whether it is attached; the optimizer's copy has lost its hooks."""
        return vars(self) | {"_hook": self._hook is not None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _hook=None)
        if state["_hook"]:
            self.attach()

    # ---- inside -------------------------------------------------------------------------

    def _before_step(self, _: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # torch passes the optimizer itself as the first of args.
        if (args[1] if len(args) > 1 else kwargs.get("closure")) is not None:
            raise ValueError(
                "attach: step(closure) computes the gradients after this point; call record() "
                "in the closure, after backward()"
            )
        self.record()

    def _transfer(self) -> None:
        """The one wait for the device, a block at a time."""
        if self._pending:
            device = self._pending[0].device
            block = torch.stack([found.to(device) for found in self._pending])
            self._log.add(self._steps, block.tolist())
            self._steps, self._pending = [], []

    def _write_or_warn(self) -> None:
        try:
            self.flush()
        except OSError as error:  # a full disk must not end a training
            text = f"GradNormRecorder: {error}; its norms wait in memory for the next block"
            warnings.warn(text, RuntimeWarning, stacklevel=3)
