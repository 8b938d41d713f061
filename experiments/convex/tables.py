"""The suite's tables in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..compare.tables import number
from ..tables import table, titled
from .files import stderr
from .gains import GROUPS, Gain, by_prediction, correlation
from .problem import FAR
from .suite import NAMES, REFERENCE, Result
from .summary import METRICS, Metric, agreement, means, paired, ranks

ENOUGH = 5
"""Data sets below which a correlation says nothing."""

_MARK = {"better": " +", "worse": " -", "no difference seen": "  "}


def render(results: Sequence[Result]) -> Iterator[RenderableType]:
    """Everything to print, in order."""
    yield from titled("final training gap f - f*, in 1e-3 nats", _metric(results, "gaps", 1e3))
    yield from titled("test error in %", _metric(results, "errors", 1.0))
    yield from titled("gap less that of linear, in 1e-3 nats, 95 % interval", _paired(results))
    yield from titled("base rates", _rates(results))
    yield from titled("ranks over sets: mean, Top-1 / Top-3 in % of sets", _ranks(results))
    yield Text("\n".join(_notes(results)))


def render_gains(gains: Sequence[Gain], edges: Sequence[float]) -> Iterator[RenderableType]:
    """Gains of refining, how they follow the prediction, and what came of which prediction."""
    yield from titled("gain of refining: metric of linear over that of refined", _gains(gains))
    yield from titled("what came of a prediction (problems)", _outcomes(gains, edges))
    yield Text("\n".join(_correlations(gains)))


def split(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Results from zero and from far away; a group without any is left out."""
    far = [result for result in results if result.name.endswith(FAR)]
    near = [result for result in results if not result.name.endswith(FAR)]
    return {name: group for name, group in (("from zero", near), ("from far", far)) if group}


def _metric(results: Sequence[Result], metric: Metric, unit: float) -> Table:
    rows = list[tuple[str, ...]]()
    for result in results:
        found = means(result, metric)
        best = min(found)
        errors = [stderr(getattr(result.tuned[name], metric)) for name in NAMES]
        pairs = zip(found, errors, strict=True)
        texts = [number(unit * m, unit * e) + (" *" if m == best else "  ") for m, e in pairs]
        rows.append((result.name, *texts))
    return table(("set", *NAMES), rows)


def _paired(results: Sequence[Result]) -> Table:
    others = [name for name in NAMES if name != REFERENCE]
    rows = list[tuple[str, ...]]()
    for result in results:
        found = [paired(result, name) for name in others]
        texts = [number(1e3 * p.difference, 1e3 * p.half_width, "+") for p in found]
        marks = [_MARK[p.verdict] for p in found]
        rows.append((result.name, *(t + m for t, m in zip(texts, marks, strict=True))))
    return table(("set", *others), rows)


def _rates(results: Sequence[Result]) -> Table:
    rows = ((r.name, *(f"{r.tuned[name].lr:.2g}" for name in NAMES)) for r in results)
    return table(("set", *NAMES), rows)


def _ranks(results: Sequence[Result]) -> Table:
    columns: list[tuple[str, list[Result], Metric]] = [
        (start, group, metric) for start, group in split(results).items() for metric in METRICS
    ]
    words = {"gaps": "gap", "errors": "test error"}
    titles = [f"{words[metric]} {start} (n={len(group)})" for start, group, metric in columns]
    found = [ranks(group, metric) for _, group, metric in columns]
    rows = list[tuple[str, ...]]()
    for name in NAMES:
        row = [rank[name] for rank in found]
        texts = [f"{r.mean:.2f}  {r.share.top1:.0f} / {r.share.top3:.0f}" for r in row]
        rows.append((name, *texts))
    return table(("schedule", *titles), rows)


def _gains(gains: Sequence[Gain]) -> Table:
    columns = ("problem", "predicted", "measured", "norms early / late", "within late")
    rows = list[tuple[str, ...]]()
    for g in sorted(gains, key=lambda gain: -gain.predicted):
        shapes = f"{g.early:.2f}", f"{g.late:.2f}"
        measured = number(g.measured, g.stderr)
        rows.append((g.name, f"{g.predicted:.3f}", measured, *shapes, g.verdict))
    return table((*columns, "refined is"), rows)


def _outcomes(gains: Sequence[Gain], edges: Sequence[float]) -> Table:
    rows = list[tuple[str, ...]]()
    for low, high, group in by_prediction(gains, edges):
        counts = [sum(gain.verdict == verdict for gain in group) for verdict in _MARK]
        rows.append((f"{low:g} to {high:g}", *map(str, counts)))
    return table(("predicted gain", *_MARK), rows)


def _correlations(gains: Sequence[Gain]) -> Iterator[str]:
    """For each group of problems that is large enough, and for all."""
    groups = {name: [g for g in gains if g.group == name] for name in GROUPS}
    for name, group in (groups | {"all": list(gains)}).items():
        if len({gain.data for gain in group}) >= ENOUGH:
            found = correlation(group)
            yield (
                f"{name}: rank correlation of predicted and measured gain {found.value:.2f}, 95 % "
                f"interval {found.low:.2f} to {found.high:.2f} (n={found.n})"
            )


def _notes(results: Sequence[Result]) -> Iterator[str]:
    yield "* best mean of its row; mean ± standard error over the seeds."
    yield "+ better, - worse than linear: the interval of the paired differences leaves out zero."
    total = len(results) * (len(NAMES) - 1)
    yield f"Of {total} such intervals, {0.05 * total:.1g} are expected to do so by chance."
    for start, group in split(results).items():
        mean = sum(map(agreement, group)) / len(group)
        yield (
            f"{start}: Kendall's correlation of gaps and last-iterate bounds over the schedules "
            f"known in advance, mean over sets {mean:.2f}"
        )
    edges = [
        f"{r.name} {name} ({t.edge})" for r in results for name, t in r.tuned.items() if t.edge
    ]
    if edges:
        yield "best rate at the end of the grid: " + ", ".join(edges)
