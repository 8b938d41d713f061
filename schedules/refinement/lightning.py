"""GradNormCallback: gradient norms in a Lightning Trainer."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from torch.optim import Optimizer

from .._checks import whole
from .._lightning import Callback
from .._state import check_keys, reading
from ._log import checked_state
from .norms import Norm, check_norm
from .recorder import GradNormRecorder


class GradNormCallback(Callback):
    """Records the norms of the gradients that an optimizer uses, for :func:`refine`.

    Once per update, also under gradient accumulation and manual optimization; unscaled under
    AMP, before the Trainer's clipping. Rank zero writes. A run that resumes from a checkpoint
    goes on in the same file, and the updates it repeats take the old entries' place; so does a
    run that starts anew with the same path.

    It is right under one device, DDP, FSDP2 (``ModelParallelStrategy``) and ``FSDPStrategy`` with
    full sharding. DeepSpeed keeps the gradients to itself: there is nothing to record.

    Args:
        path: The JSON Lines log.
        norm: ``"l1"`` or ``"l2"``; by default l1 for the Adam family, l2 for others.
        optimizer: Index of the optimizer; for several give each its callback, with its own path.

    Raises:
        OSError: when training starts, where the file cannot be opened.
        TypeError, ValueError: an unknown norm or no index of an optimizer.
        ValueError: when training starts, for an optimizer that is not there, a path that two
            callbacks share, a file that is no log of this norm, or hybrid sharding.

    Example:
        >>> from lightning import Trainer
        >>> trainer = Trainer(max_epochs=3, callbacks=[GradNormCallback("norms.jsonl")],
        ...                   logger=False, enable_checkpointing=False)
    """

    def __init__(self, path: str | Path, norm: Norm | None = None, optimizer: int = 0) -> None:
        if norm is not None:
            check_norm(norm)
        self.path = Path(path)
        self.norm: Norm | None = norm
        self.optimizer = whole("optimizer", optimizer)
        self._updates: int | None = None
        self._waiting: dict[str, list[Any]] = {"steps": [], "norms": []}
        self._recorder: GradNormRecorder | None = None
        self._group: Any = None

    @property
    def state_key(self) -> str:
        """One for each optimizer, so that several callbacks may stand side by side."""
        return f"{type(self).__qualname__}[optimizer={self.optimizer}]"

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the log: the position is restored by now."""
        del pl_module
        found: list[Optimizer] = trainer.optimizers
        if self.optimizer not in range(len(found)):
            raise ValueError(
                f"optimizer={self.optimizer!r}: the module has {len(found)}; "
                f"expected one of {list(range(len(found)))}"
            )
        self._check_path_is_ours(trainer)
        if self._updates is None:
            # Added to a run in progress; with several optimizers global_step counts them all.
            self._updates = trainer.global_step if len(found) == 1 else 0
        path = self.path if trainer.is_global_zero else None
        self._group = sharding_group(trainer)
        source = found[self.optimizer]
        self._recorder = GradNormRecorder(source, self.norm, path, group=self._group)
        self._writes = path is not None
        if self._writes:
            self._recorder.load_state_dict({"step": self._updates} | self._waiting)

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Optimizer) -> None:
        """Record: Lightning calls this after unscaling and before clipping."""
        del pl_module
        if self._recorder is None or optimizer is not trainer.optimizers[self.optimizer]:
            return
        assert self._updates is not None
        # A training step that returned None left no gradients. A shard may be empty, but its
        # process must take part.
        if self._group is not None or has_gradients(optimizer):
            self._recorder.record(self._updates, scaler_still_in(trainer, optimizer))
        self._updates += 1

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write what is left."""
        del trainer, pl_module
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write what is left, also when training fails or is interrupted."""
        del trainer, pl_module, exception
        self._close()

    def state_dict(self) -> dict[str, Any]:
        """The position; what is pending is written, or saved where the file does not take it."""
        if self._recorder is not None and self._writes:
            state = self._recorder.state_dict()
            self._waiting = {name: state[name] for name in self._waiting}
        return {"updates": self._updates} | self._waiting

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's position; ValueError where it holds none."""
        check_keys("GradNormCallback", state_dict, {"updates": None} | self._waiting)
        updates, waiting = state_dict["updates"], {name: state_dict[name] for name in self._waiting}
        if updates is not None:  # else saved before training began
            with reading("GradNormCallback"):
                whole("updates", updates)
                checked_state({"step": updates} | waiting)
        self._updates, self._waiting = updates, waiting

    def _close(self) -> None:
        if self._recorder is not None:
            try:
                self._recorder.close()
            except OSError as error:  # the trained model is worth more than the log's end
                warnings.warn(f"GradNormCallback: {error}", RuntimeWarning, stacklevel=2)
            self.state_dict()  # a checkpoint of the end holds what could not be written
            self._recorder = None

    def _check_path_is_ours(self, trainer: Any) -> None:
        others = [c for c in trainer.callbacks if isinstance(c, GradNormCallback) and c is not self]
        if any(other.path == self.path for other in others):
            raise ValueError(
                f"path={str(self.path)!r}: another GradNormCallback writes there; "
                "expected a path for each"
            )


def has_gradients(optimizer: Optimizer) -> bool:
    """Whether any parameter has one: a training step that returned None leaves none."""
    return any(p.grad is not None for group in optimizer.param_groups for p in group["params"])


def scaler_still_in(trainer: Any, optimizer: Optimizer) -> Any:
    """The scaler that Lightning has not divided out: fused optimizers do so themselves."""
    if not getattr(optimizer, "_step_supports_amp_scaling", False):
        return None
    return getattr(trainer.precision_plugin, "scaler", None)


def sharding_group(trainer: Any) -> Any:
    """The processes that share plain gradients among them: those of FSDPStrategy."""
    sharding = getattr(trainer.strategy, "sharding_strategy", None)
    if sharding is None:
        return None
    if sharding.name not in ("FULL_SHARD", "SHARD_GRAD_OP"):
        raise ValueError(
            f"GradNormCallback: sharding_strategy={sharding.name}: expected FULL_SHARD or "
            "SHARD_GRAD_OP, or FSDP2 (ModelParallelStrategy)"
        )
    import torch.distributed as dist

    return dist.group.WORLD
