"""The checkpoint of ``ritard autolrs``: what a killed run goes on from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from ...schedules._atomic import atomic_path
from ...schedules._state import check_keys
from ...tuners.autolrs import AutoLRSCallback
from ..records import damage
from ..trials.stop import Interrupted, Stop

CHECKPOINT, EVERY_SECONDS = "run.checkpoint", 2.0


class Keep(Callback):
    """Saves the Trainer's checkpoint now and then, and leaves the run where the user wants an end.

    Never while a stage is recorded: there a run that goes on would begin the stage anew, and end
    otherwise than one that was not stopped.

    Args:
        search: The search, which comes before this one among the Trainer's callbacks.
        path: Of the checkpoint.
        stop: The user's wish to end.
    """

    def __init__(self, search: AutoLRSCallback, path: Path, stop: Stop) -> None:
        self._search, self._path, self._stop = search, path, stop
        self._saved = time.monotonic()
        self._random: torch.Tensor | None = None

    @property
    def found(self) -> Path | None:
        """The checkpoint to go on from, if there is one.

        Raises:
            ValueError: it is damaged.
        """
        if not self._path.exists():
            return None
        _check(self._path)
        return self._path

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Put back the generator that the run draws from."""
        del trainer, pl_module
        if self._random is not None:
            torch.set_rng_state(self._random)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After each update."""
        del pl_module, outputs, batch, batch_idx
        due = self._stop() or time.monotonic() - self._saved >= EVERY_SECONDS
        if due and self._search.between_stages:
            with atomic_path(self._path) as temporary:
                trainer.save_checkpoint(temporary)
            self._saved = time.monotonic()
        if self._stop():
            raise Interrupted

    def state_dict(self) -> dict[str, Any]:
        """The state of torch's generator."""
        return {"random": torch.get_rng_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep it until training starts; ValueError where there is none."""
        check_keys("Keep", state_dict, self.state_dict())
        self._random = state_dict["random"]


def _check(path: Path) -> None:
    if why := damage(path):
        raise ValueError(
            f"out={str(path.parent)!r}: {path.name} is damaged: {why}; remove that file to begin "
            "the run anew"
        )
