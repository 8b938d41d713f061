"""Noises to start from: some to search on, some to choose on, some to report on, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...schedules._checks import shown, whole
from ...solvers.diffusion._brief import brief
from ...solvers.diffusion._tensors import check_floating


@dataclass(frozen=True, eq=False, repr=False)
class Noises:
    """Three disjoint sets of standard normal noises, shape (count, ...).

    All candidates of a search see the same ``train`` noises, so that they differ by what they
    are and not by their luck. What is best on them is chosen again on ``validation``, and what
    is chosen is reported on ``test``, which nothing else may look at.

    Raises:
        ValueError: a set that is empty, or sets of different shape or dtype.
    """

    train: Tensor
    validation: Tensor
    test: Tensor

    def __post_init__(self) -> None:
        """Check that the sets belong together."""
        for name in ("train", "validation", "test"):
            eps = getattr(self, name)
            check_floating(**{name: eps})
            if eps.ndim < 2 or not len(eps):
                raise ValueError(f"{name}: shape {tuple(eps.shape)}: expected (count, ...)")
            if eps.shape[1:] != self.train.shape[1:] or eps.dtype != self.train.dtype:
                raise ValueError(
                    f"{name}: {tuple(eps.shape[1:])} in {eps.dtype}, but train is "
                    f"{tuple(self.train.shape[1:])} in {self.train.dtype}"
                )

    def __repr__(self) -> str:
        """Each set by its shape."""
        return brief(self)

    @staticmethod
    def draw(
        shape: Sequence[int],
        train: int = 256,
        validation: int = 512,
        test: int = 2048,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> Noises:
        """Draw them: consecutive parts of one stream, the same on every device.

        Args:
            shape: Of one sample, such as (1, 32, 32).
            train: How many to search on.
            validation: How many to choose on.
            test: How many to report on.
            seed: Of the stream.
            dtype: float64 for analytic models, float32 for networks.
            device: Where the model is.

        Raises:
            TypeError, ValueError: a shape that is none, a count below 1.

        Example:
            >>> noises = Noises.draw((3, 8, 8), train=4, validation=2, test=5)
            >>> noises.test.shape
            torch.Size([5, 3, 8, 8])
        """
        if not hasattr(shape, "__iter__"):
            raise TypeError(f"shape={shown(shape)}: expected ints, such as (1, 32, 32)")
        for size in shape:
            whole("shape", size, low=1)
        counts = {"train": train, "validation": validation, "test": test}
        for name, count in counts.items():
            whole(name, count, low=1)
        generator = torch.Generator("cpu").manual_seed(whole("seed", seed))
        parts = [
            torch.randn(count, *shape, generator=generator, dtype=torch.float64, device="cpu")
            for count in counts.values()
        ]
        return Noises(*(part.to(device, dtype) for part in parts))
