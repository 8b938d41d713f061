"""What all searches on a testbed share: noises and their exact solutions, kept in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ....tuners.solver_search import Evaluator, Objective, Reject
from ...records import read_tensors, write_tensors
from ...testbeds import Testbed, get_testbed
from .features import Classifier, train_classifier
from .protocol import Protocol

BLOCK = 256
"""Noises solved at once, and saved together."""


@dataclass(frozen=True, eq=False)
class Ground:
    """The noises of a protocol, in the order train (seed by seed), validation, test.

    Attributes:
        protocol: What they are for.
        eps: Standard normal, shape (count, ...).
        exact: Solutions of the probability-flow ODE from them.
        seconds: What solving took.
        forwards: Samples that went through the network for that.
    """

    protocol: Protocol
    eps: Tensor
    exact: Tensor
    seconds: float
    forwards: int

    @property
    def bed(self) -> Testbed:
        """The testbed."""
        return get_testbed(self.protocol.testbed)

    def train(self, seed: int, objective: Objective | None = None) -> Evaluator:
        """What a search of that seed is scored by."""
        count = self.protocol.train
        return self._evaluator(seed * count, count, objective)

    def validation(self, objective: Objective | None = None) -> Evaluator:
        """What the last choice is made by."""
        return self._evaluator(self._searched, self.protocol.validation, objective)

    def test(self) -> Evaluator:
        """What is reported."""
        start = self._searched + self.protocol.validation
        return self._evaluator(start, self.protocol.test, None)

    @property
    def independent(self) -> Tensor:
        """Exact samples of other noises than the test's."""
        return self.exact[: self._searched + self.protocol.validation]

    @cached_property
    def classifier(self) -> Classifier | None:
        """Trained on the testbed's data, where that has classes."""
        labels = getattr(self.bed, "labels", None)
        return None if labels is None else train_classifier(self.bed.data, labels)

    @property
    def _searched(self) -> int:
        return self.protocol.seeds * self.protocol.train

    def _evaluator(self, start: int, count: int, objective: Objective | None) -> Evaluator:
        rows, bed = slice(start, start + count), self.bed
        early = Reject(min(64, max(count // 4, 1)))
        eps, exact = self.eps[rows], self.exact[rows]
        return Evaluator(bed.model, eps, objective, exact, bed.t_start, bed.t_end, reject=early)


def lay_ground(protocol: Protocol, path: Path) -> Iterator[Ground]:
    """Solve what the file lacks, block by block; the last that is yielded is whole.

    Raises:
        ValueError: the file holds noises of something else, or is damaged.
    """
    bed = get_testbed(protocol.testbed)
    total = protocol.seeds * protocol.train + protocol.validation + protocol.test
    generator = torch.Generator().manual_seed(0)
    eps = torch.randn(total, *bed.shape, generator=generator, dtype=bed.dtype)
    key = json.dumps({"testbed": bed.name, "noises": total, "tol": bed.reference_tol})
    held = _load(path, key, eps)
    while len(held["exact"]) < total:
        block = eps[len(held["exact"]) :][:BLOCK]
        solver = Evaluator(
            bed.model, block, t_start=bed.t_start, t_end=bed.t_end, tol=bed.reference_tol
        )
        held["exact"] = torch.cat([held["exact"], solver.reference])
        held["seconds"] += solver.reference_cost.seconds
        held["forwards"] += solver.reference_cost.forwards
        write_tensors(path, {"key": key, **held})
        yield Ground(protocol, eps[: len(held["exact"])], **held)
    yield Ground(protocol, eps, **held)


def _load(path: Path, key: str, eps: Tensor) -> dict[str, Any]:
    if not path.exists():
        return {"exact": eps[:0], "seconds": 0.0, "forwards": 0}
    held = read_tensors(path)
    if held.pop("key") != key:
        raise ValueError(f"{path}: it holds other noises; expected {key}")
    return held
