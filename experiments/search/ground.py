"""What all workers of a search stand on: the model, common noises, and their exact solutions.

Exact solutions take longer than many evaluations. They are computed block by block, and kept in
the folder of the results, where a later call finds them.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...solvers.diffusion import Model
from ...tuners.solver_search import Cost, Evaluator, Judges, Noises
from ..records import read_tensors, write_tensors
from ..trials.stop import Interrupted, Stop
from .jobs import Solved, Solving
from .subject import Subject, get_subject
from .task import PROTOCOL, Task

BLOCK = 256
"""Noises that are solved at once, and sampled at once."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A task's model, noises and exact solutions.

    Attributes:
        task: What is searched.
        folder: Where exact solutions are kept.
        accelerator: The device.
        stop: The user's wish to end, heeded before every network call.
    """

    task: Task
    folder: Path
    accelerator: str = "cpu"
    stop: Stop | None = None

    @cached_property
    def subject(self) -> Subject:
        """The model."""
        return get_subject(self.task.model, self.accelerator)

    @cached_property
    def model(self) -> Model:
        """The model, which ends where the user wants an end."""
        network, stop = self.subject.model.network, self.stop

        def call(x: Tensor, t: Tensor) -> Tensor:
            if stop is not None and stop():
                raise Interrupted
            return network(x, t)

        return replace(self.subject.model, network=call)

    @cached_property
    def identity(self) -> str:
        """The search's identity: equal for equal searches, wherever they run."""
        task = self.task
        parts = [PROTOCOL, self.subject.identity, task.method, "+".join(map(str, task.nfe))]
        parts += [f"{task.searching}+{task.refining}", str(task.seed)]
        return "|".join([*parts, "+".join(map(str, task.noises))])

    @cached_property
    def noises(self) -> Noises:
        """Common to all samplers."""
        subject, task = self.subject, self.task
        train, validation, test = task.noises
        return Noises.draw(
            subject.shape, train, validation, test, task.seed, subject.dtype, subject.device
        )

    # ---- exact solutions -----------------------------------------------------------------

    @property
    def kept(self) -> Path:
        """Where they are."""
        return self.folder / "exact"

    @cached_property
    def token(self) -> str:
        """The folder's identity, given when it is first asked for."""
        path = self.kept / "identity"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            fresh = path.with_name(uuid.uuid4().hex)
            fresh.write_text(fresh.name)
            with suppress(FileExistsError):  # of several at once the first one's holds
                os.link(fresh, path)
            fresh.unlink()
        return path.read_text("utf-8", errors="replace")  # any text will do

    def blocks(self, name: str) -> list[Solving]:
        """The parts of a set."""
        subject, task = self.subject, self.task
        found: list[Solving] = []
        for start in range(0, len(getattr(self.noises, name)), BLOCK):
            what: list[Any] = [PROTOCOL, subject.identity, task.noises, task.seed, name, start]
            digest = hashlib.sha256(repr(what).encode()).hexdigest()[:8]
            found.append(Solving(self.token, name, start, f"{name}-{start}-{digest}.pt"))
        return found

    def unsolved(self, name: str) -> list[Solving]:
        """The parts of a set that are not there yet."""
        return [block for block in self.blocks(name) if not self._path(block).exists()]

    def solve(self, block: Solving) -> Solved:
        """Solve a part, and keep it."""
        eps = getattr(self.noises, block.set)[block.start : block.start + BLOCK]
        judge = self._evaluator(eps, None)
        exact, cost = judge.reference.cpu(), judge.reference_cost
        write_tensors(self._path(block), {"exact": exact, "cost": asdict(cost)})
        return Solved(cost)

    # ---- evaluators ----------------------------------------------------------------------

    @cached_property
    def judges(self) -> Judges:
        """Evaluators on the three sets, when all are solved."""
        return Judges(self.train, self._judge("validation"), self._judge("test"))

    @cached_property
    def train(self) -> Evaluator:
        """The evaluator that searches, when its set is solved."""
        return self._judge("train")

    def first(self, count: int) -> Evaluator:
        """An evaluator on the first of the test noises, for looking at samples."""
        judge = self._judge("test")
        return self._evaluator(judge.eps[:count], judge.reference[:count])

    def _judge(self, name: str) -> Evaluator:
        kept = [self._read(block) for block in self.blocks(name)]
        exact = torch.cat([part["exact"] for part in kept]).to(self.subject.device)
        judge = self._evaluator(getattr(self.noises, name), exact)
        judge.reference_cost = sum((Cost.from_dict(part["cost"]) for part in kept), Cost())
        return judge

    def _read(self, block: Solving) -> dict[str, Any]:
        try:
            return read_tensors(self._path(block))
        except ValueError as error:
            raise ValueError(f"{error}; remove the whole folder {self.kept}") from error

    def _evaluator(self, eps: Tensor, exact: Tensor | None) -> Evaluator:
        start, end = self.subject.ends
        return Evaluator(self.model, eps, None, exact, start, end, BLOCK, tol=self.subject.tol)

    def _path(self, block: Solving) -> Path:
        return self.kept / block.name
