"""The pictures of a search; each function draws on given axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ...schedules.plot import PALETTE, line_style
from ...solvers.diffusion import CoefficientTable, SolverSchedule
from ...solvers.diffusion._scalar import as_float
from ...solvers.diffusion.saved import Sampler
from ..figures import plain_log
from .jobs import Found

BLUE, RED, BLACK = PALETTE[0], PALETTE[1], PALETTE[6]
SHOWN = 6
"""Fixed solvers with a colour of their own; the others are grey."""

_MARKERS = "os^Dv<>pXP"
_ROWS = (1.0, 0.0)
_AXIS = (
    "λ = ln(α / σ), from noise to data.  Numbers: the order of a step, below it a scaling of its "
    "derivative;\n“uses n”: a step that combines n outputs with weights of its own"
)


def draw_errors(found: Mapping[int, Found], ax: Axes) -> None:
    """Error on test against NFE: what was found, and every fixed solver on its best grid."""
    curves = _curves(found)
    order = sorted(curves, key=lambda name: np.mean([math.log(y) for y in curves[name].values()]))
    for i, name in enumerate(reversed(order)):
        rank = len(order) - 1 - i
        look: Any = {"color": "0.75", "linewidth": 1, "label": None, "zorder": 1}
        if rank < SHOWN:
            look = {"linewidth": 1.5, "label": name, "zorder": 2, **line_style(rank + 1)}
        marker = _MARKERS[rank % len(_MARKERS)] if rank < SHOWN else "."
        ax.plot(list(curves[name]), list(curves[name].values()), marker=marker, **look)
    nfes = sorted(found)
    scores = [found[nfe].result.scores.test for nfe in nfes]
    ax.plot(nfes, scores, "*-", color=BLUE, linewidth=3, markersize=15, label="found", zorder=4)
    handles, labels = ax.get_legend_handles_labels()
    handles, labels = handles[::-1], labels[::-1]
    if len(order) > SHOWN:
        handles.append(Line2D([], [], color="0.75", marker="."))
        labels.append("other fixed solvers")
    ax.legend(handles, labels, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.set(xlabel="network evaluations (NFE)", ylabel="error on test noises", yscale="log")
    ax.set_xticks(nfes)
    ax.set_xlim(nfes[0] - 0.4, nfes[-1] + 0.4)
    plain_log(ax.yaxis)


def _curves(found: Mapping[int, Found]) -> dict[str, dict[int, float]]:
    """Finite scores of each fixed solver, by NFE."""
    curves: dict[str, dict[int, float]] = {}
    for nfe in sorted(found):
        for rival in found[nfe].rivals:
            if math.isfinite(rival.test):
                curves.setdefault(rival.solver, {})[nfe] = rival.test
    return curves


def draw_schedule(found: Found, ax: Axes) -> None:
    """The sampler found, above, and the best fixed one: knots and decisions on the lambda axis."""
    result = found.result
    before = f"{_wrapped(result.fixed_name)}\n{result.fixed_scores.test:.3g}"
    names = (f"found\n{result.scores.test:.3g}", before)
    for y, sampler in zip(_ROWS, (result.sampler, result.fixed_sampler), strict=True):
        draw_sampler(sampler, y, ax)
    ax.set_yticks(_ROWS, names)
    ax.set(ylim=(-0.62, 1.62), xlabel=_AXIS)
    ax.grid(axis="y", visible=False)


def draw_sampler(sampler: Sampler, y: float, ax: Axes) -> None:
    """Knots on a line; over each step its decisions, over each corrected knot a ring."""
    lams = lambdas(sampler)
    ax.plot(lams, [y] * len(lams), color="0.6", linewidth=1, zorder=1)
    ax.plot(lams, [y] * len(lams), "|", color=BLACK, markersize=16, markeredgewidth=1.5, zorder=2)
    for i, (kind, text, corrected) in enumerate(_decisions(sampler)):
        middle = (lams[i] + lams[i + 1]) / 2
        colour = BLUE if kind == "data" else RED
        ax.plot(lams[i : i + 2], [y] * 2, color=colour, linewidth=5, alpha=0.55, zorder=1.5)
        spot: Any = {"textcoords": "offset points", "ha": "center", "color": colour}
        up = 14 if i % 2 == 0 else -14  # neighbours do not overlap
        va: Any = "bottom" if up > 0 else "top"
        ax.annotate(text, (middle, y), (0, up), va=va, fontsize=10, linespacing=1.15, **spot)
        if corrected:
            ring: Any = {"markerfacecolor": "white", "markeredgecolor": BLACK}
            ax.plot(lams[i + 1], y, "o", markersize=8, zorder=3, **ring)


def schedule_handles() -> list[Line2D]:
    """The legend of :func:`draw_schedule`."""
    return [
        Line2D([], [], color=BLUE, linewidth=5, alpha=0.55, label="expands the data"),
        Line2D([], [], color=RED, linewidth=5, alpha=0.55, label="expands the noise"),
        Line2D(
            [],
            [],
            color=BLACK,
            marker="o",
            linestyle="",
            markersize=8,
            markerfacecolor="white",
            label="corrected here",
        ),
    ]


def lambdas(sampler: Sampler) -> list[float]:
    """Lambdas of the knots; a clean end is drawn a little beyond the knot before it."""
    if isinstance(sampler, SolverSchedule):
        lams = [as_float(node.lam) for node in sampler.nodes]
    else:
        predicted = [row.target for row in sampler.rows if row.role == "predict"]
        lams = [as_float(sampler.nodes[i].lam) for i in (0, *predicted)]
    if math.isinf(lams[-1]):
        lams[-1] = lams[-2] + 0.1 * (lams[-2] - lams[0])
    return lams


def _decisions(sampler: Sampler) -> list[tuple[str, str, bool]]:
    """Of each step: what it expands, its order, start and scaling as text, and whether corrected.

    Of a coefficient table only what is expanded and the number of outputs used are known.
    """
    if isinstance(sampler, CoefficientTable):
        fixed = {row.target for row in sampler.rows if row.role == "correct"}
        steps = [row for row in sampler.rows if row.role == "predict"]
        return [(row.kind, f"uses\n{len(row.terms)}", row.target in fixed) for row in steps]
    return [
        (step.prediction, "\n".join(_words(step)), step.corrector != "none")
        for step in sampler.steps
    ]


def _words(step: Any) -> list[str]:
    words = [str(step.order)]
    if step.scaling != "none":
        scaling = step.scaling
        words.append(scaling if isinstance(scaling, str) else f"{scaling:+.2g}")
    if step.start != 1:
        words.append(f"from -{step.start}")
    if step.points is not None:
        words.append(f"{step.points} pt")
    return words


def _wrapped(name: str) -> str:
    return name.replace(" @ ", "\n@ ").replace(" lower_final", "\nlower_final")
