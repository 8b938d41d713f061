"""One case, through everything: undisturbed first, then as the killer and the hardships want."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .case import Case
from .checks import Calm, Verdict
from .hardships import Hardship, Setting
from .killer import Killer
from .launch import Launch, Place, Start
from .report import Row


@dataclass(frozen=True)
class Plan:
    """What every case goes through.

    Attributes:
        kills: By SIGKILL.
        seed: Of the moments.
        folder: Where everything runs.
        launch: Starts what is killed, and most else.
        polite: Starts what is stopped by SIGINT and SIGTERM.
    """

    kills: int
    seed: int
    folder: Path
    launch: Launch
    polite: Launch

    @property
    def stops(self) -> int:
        """Of SIGINT and SIGTERM each."""
        return max(1, self.kills // 7)

    def calm(self, case: Case) -> tuple[Calm, Mapping[int, Start]]:
        """Run a case undisturbed, and then again as often as starts must be timed.

        Raises:
            RuntimeError: it fails by itself.
        """
        place = Place(self._folder(case) / "calm").make()
        seconds = self._timed(case, place, self.launch)
        again = self._timed(case, place, self.launch)
        polite = again if self.polite is self.launch else self._timed(case, place, self.polite)
        kill, stop = Start(self.launch, again), Start(self.polite, polite)
        starts: dict[int, Start] = {signal.SIGKILL: kill, signal.SIGINT: stop, signal.SIGTERM: stop}
        return Calm.read(case, place, seconds, again), starts

    def rows(self, case: Case, hardships: Mapping[str, Hardship]) -> Iterator[Row]:
        """Put a case through it."""
        calm, starts = self.calm(case)
        yield self._killed(case, calm, starts)
        for name, hardship in hardships.items():
            yield self._hardship(case, calm, name, hardship)
        shutil.rmtree(self._folder(case))

    def _killed(self, case: Case, calm: Calm, starts: Mapping[int, Start]) -> Row:
        rng = random.Random(f"{self.seed} {case.name}")
        signals = [signal.SIGKILL] * self.kills + [signal.SIGINT, signal.SIGTERM] * self.stops
        rng.shuffle(signals)
        verdict, began = Verdict(), time.monotonic()
        killer = Killer(case, calm, self._folder(case), starts, rng)
        rounds = killer.spree(signals, verdict)
        seconds = time.monotonic() - began
        return Row(case.name, "signals", self.kills, 2 * self.stops, rounds, verdict, seconds)

    def _hardship(self, case: Case, calm: Calm, name: str, hardship: Hardship) -> Row:
        place = Place(self._folder(case) / name.replace(" ", "-")).make()
        rng = random.Random(f"{self.seed} {case.name} {name}")
        verdict, began = Verdict(), time.monotonic()
        kills = hardship(Setting(case, calm, place, self.launch, rng), verdict)
        return Row(case.name, name, kills, 0, 1, verdict, time.monotonic() - began)

    def _folder(self, case: Case) -> Path:
        return self.folder / case.name.replace(" ", "-")

    def _timed(self, case: Case, place: Place, launch: Launch) -> float:
        began = time.monotonic()
        code = launch(case, place).wait(3600)
        if code != 0:
            said = place.printed.read_text(errors="replace")
            raise RuntimeError(f"{case.name}: undisturbed it ended with {code}: {said[-2000:]}")
        return time.monotonic() - began
