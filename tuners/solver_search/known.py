"""What every search over schedules shares: what it was told, and the best of it."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from ...schedules._checks import finite_or_not, number, plain, shown, whole
from ...solvers.diffusion import _json
from ...solvers.diffusion.noise import NoiseSchedule, as_noise
from ...solvers.diffusion.saved import Sampler
from ...solvers.diffusion.schedule import SolverSchedule
from .archive import Archive, unpack
from .canonical import canonical, key
from .seeds import fixed_samplers
from .space import Space


class Evaluated(NamedTuple):
    """One true evaluation: network evaluations per sample, the schedule, and its cost."""

    nfe: int
    schedule: SolverSchedule
    cost: float


class KnownCosts:
    """The settings and the memory of a search; :class:`~.search.SolverSearch` tells of them."""

    kind = "search"

    def __init__(
        self,
        noise: NoiseSchedule,
        nfe: int | Sequence[int],
        evaluations: int,
        seed: int,
        space: Space,
        start: Iterable[Sampler] | None,
        t_start: float | None,
        t_end: float | None,
    ) -> None:
        as_noise(noise)
        if not isinstance(space, Space):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"space={space!r}: expected a Space")
        self.noise = noise
        self.nfes = nfes_of(nfe)
        self.evaluations = whole("evaluations", evaluations, low=4)
        self.seed = whole("seed", seed)
        self.space = space
        self.t_start = noise.t_max if t_start is None else float(number("t_start", t_start))
        self.t_end = noise.t_min if t_end is None else float(number("t_end", t_end))
        self.seeds = self._starts(None if start is None else list(start))
        self.archives = {n: Archive() for n in self.nfes}

    # ---- what is known -------------------------------------------------------------------

    def best(self, nfe: int | None = None) -> SolverSchedule:
        """The schedule of the lowest cost told.

        Args:
            nfe: At which cost; it may be left out where the search has one.

        Raises:
            ValueError: another ``nfe`` than the search's, or no finite cost told yet.
        """
        found = self.top(1, nfe)
        if not found:
            raise ValueError("best: no finite cost has been told yet")
        return found[0]

    def top(self, n: int, nfe: int | None = None) -> list[SolverSchedule]:
        """The n schedules of lowest finite cost, the best first."""
        whole("n", n, low=1)
        nfe = self._one(nfe)
        rows = [row for row in self.history if row.nfe == nfe and row.cost < math.inf]
        return [row.schedule for row in sorted(rows, key=lambda row: row.cost)[:n]]

    @property
    def history(self) -> list[Evaluated]:
        """All that was told, in the order in which the search takes it."""
        return [
            Evaluated(nfe, archive.schedules[name], cost)
            for nfe, archive in self.archives.items()
            for name, cost in archive.costs.items()
        ]

    # ---- for the searches ----------------------------------------------------------------

    def _one(self, nfe: int | None) -> int:
        """The bucket that is meant; ValueError where there is none."""
        if nfe is None and len(self.nfes) == 1:
            return self.nfes[0]
        if nfe not in self.nfes:
            raise ValueError(f"nfe={nfe}: expected one of {', '.join(map(str, self.nfes))}")
        return nfe

    def _checked(self, choice: Any, cost: Any) -> tuple[SolverSchedule, float]:
        """A told schedule of this search, and its cost: inf where it is not finite."""
        if not isinstance(choice, SolverSchedule):
            raise TypeError(f"choice={type(choice).__name__}: expected a SolverSchedule")
        if choice.noise != self.noise:
            raise ValueError(
                f"choice: made for noise schedule {choice.noise.name!r}, the search is for "
                f"{self.noise.name!r} (or with other settings)"
            )
        if choice.nfe not in self.nfes:
            raise ValueError(
                f"choice: nfe={choice.nfe}: expected one of {', '.join(map(str, self.nfes))}"
            )
        if (ends := (choice.times[0], choice.times[-1])) != (self.t_start, self.t_end):
            raise ValueError(
                f"choice: times from {ends[0]:g} to {ends[1]:g}: the search is for "
                f"{self.t_start:g} to {self.t_end:g}"
            )
        try:
            cost = float(finite_or_not(cost))
        except OverflowError:  # an int that no float can hold
            cost = math.inf
        return choice, cost if math.isfinite(cost) else math.inf

    def _starts(self, start: list[Sampler] | None) -> dict[int, list[SolverSchedule]]:
        """The starting schedules by cost, canonical, each once; none where none are wanted."""
        found: dict[int, list[SolverSchedule]] = {}
        for nfe in self.nfes:
            given = start
            if given is None:
                given = list(fixed_samplers(self.noise, nfe, self.t_start, self.t_end).values())
            schedules = [s for s in given if isinstance(s, SolverSchedule) and s.nfe == nfe]
            once = {key(s): canonical(s) for s in schedules}
            found[nfe] = [self._checked(s, 0.0)[0] for s in once.values()]
            if start != [] and not found[nfe]:
                raise ValueError(f"start: no SolverSchedule of nfe={nfe}")
        return found

    def _settings(self) -> dict[str, Any]:
        """What a saved state must agree on."""
        seeds = "".join(key(s) for group in self.seeds.values() for s in group)
        noise = repr(self.noise.to_dict())
        return {
            "kind": self.kind,
            "noise": f"{self.noise.name}-{hashlib.sha256(noise.encode()).hexdigest()[:16]}",
            "nfe": list(self.nfes),
            "evaluations": self.evaluations,
            "seed": self.seed,
            "t_start": self.t_start,
            "t_end": self.t_end,
            "start": hashlib.sha256(seeds.encode()).hexdigest()[:16],
            "space": as_json(self.space),
        }

    def _archives_out(self) -> dict[str, Any]:
        return {str(nfe): archive.to_list() for nfe, archive in self.archives.items()}

    def _archives_in(self, saved: Mapping[str, Any]) -> dict[int, Archive]:
        return {n: Archive.of(saved[str(n)], lambda s: unpack(self.noise, s)) for n in self.nfes}

    def _opened(self, state_dict: Any) -> dict[str, Any]:
        """The body of a saved state; ValueError where it is of another search, or damaged."""
        state = _json.body("search", state_dict)
        mine, saved = self._settings(), state.get("settings")
        if not isinstance(saved, dict):
            raise ValueError("saved search is damaged: no settings")
        for name in mine:
            if saved.get(name) != mine[name]:
                raise ValueError(
                    f"saved search: {name}={shown(saved.get(name), 400)}, this search has "
                    f"{shown(mine[name], 400)}"
                )
        return state


def as_json(settings: Any) -> dict[str, Any]:
    """A dataclass of settings as JSON values, NumPy's numbers as the plain ones they are."""
    return json.loads(json.dumps(asdict(settings), default=plain))


def nfes_of(nfe: Any) -> tuple[int, ...]:
    """The numbers of evaluations searched for, one or several, each once."""
    given = list(nfe) if hasattr(nfe, "__iter__") and not isinstance(nfe, str) else [nfe]
    found = tuple(dict.fromkeys(whole("nfe", n, low=1) for n in given))
    if not found:
        raise ValueError("nfe: expected at least one number of evaluations")
    return found
