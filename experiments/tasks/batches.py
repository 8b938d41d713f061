"""Batches of tensors in memory: no workers, no copies between processes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...schedules._checks import whole
from ...schedules._state import check_keys, reading

Batch = tuple[Tensor, Tensor]
Prepare = Callable[[Tensor], Tensor]
Augment = Callable[[Tensor, torch.Generator], Tensor]

_EVALUATION_BATCH = 500


class Examples(NamedTuple):
    """Inputs and targets of the same length; inputs as stored, perhaps in bytes."""

    inputs: Tensor
    targets: Tensor


class Batches:
    """Examples, cut into batches.

    Args:
        examples: What to cut.
        batch_size: Examples a batch.
        seed: If given, every pass is a new permutation from a generator of this seed, and the
            last batch, if smaller, is left out: every epoch has the same number of updates. If
            None, the examples come in order, all of them.
        prepare: Makes network inputs of stored ones, a batch at a time.
        augment: Random change of stored inputs, from the same generator; needs a seed.

    The generator moves on with every pass, so two Batches of one seed agree pass by pass. Where
    a pass stands is saved with a Trainer's checkpoint. For one process: under several ranks each
    would see all batches.

    Raises:
        TypeError: a batch size or a seed that is no whole number.
        ValueError: a batch size below 1, or above the number of examples where a seed is given;
            a negative seed; or ``augment`` without a seed.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        *,
        seed: int | None = None,
        prepare: Prepare | None = None,
        augment: Augment | None = None,
    ) -> None:
        most = len(examples.targets)
        if whole("batch_size", batch_size, low=1) > most and seed is not None:
            raise ValueError(f"batch_size={batch_size}: expected 1 to {most}")
        if seed is not None:
            whole("seed", seed)
        elif augment is not None:
            raise ValueError("seed=None: expected a seed where augment is given")
        self.examples = examples
        self.batch_size = batch_size
        self._generator = None if seed is None else torch.Generator().manual_seed(seed)
        self._begun: Tensor | None = None
        self._given = self._skip = 0
        self._prepare = prepare
        self._augment = augment

    def __len__(self) -> int:
        """Batches a pass."""
        full, rest = divmod(len(self.examples.targets), self.batch_size)
        return full + (rest > 0 and self._generator is None)

    def __iter__(self) -> Iterator[Batch]:
        """One pass: ``(inputs, targets)`` batch by batch."""
        if self._generator is None:
            parts = zip(*(t.split(self.batch_size) for t in self.examples), strict=True)
            for inputs, targets in parts:
                yield self._ready(inputs), targets
            return
        skip, self._skip = self._skip, 0
        self._begun = self._generator.get_state()
        order = torch.randperm(len(self.examples.targets), generator=self._generator)
        for given, rows in enumerate(order.split(self.batch_size)[: len(self)], 1):
            inputs, targets = self.examples.inputs[rows], self.examples.targets[rows]
            if self._augment is not None:
                inputs = self._augment(inputs, self._generator)
            self._given = given
            if given > skip:
                yield self._ready(inputs), targets

    def state_dict(self) -> dict[str, Any]:
        """Where the pass stands: the generator at its start, and the batches given since."""
        return {"begun": self._begun, "given": self._given}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next pass be the rest of the saved one; a whole one where that had ended.

        Raises:
            ValueError: it is not what :meth:`state_dict` gives; nothing has changed.
        """
        check_keys("Batches", state_dict, self.state_dict())
        begun = state_dict["begun"]
        with reading("given"):
            given = whole("given", state_dict["given"])
        if self._generator is None or begun is None:
            return
        try:
            torch.Generator().set_state(begun)
        except (RuntimeError, TypeError) as error:
            raise ValueError(f"state_dict: begun: {error}") from error
        self._generator.set_state(begun)
        self._skip = given
        if self._skip >= len(self):
            for _ in self:
                pass  # the generator comes to where the pass left it
            self._skip = 0

    def _ready(self, inputs: Tensor) -> Tensor:
        return inputs if self._prepare is None else self._prepare(inputs)


class Loaders(NamedTuple):
    """The batches of the three parts."""

    train: Batches
    val: Batches
    test: Batches


@dataclass(frozen=True)
class Dataset:
    """The three disjoint parts of a data set, and how stored inputs become network inputs.

    Attributes:
        train: What is trained on.
        val: What chooses the learning rate; cut from the training data by a fixed seed.
        test: What is reported.
        prepare: Applied to every batch; whatever it was fitted on is ``train`` alone.
        augment: Applied to training batches before ``prepare``.
    """

    train: Examples
    val: Examples
    test: Examples
    prepare: Prepare | None = None
    augment: Augment | None = None

    def loaders(self, batch_size: int, seed: int) -> Loaders:
        """Loaders of the three parts, those of ``val`` and ``test`` in order and complete."""
        return Loaders(
            Batches(self.train, batch_size, seed=seed, prepare=self.prepare, augment=self.augment),
            Batches(self.val, _EVALUATION_BATCH, prepare=self.prepare),
            Batches(self.test, _EVALUATION_BATCH, prepare=self.prepare),
        )
