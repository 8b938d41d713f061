"""One sequence of systems under several tuners, each with a checkpoint in the output folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...schedules._checks import number, whole
from ...solvers.linear import Solution
from ...solvers.linear.gallery import Family
from ...tuners.bandits import Choice, SequenceError, SequenceReport, tune_sequence
from ..failure import Failure
from .problems import get_problem
from .tuners import PLAIN, Arms, check_tuner, make_tuner

Progress = Callable[[int, Choice, Solution], None]
METHODS = ("sor", "ssor", "ssor_cg")


@dataclass(frozen=True)
class Task:
    """What is solved and how; frozen, and checked when it is made.

    Args:
        problem: A name of :func:`~ritard.experiments.relax.problems.problem_names`.
        nx: Its size; 0 takes the problem's usual one.
        steps: Number of systems, >= 1.
        seed: Of the problem and of the tuners, >= 0.
        method: "sor", "ssor" or "ssor_cg".
        rtol: Relative tolerance, > 0.
        maxiter: Most iterations of a solve, >= 1; also what a failed one costs.
        arms: What tuners choose among.
    """

    problem: str
    nx: int = 0
    steps: int = 1000
    seed: int = 0
    method: str = "ssor_cg"
    rtol: float = 1e-8
    maxiter: int = 10_000
    arms: Arms = field(default_factory=Arms)

    def __post_init__(self) -> None:
        problem = get_problem(self.problem)
        whole("nx", self.nx)
        whole("steps", self.steps, low=1)
        whole("seed", self.seed)
        number("rtol", self.rtol, low=0, high=1, open_low=True, open_high=True)
        whole("maxiter", self.maxiter, low=1)
        if self.method not in METHODS:
            raise ValueError(f"method={self.method!r}: expected one of {', '.join(METHODS)}")
        if not problem.symmetric and self.method == "ssor_cg":
            raise ValueError(
                f"method='ssor_cg': the matrices of {self.problem} are not symmetric; "
                "expected sor or ssor"
            )

    @property
    def family(self) -> Family:
        """The systems."""
        problem = get_problem(self.problem)
        return problem.build(self.nx or problem.nx, self.steps, self.seed)

    def settings(self) -> dict[str, Any]:
        """All of it, as JSON values, with the size that a 0 stands for."""
        return asdict(self) | {"nx": self.nx or get_problem(self.problem).nx}

    def check(self, tuner: str) -> None:
        """ValueError where a tuner's name is unknown or does not fit."""
        check_tuner(tuner)
        if tuner == "adaptive" and self.method != "sor":
            raise ValueError(f"tuner='adaptive': it needs method sor, got {self.method}")
        if tuner in PLAIN and not get_problem(self.problem).symmetric:
            raise ValueError(f"tuner={tuner!r}: the matrices of {self.problem} are not symmetric")
        make_tuner(tuner, self.family, self.arms, self.seed)


def run_tuner(task: Task, tuner: str, folder: Path, progress: Progress) -> SequenceReport:
    """Solve the sequence with one tuner; a killed run goes on where its checkpoint stands.

    Args:
        task: What is solved.
        tuner: A name of :func:`~ritard.experiments.relax.tuners.tuner_names`.
        folder: Of the checkpoint.
        progress: Called after each system.

    Raises:
        ValueError: the checkpoint is of another run.
        Failure: a system could not be made or solved.
    """
    family = task.family
    try:
        return tune_sequence(
            family,
            make_tuner(tuner, family, task.arms, task.seed),
            method=tuner if tuner in PLAIN else task.method,
            rtol=task.rtol,
            maxiter=task.maxiter,
            warm_start=family.x0 is not None,
            checkpoint=folder / f"{tuner.replace(':', '-')}.checkpoint",
            checkpoint_every=1.0,
            progress=progress,
        )
    except SequenceError as error:
        raise Failure(str(error)) from error
