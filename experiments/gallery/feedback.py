"""Pictures of what gradient norms tell: refined schedules, and bounds."""

from __future__ import annotations

from pathlib import Path
from warnings import catch_warnings, simplefilter

from matplotlib.axes import Axes

from ...schedules import (
    REX,
    WSD,
    Constant,
    Cosine,
    GradNorms,
    Linear,
    OneCycle,
    Step,
    fit_closed_form,
    rank,
    refine,
)
from ..refine_figures import draw_norms, draw_refined, draw_schedules, draw_scores
from .picture import below

LOG = "refine-fashion-large-start/norms.jsonl"
STEPS = 4000


def refinement(axes: list[Axes], results: Path) -> None:
    """The norms of one run, and the schedule that they call for."""
    norms = GradNorms.load(results / LOG)
    schedule = refine(norms)
    with catch_warnings():  # the picture shows how far the closed form is off
        simplefilter("ignore")
        form = fit_closed_form(schedule)
    left, right = axes
    draw_norms(norms, 0.1, left)
    draw_refined(schedule, form, right)
    right.legend().remove()
    left.set_title("recorded in one run of a perceptron")
    right.set_title("the schedule that these norms call for")
    below([right], 4)


def scores(axes: list[Axes], results: Path) -> None:
    """Schedules, and their last-iterate bounds, each at its best base rate."""
    del results
    found = rank([Linear(), Cosine(), WSD(), REX(), OneCycle(), Step(), Constant()], STEPS)
    left, right = axes
    schedules = [ranked.schedule for ranked in found]
    draw_schedules(schedules, STEPS, left)
    draw_scores(schedules, [ranked.relative for ranked in found], right)
