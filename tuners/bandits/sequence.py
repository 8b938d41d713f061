"""Solving a stream of systems while learning omega."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...schedules._checks import number, plain, whole
from ...solvers.linear import Solution, solve
from ._learner import label
from ._progress import Progress
from ._stream import Stream
from .choice import Choice
from .report import SequenceReport

Vector = NDArray[Any]
Cost = Literal["iterations", "seconds"] | Callable[[Solution, float], float]
Solver = Callable[[Any, Vector, Any, "Vector | None"], Solution]


class SequenceError(RuntimeError):
    """A sequence ended before its end.

    Attributes:
        report: What was solved before, which the checkpoint holds as well.
    """

    def __init__(self, message: str, report: SequenceReport) -> None:
        super().__init__(message)
        self.report = report


def tune_sequence(
    systems: Iterable[Any],
    tuner: Any,
    *,
    method: str | Solver = "sor",
    rtol: float = 1e-5,
    atol: float = 0.0,
    relative_to: Literal["b", "r0"] = "b",
    maxiter: int | None = None,
    warm_start: bool = False,
    cost: Cost = "iterations",
    fallback: Callable[[Any, Vector], Vector] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 10.0,
    progress: Callable[[int, Choice, Solution], None] | None = None,
) -> SequenceReport:
    """Solve one system after the other, each with the omega that the tuner chooses.

    For each: ``choice = tuner.ask(context)``, solve with ``omega=choice.value``,
    ``tuner.tell(choice, cost)``. A solve that fails is a cost, not an error: ``maxiter``
    iterations, or infinity (the worst seen) where maxiter is not given or the cost is another.

    Args:
        systems: Yields (A, b) or (A, b, context); read as it comes, never stored. What has
            ``systems(start, x)``, as the families of ``ritard.solvers.linear.gallery``, is started
            where the checkpoint ends, any other iterable is passed over up to there. A generator
            receives each solution by ``send``, or None where there is no usable one (``yield from``
            takes it from a generator, not from a list). A context is a number or None. A matrix
            that comes again is prepared again, unless it is a ``Splitting`` or a ``Stencil``.
        tuner: A bandit of this package, or what has its four methods and gives a ``Choice``.
        method: "sor", "ssor", "ssor_cg", or a function (A, b, value, x0) -> Solution, for
            choices that are not omega; tolerances and maxiter are then its own affair.
        rtol: As of ``ritard.solvers.linear.solve``.
        atol: Absolute tolerance.
        relative_to: What rtol refers to, "b" or "r0".
        maxiter: Most iterations; also what a failed solve costs.
        warm_start: Start each solve from the solution before it, the first from ``systems.x0``
            if there is one; sizes must then be equal. Otherwise all start from zero, and sizes
            may change.
        cost: "iterations", "seconds", or a function (Solution, seconds) -> cost of a solve that
            converged.
        fallback: (A, b) -> x, called where a solve failed, for instance
            ``scipy.sparse.linalg.spsolve``; without it the unfinished solution stands.
        checkpoint: A file. If it exists, the run goes on from it, with the same choices as if it
            had never stopped (unless the cost is a time). It is written every
            ``checkpoint_every`` seconds, at the begin and the end, and before an error is raised.
        checkpoint_every: Seconds, >= 0; 0 writes after every system.
        progress: Called with the number of systems solved, the choice and the solution.

    Returns:
        The report of all systems, those before the checkpoint included.

    Raises:
        TypeError, ValueError: bad settings, or a checkpoint of another run; nothing was solved.
        OSError: the checkpoint can be neither read nor begun; nothing was solved.
        SequenceError: the stream raised, or gave a system that cannot be solved, or the
            checkpoint could not be written any more.

    Example:
        >>> import numpy as np
        >>> from ritard.solvers.linear import Stencil
        >>> from ritard.tuners.bandits import TsallisINF
        >>> A, tuner = Stencil.laplacian(10, 10), TsallisINF(arms=(1.0, 1.5, 1.9), seed=0)
        >>> report = tune_sequence([(A, np.ones(100))] * 50, tuner)
        >>> len(report), bool(report.converged.all())
        (50, True)

    Source: Khodak et al. (2024), arXiv:2310.02246.
    """
    for name in ("ask", "tell", "state_dict", "load_state_dict"):
        if not callable(getattr(tuner, name, None)):
            raise TypeError(f"tuner={tuner!r}: expected a bandit; it has no method {name}()")
    limits: dict[str, Any] = {"rtol": plain(rtol), "atol": plain(atol)}
    limits |= {"relative_to": relative_to, "maxiter": plain(maxiter)}
    solver = method if callable(method) else _relaxation(method, limits)
    price = _price(cost, maxiter)
    settings = {
        "method": label(method), **limits, "warm_start": warm_start, "cost": label(cost),
        "tuner": tuner.settings() if hasattr(tuner, "settings") else type(tuner).__name__,
    }  # fmt: skip
    every = number("checkpoint_every", checkpoint_every, low=0)
    run = Progress(tuner, settings, checkpoint, every)
    stream = Stream(systems, len(run), run.x)
    first = run.x if len(run) else getattr(systems, "x0", None)
    step = _Step(run, solver, price, fallback, warm_start, progress)
    try:
        step.all(stream, first)
        run.save()
    except Exception as error:
        kept = "" if checkpoint is None else f"; {_saved(run, checkpoint)}"
        raise SequenceError(
            f"system {len(run)}: {type(error).__name__}: {error} ({len(run)} solved before{kept})",
            run.report(),
        ) from error
    except BaseException:  # Ctrl-C
        if run.whole:
            _saved(run, checkpoint)
        raise
    return run.report()


def _saved(run: Progress, checkpoint: str | Path | None) -> str:
    """Save after an error, which no second one may hide; what came of it."""
    try:
        run.save()
    except Exception as error:
        return f"not saved: {type(error).__name__}: {error}"
    return f"saved in {checkpoint}"


@dataclass(frozen=True)
class _Step:
    """How each system is solved."""

    run: Progress
    solver: Solver
    price: Callable[[Solution, float], float]
    fallback: Callable[[Any, Vector], Vector] | None
    warm_start: bool
    progress: Callable[[int, Choice, Solution], None] | None

    def all(self, stream: Stream, start: Vector | None) -> None:
        """Solve what the stream holds, the first from ``start`` where starts are warm."""
        run = self.run
        while (system := stream.next(run.x)) is not None:
            A, b, context = system
            choice, solution = self.one(A, b, context, start if self.warm_start else None)
            start = run.x
            run.save_when_due()
            if self.progress is not None:
                self.progress(len(run), choice, solution)

    def one(self, A: Any, b: Vector, context: Any, x0: Vector | None) -> tuple[Choice, Solution]:
        """Ask, solve, tell."""
        if x0 is not None and x0.shape != b.shape:
            raise ValueError(
                f"b of shape {b.shape} after a solution of shape {x0.shape}: a warm start needs "
                "equal sizes (warm_start=False allows them to change)"
            )
        choice = self.run.ask(context)
        began = time.perf_counter()
        solution = self.solver(A, b, choice.value, x0)
        seconds = time.perf_counter() - began
        cost, x = self.price(solution, seconds), self.usable(solution, A, b)
        self.run.tell(choice, solution, cost, seconds, x)
        return choice, solution

    def usable(self, solution: Solution, A: Any, b: Vector) -> Vector | None:
        """The solution to go on from; None where it is not finite."""
        x = solution.x
        if self.fallback is not None and not solution.converged:
            x = np.asarray(self.fallback(A, b))
        return x if np.isfinite(x).all() else None


def _relaxation(method: Any, limits: dict[str, Any]) -> Solver:
    """A solver by relaxation."""
    solve(np.eye(1), np.zeros((1, 0)), method, **limits)  # solves nothing, refuses bad settings
    return lambda A, b, omega, x0: solve(A, b, method, omega, x0=x0, **limits)


def _price(cost: Any, maxiter: int | None) -> Callable[[Solution, float], float]:
    """What a solve costs, failed or not."""
    if cost == "iterations":
        cap = math.inf if maxiter is None else float(whole("maxiter", maxiter))
        return lambda solution, seconds: float(solution.iterations) if solution.converged else cap
    if cost == "seconds":
        return lambda solution, seconds: seconds if solution.converged else math.inf
    if not callable(cost):
        raise ValueError(f"cost={cost!r}: expected 'iterations', 'seconds' or a function")
    price: Any = cost
    return lambda solution, seconds: price(solution, seconds) if solution.converged else math.inf
