"""Any Optuna sampler as a tuner."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...schedules._checks import finite_or_not, plain, whole
from ...schedules._state import check_keys, reading
from ._learner import check_settings
from .choice import Choice

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class OptunaTuner:
    """Lets an Optuna sampler choose, by the four methods of a tuner.

    Optuna's samplers cannot save their random numbers. Here each ask makes a new one, seeded by
    ``seed`` and the number of asks before it; so the study is the whole state, and a resumed
    tuner chooses as one that never stopped. Context is not looked at. NaN and infinity count as
    the worst cost told so far; before any, the trial counts as failed.

    Args:
        space: A distribution, then a choice's value is drawn from it; or several by their names,
            then it is a dict.
        sampler: Makes a sampler from a seed, for instance ``lambda seed: TPESampler(seed=seed)``.
            Those that go through one list of points, QMCSampler and GridSampler, want a seed that
            stays: ``lambda _: QMCSampler(seed=0)``.
        seed: Of the draws, >= 0.

    Raises:
        ImportError: Optuna is not installed.

    Example:
        >>> from optuna.distributions import FloatDistribution
        >>> from optuna.samplers import TPESampler
        >>> omega = FloatDistribution(1.0, 1.95)
        >>> tuner = OptunaTuner(omega, lambda seed: TPESampler(seed=seed), seed=0)
        >>> 1.0 <= tuner.ask().value <= 1.95
        True
    """

    def __init__(
        self,
        space: BaseDistribution | Mapping[str, BaseDistribution],
        sampler: Callable[[int], BaseSampler],
        seed: int,
    ) -> None:
        self._single = not isinstance(space, Mapping)
        self._space: dict[str, BaseDistribution] = (
            dict(space) if isinstance(space, Mapping) else {"value": space}
        )
        if not self._space:
            raise ValueError(f"space={space!r}: expected at least one distribution")
        self._sampler, self._seed = sampler, whole("seed", seed)
        self._storage, self._study = self._new_study()

    def _new_study(self) -> tuple[BaseStorage, Study]:
        try:
            import optuna
        except ImportError as error:
            raise ImportError('this needs Optuna: pip install "ritard[experiments]"') from error
        storage = optuna.storages.InMemoryStorage()
        study = optuna.create_study(sampler=self._sampler(0), storage=storage)
        study.stop = _go_on
        return storage, study

    def ask(self, context: Any = None) -> Choice:
        """The sampler's next suggestion; ``arm`` is the trial's number."""
        number = len(self._study.get_trials(deepcopy=False))
        words = np.random.SeedSequence([self._seed, number]).generate_state(1)
        self._study.sampler = self._sampler(int(words[0]))
        trial = self._study.ask(self._space)
        value = trial.params["value"] if self._single else dict(trial.params)
        return Choice(value, trial.number, context=plain(context))

    def tell(self, choice: Choice, cost: float) -> None:
        """Report what a suggestion cost.

        Raises:
            TypeError: ``choice`` is not a Choice, or ``cost`` no number.
            ValueError: a choice that was not asked for here, or is told already.
        """
        from optuna.trial import TrialState

        cost = finite_or_not(cost)
        if type(choice) is not Choice:
            raise TypeError(f"choice={choice!r}: expected what ask() gave, a Choice")
        trials = self._study.get_trials(deepcopy=False)
        known = type(choice.arm) is int and 0 <= choice.arm < len(trials)
        if not known or trials[choice.arm].state != TrialState.RUNNING:
            raise ValueError(f"choice.arm={choice.arm!r}: not asked for here, or told already")
        if not math.isfinite(cost):
            cost = max((t.value for t in trials if t.value is not None), default=math.nan)
        if math.isnan(cost):
            self._study.tell(choice.arm, state=TrialState.FAIL)
        else:
            self._study.tell(choice.arm, cost)

    def settings(self) -> dict[str, Any]:
        """Kind, space, sampler and seed."""
        from optuna.distributions import distribution_to_json

        space = {name: distribution_to_json(d) for name, d in self._space.items()}
        sampler = type(self._sampler(0)).__name__
        return {"kind": "OptunaTuner", "space": space, "sampler": sampler, "seed": self._seed}

    def state_dict(self) -> dict[str, Any]:
        """All trials and what samplers keep beside them, as plain values."""
        trials = [_plain_trial(trial) for trial in self._study.get_trials(deepcopy=False)]
        number = self._storage.get_study_id_from_name(self._study.study_name)
        kept = dict(self._storage.get_study_system_attrs(number))
        return {"settings": self.settings(), "trials": trials, "kept": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state; ValueError for the state of another tuner."""
        from optuna.trial import TrialState, create_trial

        check_keys("OptunaTuner", state_dict, {"settings": {}, "trials": [], "kept": {}})
        check_settings(state_dict["settings"], self.settings())
        storage, study = self._new_study()
        with reading("trials"):
            for trial in state_dict["trials"]:
                state = TrialState[trial["state"]]
                rest = {key: trial[key] for key in ("value", "params", "system_attrs")}
                study.add_trial(create_trial(state=state, distributions=self._space, **rest))
        with reading("kept"):
            number = storage.get_study_id_from_name(study.study_name)
            for key, value in state_dict["kept"].items():
                storage.set_study_system_attr(number, key, value)
        self._storage, self._study = storage, study


def _go_on() -> None:
    """Takes the place of ``Study.stop``, which a sampler calls that has tried its whole grid.

    Outside of ``Study.optimize`` it would raise; here whoever asks decides when to end.
    """


def _plain_trial(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "state": trial.state.name,
        "value": trial.value,
        "params": dict(trial.params),
        "system_attrs": dict(trial.system_attrs),  # where some samplers keep what they know
    }
