"""The ledger: claims and results of runs, in an Optuna study that many workers share.

A claim needs no lock. A worker adds its trial in one transaction, RUNNING and already bearing
its run's key, and then reads all trials: if a lower number holds the same key, finished or
alive, the worker withdraws. Numbers are given out in order by the storage, so of any workers that
claim one run at once exactly the lowest keeps it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from .grid import Run, percent
from .lease import Heartbeat, Observer, worker_name
from .outcome import Outcome
from .storage import Study

TRIES = 3
"""A run that has crashed so often is reported as failed until the command is started again."""

INTERRUPTED, DUPLICATE, DIED = "interrupted", "duplicate", "its worker died"


@dataclass(frozen=True)
class Board:
    """What the ledger says now: finished runs, and the keys of those that a live worker holds."""

    outcomes: dict[str, Outcome]
    running: frozenset[str]


class Ledger:
    """One worker's hand in the shared ledger.

    Args:
        study: Where the trials are.
        since: Number of the first trial whose crashes count; by default those from now on, so
            that a command started again gives every run new tries.
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
        """Read all trials; those of dead workers are opened again."""
        trials = self._trials()
        crashes = Counter[str]()
        reasons = dict[str, tuple[str, float]]()
        outcomes = dict[str, Outcome]()
        running = set[str]()
        for trial in trials:
            key, attrs = trial.user_attrs["key"], trial.user_attrs
            if trial.state == TrialState.COMPLETE and "result" in attrs:
                outcomes.setdefault(key, Outcome.from_dict(attrs["result"]))
            elif trial.state == TrialState.RUNNING and self._lives(trial):
                running.add(key)
            elif trial.state != TrialState.COMPLETE and trial.number >= self.since:
                reason = attrs.get("failed", DIED)
                if reason not in (INTERRUPTED, DUPLICATE):
                    crashes[key] += 1
                    reasons[key] = reason, attrs["lr"]
        for key, count in crashes.items():
            if count >= TRIES:
                outcomes.setdefault(key, Outcome.failure(*reasons[key]))
        return Board(outcomes, frozenset(running))

    def claim(self, run: Run) -> int | None:
        """Take a run: the id of its trial, or None where another worker has it."""
        attrs = _attributes(run) | {"worker": self._worker, "beat": 0}
        trial = create_trial(state=TrialState.RUNNING, user_attrs=attrs)
        mine = self._storage.create_new_trial(self._study, template_trial=trial)
        number = self._storage.get_trial_number_from_id(mine)
        for other in self._trials():
            if other.number < number and other.user_attrs["key"] == run.key and self._holds(other):
                self.release(mine, DUPLICATE)
                return None
        return mine

    @contextmanager
    def holding(self, trial: int) -> Generator[None]:
        """Keep the lease of a claimed trial while the block runs."""
        with Heartbeat(lambda n: self._storage.set_trial_user_attr(trial, "beat", n)):
            yield

    def finish(self, trial: int, outcome: Outcome) -> None:
        """Record what a run gave; passed over where the lease was lost and others redo the run."""
        # An infinite value keeps the diverged runs on Optuna's own charts, as the worst.
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial, "result", outcome.to_dict())
            value = outcome.val if math.isfinite(outcome.val) else math.inf
            self._storage.set_trial_state_values(trial, TrialState.COMPLETE, [value])

    def release(self, trial: int, reason: str) -> None:
        """Give a run up: it is open again, and counts as a crash unless interrupted."""
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial, "failed", reason)
            self._storage.set_trial_state_values(trial, TrialState.FAIL)

    def _trials(self) -> list[FrozenTrial]:
        found = self._storage.get_all_trials(self._study, deepcopy=False)
        return [trial for trial in found if "key" in trial.user_attrs]

    def _holds(self, trial: FrozenTrial) -> bool:
        """Whether a trial keeps others from its run."""
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


def _attributes(run: Run) -> dict[str, Any]:
    """The key, and its parts for those who look at the study with Optuna's own tools."""
    return {
        "key": run.key,
        "task": run.cell.setting.task,
        "optimizer": run.cell.setting.optimizer,
        "schedule": str(run.cell.schedule),
        "budget": percent(run.cell.budget),
        "lr": run.rate.value,
        "seed": run.seed,
    }
