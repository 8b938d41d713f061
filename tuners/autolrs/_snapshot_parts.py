"""What is captured of each kind of part, and in which order it is put back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from ._snapshot_image import Image
from ._snapshot_kept import is_source
from ._snapshot_random import RandomState
from ._snapshot_rates import Rates
from ._snapshot_room import Room
from ._snapshot_tape import Tape, copied


def check_parts(parts: Sequence[Any]) -> None:
    """TypeError for a part of which no state can be had; ValueError where there are none."""
    if not parts:
        raise ValueError("Snapshot(): expected the model, the optimizer and whatever else changes")
    for part in parts:
        if not (isinstance(part, nn.Module | Optimizer | GradScaler) or is_source(part)) and not (
            hasattr(part, "state_dict") and hasattr(part, "load_state_dict")
        ):
            raise TypeError(
                f"Snapshot: {part!r} is no module, optimizer, GradScaler or random generator, and "
                "has no state_dict and load_state_dict"
            )


class Capture:
    """One capture of parts: tensors in a room, everything else on a tape or as state dicts."""

    def __init__(self, parts: Sequence[Any], skip: Sequence[Tensor], room: Room) -> None:
        tape, self._states = Tape(), list[tuple[Any, Any]]()
        sources: list[Any] = []
        for part in parts:
            if isinstance(part, nn.Module):
                tape.module(part)
            elif isinstance(part, Optimizer):
                tape.optimizer(part)
            elif isinstance(part, GradScaler):
                tape.scaler(part)
            elif is_source(part):
                sources.append(part)
            else:
                self._states.append((part, copied(part.state_dict())))
        self._tape = tape
        self.rates = [Rates(part) for part in parts if isinstance(part, Optimizer)]
        self._random = RandomState(sources)
        with torch.no_grad():
            self.image = Image(tape.tensors, skip, room)

    def put_back(self, rates: Sequence[float] | None) -> None:
        """Tensors, then scalars, schedulers and other objects, random numbers, and rates last."""
        with torch.no_grad():
            self.image.put_back()
            self._tape.put_back()
        for part, state in self._states:
            part.load_state_dict(copied(state))  # some keep, or take apart, what they are given
        self._random.restore()
        for kept in self.rates:
            kept.write(rates)
