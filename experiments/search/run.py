"""Running a search: in this process or in several, with one progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...tuners.solver_search.evaluator import Evaluator
from ...tuners.solver_search.search_on import check_network
from ..failure import Failure
from ..trials.ledger import Ledger, Result
from ..trials.pool import Workers, last_of, watch
from ..trials.stop import Stop
from ..trials.storage import open_study, reachable
from ..trials.worker import work
from .course import STUDY, Course, Status
from .finish import carry_out
from .ground import Ground
from .jobs import Evaluation, Finish, Found, Score, Solving
from .progress import SearchBar
from .task import Task

if TYPE_CHECKING:
    from rich.console import Console


class SearchFailed(Failure):
    """A part of the search crashed again and again, or no fixed sampler works."""


def run_search(
    task: Task,
    url: str,
    folder: Path,
    workers: Workers | None = None,
    console: Console | None = None,
) -> dict[int, Found]:
    """Do what is missing of a search in the storage at ``url``.

    Other processes, here or elsewhere, may do the same at the same time and share the work.

    Args:
        task: What is searched.
        url: The storage.
        folder: Where exact solutions are kept.
        workers: Who does it; one in this process by default.
        console: Where the bar is drawn; stderr by default.

    Returns:
        What was found, by NFE.

    Raises:
        ValueError: the storage cannot serve, or the model cannot be searched.
        OSError: the storage was lost on the way.
        KeyboardInterrupt: stopped by the user; everything finished is kept.
        SearchFailed: there will be no result.
        WorkersDied: all worker processes ended early.
    """
    workers = workers or Workers()
    check_model(task, workers)
    ledger, stop = Ledger(open_study(url, STUDY)), Stop()
    course = Course(Ground(task, folder, workers.accelerator, stop))
    _ = course.ground.token  # before workers ask for it
    with stop.on_signals(), reachable(url), SearchBar(console) as bar:
        if workers.jobs == 1:
            statuses = _work_here(course, ledger, workers, stop)
        else:
            arguments = task, url, folder, ledger.since, workers
            look = partial(_watch, course, ledger)
            statuses = watch(look, _child, arguments, workers.jobs, stop)
        last = last_of(statuses, bar.show, stop, workers.jobs)
    if last.failed:
        raise SearchFailed(last.failed)
    return {nfe: last.found[nfe] for nfe in task.nfe}


def check_model(task: Task, workers: Workers) -> None:
    """Ask the network twice, before anything is spent on it.

    Raises:
        ValueError: outputs of another shape, not finite, or that differ from call to call.
    """
    ground = Ground(task, Path(), workers.accelerator)
    subject = ground.subject
    with workers.torch_threads():
        check_network(Evaluator(subject.model, ground.noises.train[:2], None, None, *subject.ends))


def _watch(course: Course, ledger: Ledger) -> Status:
    return course.watch(ledger.read())


def _work_here(course: Course, ledger: Ledger, workers: Workers, stop: Stop) -> Iterator[Status]:
    """Work in this process."""
    with workers.torch_threads():
        execute = partial(_execute, course, ledger)
        yield from work(partial(course.look, ledger), ledger, execute, stop)


def _child(stop: Stop, task: Task, url: str, folder: Path, since: int, workers: Workers) -> None:
    """A worker process."""
    course = Course(Ground(task, folder, workers.accelerator, stop))
    ledger = Ledger(open_study(url, STUDY), since)
    with reachable(url):
        for _ in _work_here(course, ledger, workers, stop):
            pass


def _execute(course: Course, ledger: Ledger, job: Any) -> Result:
    """Do a job."""
    if isinstance(job, Solving):
        return course.ground.solve(job)
    if isinstance(job, Finish):
        return carry_out(course, job, ledger.read().results)
    assert isinstance(job, Evaluation)
    train = course.ground.train
    before = train.cost
    value = train(job.sampler, job.bound)
    return Score(value, train.cost - before)
