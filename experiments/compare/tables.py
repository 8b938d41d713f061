"""The report in the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ..rules import Control
from ..tables import Titled, table, titled
from ..tasks import get_task
from .grid import Setting, percent, updates
from .paired import Paired
from .report import Report, Score


def render(report: Report) -> Iterator[RenderableType]:
    """Everything to print, in order."""
    for setting in report.grid.settings:
        yield from metric_table(report, setting)
        yield from rate_table(report, setting)
        if len(report.grid.schedules) > 1:
            yield from paired_table(report, setting)
    if len(report.grid.schedules) > 1 and report.shares:
        yield from share_table(report)
    yield Text("\n".join(notes(report)))


def metric_table(report: Report, setting: Setting) -> Titled:
    """Test metric, mean ± standard error: a row a schedule, a column a budget."""
    seeds = report.grid.seeds
    n = f"{seeds} seeds, mean ± standard error" if seeds > 1 else "1 seed"
    title = f"{setting}: test {get_task(setting.task).metric} ({n}; lower is better)"
    return titled(title, _by_budget(report, setting, partial(_metric, report)))


def rate_table(report: Report, setting: Setting) -> Titled:
    """The chosen learning rates."""
    title = f"{setting}: learning rate chosen on the validation split"
    return titled(title, _by_budget(report, setting, _rate))


def paired_table(report: Report, setting: Setting) -> Titled:
    """Differences from the reference over the same seeds."""
    title = (
        f"{setting}: difference from {report.reference}, 95 % interval over "
        f"{report.grid.seeds} seeds"
    )
    others = [s for s in report.grid.schedules if s != report.reference]
    return titled(title, _by_budget(report, setting, partial(_difference, report), others))


def share_table(report: Report) -> Titled:
    """Shares of first places and of places among the first three, in %."""
    names = {"low": "budgets < 25 %", "high": "budgets >= 25 %", "overall": "overall"}
    every = report.shares.items()
    heads = (f"{names[group]} (n={shares[0].experiments})" for group, shares in every)
    rows = (
        (escape(str(schedule)), *(f"{s[i].top1:.0f} / {s[i].top3:.0f}" for _, s in every))
        for i, schedule in enumerate(report.grid.schedules)
    )
    title = "rank shares: Top-1 / Top-3 in % of experiments"
    return titled(title, table(("schedule", *heads), rows))


def notes(report: Report) -> Iterator[str]:
    """What the reader of the tables must know."""
    yield "* best mean of its column."
    if any(score.note.startswith("best rate") for score in report.scores.values()):
        yield "< or > beside a rate: the best is the lowest or highest tried."
    if report.comparisons:
        n = len(report.comparisons)
        yield (
            "A verdict stands where the interval of the paired differences leaves out zero; ± is "
            "the smallest difference that the seeds can show."
        )
        yield f"Of {n} such intervals, {0.05 * n:.1g} are expected to leave out zero by chance."
    if report.shares:
        yield "Equal means share their places; what diverged takes none."
    for cell, reason in report.failures.items():
        yield f"failed: {cell.setting} {cell.schedule} {percent(cell.budget)} %: {reason}"


def number(value: float, error: float, sign: str = "") -> str:
    """A value with its error, both to the error's second digit.

    Example:
        >>> number(149.852, 0.46), number(0.0312543, 0.0001), number(15.0, math.nan)
        ('149.85 ± 0.46', '0.03125 ± 0.00010', '15')
    """
    if math.isnan(error) or error == 0:
        return f"{value:{sign}.4g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:{sign}.{digits}f} ± {error:.{digits}f}"


def _by_budget(
    report: Report,
    setting: Setting,
    text: Callable[[Score], str],
    schedules: Sequence[Control] | None = None,
) -> Table:
    """A row a schedule, a column a budget."""
    budgets = report.grid.budgets
    heads = (f"{percent(b)} %\n{updates(setting.task, b)} updates" for b in budgets)
    rows = (
        (escape(str(schedule)), *(text(report.score(setting, schedule, b)) for b in budgets))
        for schedule in schedules or report.grid.schedules
    )
    return table(("schedule", *heads), rows)


def _metric(report: Report, score: Score) -> str:
    if not math.isfinite(score.mean):
        return score.note
    text = number(score.mean, score.stderr)
    return f"[bold]{text} *[/]" if report.is_best(score) else f"{text}  "


def _rate(score: Score) -> str:
    mark = {"lowest": "< ", "highest": "> "}.get(score.search.edge, "")
    return mark + ("-" if score.lr is None else f"{score.lr:.3g}")


def _difference(report: Report, score: Score) -> str:
    paired = report.paired(score.cell)
    return "failed" if paired is None else difference_text(paired)


def difference_text(paired: Paired) -> str:
    r"""A difference, its half-width and the verdict.

    Example:
        >>> difference_text(Paired(n=3, difference=-1.5, half_width=0.4, verdict="better"))
        '-1.50 ± 0.40\nbetter'
    """
    if not math.isfinite(paired.difference):
        return paired.verdict + " (diverged)"
    return f"{number(paired.difference, paired.half_width, sign='+')}\n{paired.verdict}"
