"""The tables of a comparison, as text that is Markdown too, and its files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ...schedules._atomic import write_text
from ..compare.paired import Paired
from ..compare.tables import number
from ..records import json_text, or_inf, read_json
from .ablation import SCORES, Pairing, Ranking
from .setting import Setting
from .summary import READ_AT, Row, mean_error


def comparison(found: Sequence[Row]) -> Iterator[str]:
    """A line a method: rate, readings on the way, best, final, differences."""
    steps = "".join(f" {10 * tenth} % |" for tenth in READ_AT)
    yield f"| | rate |{steps} best so far | final | minus linear, 95 % | minus faithful, 95 % |"
    yield "|---" * (len(READ_AT) + 6) + "|"
    for row in found:
        reading = "".join(f" {_value(row.curve[:, tenth - 1])} |" for tenth in READ_AT)
        yield (
            f"| {row.label} | {_rate(row)} |{reading} {_value(row.best)} | {_value(row.final)} | "
            f"{_difference(row.reference)} | {_difference(row.rival)} |"
        )


def searches(found: Sequence[Row]) -> Iterator[str]:
    """What each search cost, and the rates it chose, by seed."""
    yield "| | seed | search | overhead | rates, from update |"
    yield "|---|---|---|---|---|"
    for row in found:
        for seed, trial in enumerate(row.chosen.trials):
            if "stages" in trial.notes:
                rates = chosen_rates(trial.notes, row.chosen.lr)
                text = ", ".join(f"{rate:.2g} from {start}" for start, rate in rates)
                share = f"{100 * trial.notes['overhead']:.1f} %"
                search = trial.notes["search"]
                yield f"| {row.label} | {seed} | {search} | {share} | {text or 'none'} |"


def chosen_rates(notes: Mapping[str, Any], lr: float) -> list[tuple[int, float]]:
    """(productive update, rate that a stage chose), of what a search noted."""
    return [(stage["start"], stage["scale"] * lr) for stage in notes["stages"]]


def ablation(rankings: Sequence[Ranking]) -> Iterator[str]:
    """A line a score: rank correlation with the truth, regret, bias."""
    yield "| score | rank correlation | regret | bias, log10 |"
    yield "|---|---|---|---|"
    for score in SCORES:
        # A score that is the same for all rates, or not finite, ranks nothing.
        correlations = [c if math.isfinite(c := r.correlation(score)) else 0.0 for r in rankings]
        columns = [correlations, [r.regret(score) for r in rankings]]
        columns.append([r.bias(score) for r in rankings])
        yield f"| {score} | " + " | ".join(_value(column) for column in columns) + " |"


def pairings(found: Sequence[Pairing]) -> Iterator[str]:
    """A line a probe length: what replaying batches is worth."""
    yield "| probe | training loss | held-out loss |"
    yield "|---|---|---|"
    for pairing in found:
        yield f"| {pairing.probe} | x{pairing.train:.1f} | x{pairing.val:.1f} |"


def write_comparison(setting: Setting, found: Sequence[Row], folder: Path) -> None:
    """Write ``report.json``: every run that is compared."""
    methods = [
        {
            "method": row.label,
            "lr": row.chosen.lr,
            "tried": row.chosen.tried,
            "trials": [trial.to_dict() for trial in row.chosen.trials],
            "minus linear": _paired(row.reference),
            "minus faithful": _paired(row.rival),
        }
        for row in found
    ]
    text = json_text({"setting": asdict(setting), "methods": methods})
    write_text(folder / "report.json", text)


def write_ablation(
    setting: Setting, rankings: Sequence[Ranking], found: Sequence[Pairing], path: Path
) -> None:
    """Write the rankings and pairings as JSON; null stands for what diverged."""
    data = {"rankings": [asdict(ranking) for ranking in rankings]}
    data |= {"pairings": [asdict(pairing) for pairing in found]}
    write_text(path, json_text({"setting": asdict(setting)} | data))


def read_ablation(setting: Setting, path: Path) -> tuple[list[Ranking], list[Pairing]]:
    """What :func:`write_ablation` wrote; nothing where there is no file, or of another size.

    Raises:
        ValueError: it is damaged.
    """

    def read(data: Mapping[str, Any]) -> tuple[list[Ranking], list[Pairing]]:
        if data["setting"] != asdict(setting):
            return [], []
        pairings = [Pairing(**pairing) for pairing in data["pairings"]]
        return [_ranking(ranking) for ranking in data["rankings"]], pairings

    return read_json(path, read) if path.exists() else ([], [])


def _ranking(data: Mapping[str, Any]) -> Ranking:
    scores = {name: tuple(map(or_inf, values)) for name, values in data["scores"].items()}
    truth, rates = tuple(map(or_inf, data["truth"])), tuple(data["rates"])
    return Ranking(data["seed"], data["start"], data["probe"], rates, truth, scores)


def _value(values: Sequence[float] | np.ndarray) -> str:
    mean, error = mean_error([float(value) for value in values])
    return number(mean, error) if math.isfinite(mean) else "diverged"


def _rate(row: Row) -> str:
    if "lr" in row.chosen.trials[0].notes:
        low, *_, high = sorted([t.notes["lr"] for t in row.chosen.trials] * 2)
        return f"{low:.2g} to {high:.2g}"
    if row.chosen.method in ("schedule-free", "prodigy", "mechanic"):
        return "its own"
    return f"{row.chosen.lr:.2g}" + ("" if math.isnan(row.chosen.start) else ", start")


def _difference(paired: Paired | None) -> str:
    if paired is None:
        return ""
    if not math.isfinite(paired.difference):
        return f"{paired.verdict} (diverged)"
    shown = paired.verdict == "no difference seen"
    verdict = paired.verdict if shown else f"**{paired.verdict}**"
    return f"{number(paired.difference, paired.half_width, sign='+')}, {verdict}"


def _paired(paired: Paired | None) -> dict[str, Any] | None:
    if paired is None:
        return None
    return {
        "n": paired.n,
        "difference": paired.difference,
        "smallest to show": paired.half_width,
        "verdict": paired.verdict,
    }
