"""The ledger: claims and results of jobs, in an Optuna study that many workers share.

A claim needs no lock. A worker adds its trial in one transaction, RUNNING and already bearing
its job's key, and then reads all trials: if a lower number holds the same key, finished or
alive, the worker withdraws. Numbers are given out in order by the storage, so of any workers that
claim one job at once exactly the lowest keeps it.
"""

import math
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from ...schedules._checks import shown
from ...schedules._state import DAMAGE
from .journal import Damaged
from .lease import Heartbeat, Observer, worker_name
from .storage import Study

T = TypeVar("T")

TRIES = 3
"""A job that has crashed so often is reported as failed until the command is started again."""

INTERRUPTED, DUPLICATE, DIED = "interrupted", "duplicate", "its worker died"

_MARKS = {"key", "worker", "beat"}
"""What a claim writes into its trial; a trial without them is none of ours."""


class Job(Protocol):
    """Work that one worker does at a time."""

    @property
    def key(self) -> str:
        """What all workers call this job; equal keys are the same work."""
        ...

    @property
    def details(self) -> dict[str, Any]:
        """Its parts, as plain values, for those who look at the study with Optuna's own tools."""
        ...


class Result(Protocol):
    """What a job gave."""

    @property
    def value(self) -> float:
        """The number that Optuna's charts show; lower is better, and inf is the worst."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """All of it, as plain JSON values."""
        ...


class Failure(NamedTuple):
    """Why a job could not be done at its last try, and the job's details."""

    reason: str
    details: dict[str, Any]


@dataclass(frozen=True)
class Board:
    """What the ledger says now, by the keys of jobs.

    Attributes:
        results: What finished jobs gave, as :meth:`Result.to_dict` wrote it.
        failures: Jobs that crashed too often.
        running: Jobs that a live worker holds.
    """

    results: dict[str, dict[str, Any]]
    failures: dict[str, Failure]
    running: frozenset[str]

    def read(self, key: str, parse: Callable[[dict[str, Any]], T]) -> T:
        """The result of a finished job, as ``parse`` reads it.

        Raises:
            Damaged: it cannot.
        """
        try:
            return parse(self.results[key])
        except DAMAGE as error:
            raise Damaged(f"the result of {key!r} is damaged: {shown(error)}") from error


class Ledger:
    """One worker's hand in the shared ledger.

    Args:
        study: Where the trials are.
        since: Number of the first trial whose crashes count; by default those from now on, so
            that a command started again gives every job new tries.
        observer: Tells dead workers.
    """

    def __init__(
        self, study: Study, since: int | None = None, observer: Observer | None = None
    ) -> None:
        self._storage, self._study = study
        self.since = self._storage.get_n_trials(self._study) if since is None else since
        self._observer = observer or Observer()
        self._worker = worker_name()

    def read(self) -> Board:
        """Read all trials; those of dead workers are opened again.

        Raises:
            Damaged: they are not what was written.
        """
        crashes = Counter[str]()
        last = dict[str, Failure]()
        results = dict[str, dict[str, Any]]()
        running = set[str]()
        for trial in self._trials():
            key, attrs = trial.user_attrs["key"], trial.user_attrs
            if trial.state == TrialState.COMPLETE and "result" in attrs:
                results.setdefault(key, attrs["result"])
            elif trial.state == TrialState.RUNNING and self._lives(trial):
                running.add(key)
            elif trial.state != TrialState.COMPLETE and trial.number >= self.since:
                reason = attrs.get("failed", DIED)
                if reason not in (INTERRUPTED, DUPLICATE):
                    crashes[key] += 1
                    last[key] = Failure(reason, attrs)
        failures = {k: last[k] for k, n in crashes.items() if n >= TRIES and k not in results}
        return Board(results, failures, frozenset(running))

    def claim(self, job: Job) -> int | None:
        """Take a job: the id of its trial, or None where another worker has it."""
        attrs = {"key": job.key, **job.details, "worker": self._worker, "beat": 0}
        trial = create_trial(state=TrialState.RUNNING, user_attrs=attrs)
        mine = self._storage.create_new_trial(self._study, template_trial=trial)
        number = self._storage.get_trial_number_from_id(mine)
        for other in self._trials():
            if other.number < number and other.user_attrs["key"] == job.key and self._holds(other):
                self.release(mine, DUPLICATE)
                return None
        return mine

    @contextmanager
    def holding(self, trial: int) -> Generator[None]:
        """Keep the lease of a claimed trial while the block runs."""
        with Heartbeat(lambda n: self._storage.set_trial_user_attr(trial, "beat", n)):
            yield

    def finish(self, trial: int, result: Result) -> None:
        """Record what a job gave; passed over where the lease was lost and others redo the job."""
        # An infinite value keeps what diverged on Optuna's own charts, as the worst.
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial, "result", result.to_dict())
            value = result.value if math.isfinite(result.value) else math.inf
            self._storage.set_trial_state_values(trial, TrialState.COMPLETE, [value])

    def release(self, trial: int, reason: str) -> None:
        """Give a job up: it is open again, and counts as a crash unless interrupted."""
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial, "failed", reason)
            self._storage.set_trial_state_values(trial, TrialState.FAIL)

    def _trials(self) -> list[FrozenTrial]:
        try:
            found = self._storage.get_all_trials(self._study, deepcopy=False)
        except Damaged:
            raise
        except DAMAGE as error:
            raise Damaged(f"its trials cannot be read: {shown(error)}") from error
        return [trial for trial in found if _MARKS <= trial.user_attrs.keys()]

    def _holds(self, trial: FrozenTrial) -> bool:
        """Whether a trial keeps others from its job."""
        if trial.state == TrialState.COMPLETE:
            return "result" in trial.user_attrs
        return trial.state == TrialState.RUNNING and self._lives(trial)

    def _lives(self, trial: FrozenTrial) -> bool:
        attrs = trial.user_attrs
        if not self._observer.is_dead(trial.number, attrs["worker"], attrs["beat"]):
            return True
        number = trial.number
        found = self._storage.get_trial_id_from_study_id_trial_number(self._study, number)
        self.release(found, DIED)
        return False
